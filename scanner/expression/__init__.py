"""The language of rules: a documented subset of CEL, checked against the models, three-valued."""
