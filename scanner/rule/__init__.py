"""TODO scanner.rule.rules"""
