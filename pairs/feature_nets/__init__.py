"""Architectures of feature nets: a labelled classifier, a strided net for any size, fixed random convolutions."""
