"""The search for one block of paths: levels of resolution, several starts, acceptance against the baselines."""
