"""Reports: findings, coverage and the gate's result, for people and programs."""
