"""TODO providers.aws.policies"""
