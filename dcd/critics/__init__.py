"""Critics made fit for use, the generator frozen."""
