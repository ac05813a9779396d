"""What a plan must achieve, and whether it does."""
