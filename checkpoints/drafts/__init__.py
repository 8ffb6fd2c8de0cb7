"""Manifests of bare weights: what tensors, sizes, statistics and images tell of the layers between the modules."""
