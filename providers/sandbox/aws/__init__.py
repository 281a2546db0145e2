"""TODO providers.sandbox.aws.server"""
