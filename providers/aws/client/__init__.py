"""The client of AWS: the only code that sees its SDK fail."""
