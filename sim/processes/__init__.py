"""The SimPy world: one process for each thing that exists. The readable truth of the model."""
