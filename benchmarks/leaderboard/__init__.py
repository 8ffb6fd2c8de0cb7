"""All refinement methods in one table, at equal gradient budgets on one critic."""
