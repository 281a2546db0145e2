"""Findings, verdicts and coverage for people and machines."""
