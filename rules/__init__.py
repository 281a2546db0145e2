"""The built-in pack: rules, controls and the responsibility model, as data."""
