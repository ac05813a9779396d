"""Probabilities without simulation: a third witness, which needs no draw (model 13)."""
