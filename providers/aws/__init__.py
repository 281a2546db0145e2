"""Amazon Web Services, read through boto3."""

from __future__ import annotations

from providers.aws.scopes import AwsProvider, connect

__all__ = ["AwsProvider", "connect"]
