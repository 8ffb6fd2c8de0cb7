"""What a run of chains did."""
