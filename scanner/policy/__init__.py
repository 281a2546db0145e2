"""TODO scanner.policy"""
