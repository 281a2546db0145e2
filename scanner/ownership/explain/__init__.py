"""Explains ownership: the lines that fit, the line that won, and what would change the result."""
