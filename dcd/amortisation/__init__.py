"""Flows that draw at once what a chain would sample."""
