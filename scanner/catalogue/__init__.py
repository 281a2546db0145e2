"""The catalogue of controls, and who owes what on a resource as it is configured now."""
