"""The same jobs done by other means, for comparison in one run. Optional extras."""
