from __future__ import annotations

from typing import cast

from scanner.resources import Bucket, ProviderName, Resource


def resource(type_: str) -> Resource:
    """Any resource of a cloud's type; only the header matters here."""
    provider = cast(ProviderName, type_.split(".")[0])
    header = {"provider": provider, "partition": provider, "scope": "111122223333", "region": None}
    names = {"id": "example", "name": "example", "type": type_}
    return Bucket.observe(frozenset(), {**header, **names, "tags": {}})
