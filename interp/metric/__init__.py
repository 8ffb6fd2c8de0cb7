"""Length in the metric of a generator, its features and its critic."""
