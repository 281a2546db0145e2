"""TODO providers.sandbox.gcp.server"""
