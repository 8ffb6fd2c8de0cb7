"""Starts of a solver: chains through graphs of latents, and paths already solved nearby."""
