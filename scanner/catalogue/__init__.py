"""TODO scanner.catalogue"""
