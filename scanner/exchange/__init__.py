"""Import and export: the ownership matrix, OSCAL, and ownership files drafted from tables."""
