"""Maps of the metric: distance, logarithm, exponential, transport, mean."""
