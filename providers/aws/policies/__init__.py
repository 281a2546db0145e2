"""Policies of AWS: their statements, whom they let in and what they allow."""
