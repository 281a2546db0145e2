"""The join of responsibility, ownership and evidence: states, findings, coverage, gate and metrics."""
