"""TODO scanner.ownership.explain"""
