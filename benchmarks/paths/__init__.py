"""What ``ganrefine path`` does: stops, decisions, solving, judging frame by frame, pictures, the report."""
