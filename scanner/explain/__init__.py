"""Explanations of owners and findings. They repeat earlier decisions and make none."""
