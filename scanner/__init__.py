"""gapscan's engine: evidence, rules, responsibility, ownership and coverage; independent of any cloud."""
