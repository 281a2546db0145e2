"""TODO providers.gcp.client.client"""
