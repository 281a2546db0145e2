"""Reading a cloud by tables: which call gives which facet, and the one loop that makes the calls."""
