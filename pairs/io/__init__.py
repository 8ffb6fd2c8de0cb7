"""Images and pictures, reports, command lines and files that are whole or absent."""
