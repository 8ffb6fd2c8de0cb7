"""Distance, exponential and logarithm, parallel transport, means."""
