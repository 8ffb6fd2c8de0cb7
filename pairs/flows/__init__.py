"""Invertible maps of latents."""
