"""TODO scanner.model"""
