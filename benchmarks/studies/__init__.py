"""Experiments behind the pages under docs/results, one file each."""
