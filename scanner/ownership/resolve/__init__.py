"""TODO scanner.ownership.resolve.resolver"""
