"""The smallest misfortune that breaks a guarantee."""
