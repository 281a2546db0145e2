"""The cloud-neutral nouns. Each facet means the same on every cloud; its docstring says what."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scanner.resources.account import Account, Region
from scanner.resources.base import HEADER, ProviderName, Resource
from scanner.resources.storage import Bucket, Encryption

KINDS: Mapping[str, type[Resource]] = MappingProxyType({cls.kind: cls for cls in (Account, Region, Bucket)})
"""Every kind by its name in rules."""

__all__ = ["HEADER", "KINDS", "Account", "Bucket", "Encryption", "ProviderName", "Region", "Resource"]
