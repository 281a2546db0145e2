"""TODO scanner.collect.collection"""
