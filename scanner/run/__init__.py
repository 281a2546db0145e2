"""One run: its configuration, the scan, and the snapshot that it can be stored in."""
