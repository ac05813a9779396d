"""One scenario at many values of some of its keys."""
