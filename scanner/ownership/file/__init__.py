"""The ownership file as people write it: its schema, reading it, checking it, drafting and renewing it."""
