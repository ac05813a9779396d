"""Who computes: this process, others beside it, or a cluster; and what is kept of it."""
