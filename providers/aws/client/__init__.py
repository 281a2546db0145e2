"""TODO providers.aws.client.client"""
