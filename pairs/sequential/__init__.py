"""Nets given by a list of layers."""
