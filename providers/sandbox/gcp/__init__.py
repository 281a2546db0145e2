"""The simulated Google Cloud."""
