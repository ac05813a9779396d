"""What an outcome amounts to: measures, and many replications in few numbers."""
