"""The client of Azure: the only code that sees its SDK fail."""
