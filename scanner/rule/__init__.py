"""Rules: reading packs of them, and evaluating them on an inventory."""
