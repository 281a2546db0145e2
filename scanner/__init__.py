"""gapscan's engine: evidence, rules, responsibility, ownership and coverage; it knows no cloud."""
