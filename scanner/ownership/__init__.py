"""The customer's ownership file: schema, selection, resolution, inference and defects."""
