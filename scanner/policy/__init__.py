"""Reasoning about access that all clouds share: addresses, ports, and what they let in."""
