"""TODO scanner.run"""
