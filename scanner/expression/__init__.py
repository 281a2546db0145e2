"""The rule language: a documented subset of CEL, type-checked against the models, with three-valued logic."""
