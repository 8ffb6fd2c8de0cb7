"""Other people's files, one format a file, read without running anything in them."""
