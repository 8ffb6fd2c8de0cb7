"""The chain that moves samples."""
