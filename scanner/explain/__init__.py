"""Explanations for people: of an owner, and of a finding. They repeat what decided, and decide nothing."""
