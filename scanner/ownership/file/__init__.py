"""TODO scanner.ownership.file.file"""
