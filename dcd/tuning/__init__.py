"""The search for settings that help, and the proof that they do."""
