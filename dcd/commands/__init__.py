"""The commands of ``python -m dcd``, one file each."""
