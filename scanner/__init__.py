"""gapscan's engine: evidence, rules, responsibility, ownership and coverage; independent of any cloud."""

__version__ = "0.1.0"
"""The version of the distribution, which is read from here."""
