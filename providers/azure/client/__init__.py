"""The Azure client: the only code that handles SDK failures."""
