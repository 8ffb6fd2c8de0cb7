"""Where a solver begins."""
