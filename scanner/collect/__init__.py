"""Collection by tables: which call returns which facet, and the one loop that makes the calls."""
