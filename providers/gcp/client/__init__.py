"""The client of Google Cloud: the only code that handles errors of its SDK."""
