"""What goes to other tools and comes from them: the matrix, OSCAL, and ownership from tables."""
