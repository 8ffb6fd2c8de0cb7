"""Runs that live on disk: in sealed shards, by one process or several."""
