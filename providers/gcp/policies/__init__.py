"""TODO providers.gcp.policies.policies"""
