"""Access evaluation shared by all clouds: address ranges, ports, and who is allowed in."""
