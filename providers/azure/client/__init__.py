"""TODO providers.azure.client.client"""
