"""The cloud-neutral nouns. Each facet means the same on every cloud; its docstring says what."""
