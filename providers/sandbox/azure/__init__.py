"""TODO providers.sandbox.azure.server"""
