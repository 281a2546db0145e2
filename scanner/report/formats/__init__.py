"""The report formats: a module for each, named as ``--report`` names it."""
