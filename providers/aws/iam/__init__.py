"""TODO providers.aws.iam"""
