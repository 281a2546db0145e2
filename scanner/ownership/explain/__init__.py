"""Why an owner is who it is: the lines that fit, the one that won, and what would change it."""
