"""The clouds: one package each, with the same file names inside."""
