"""What Jupyter shows: results as cards, and the what-if panel."""
