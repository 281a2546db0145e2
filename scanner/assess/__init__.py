"""TODO scanner.assess"""
