"""The client of Google Cloud: the only code that sees its SDK fail."""
