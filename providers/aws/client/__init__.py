"""The AWS client: the only code that handles failures of the SDK."""
