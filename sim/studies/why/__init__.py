"""One device: what happened to it, and what would have saved it."""
