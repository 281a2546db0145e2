from __future__ import annotations

from typing import Any, cast

from scanner.model.resources.base import ProviderName, Resource
from scanner.model.resources.kinds import KINDS
from scanner.model.resources.storage import Bucket


def resource(type_: str) -> Resource:
    """A resource of a cloud's type; only the header matters here."""
    provider = cast(ProviderName, type_.split(".")[0])
    header = {"provider": provider, "partition": provider, "scope": "111122223333", "region": None}
    names = {"id": "example", "name": "example", "type": type_}
    return Bucket.observe(frozenset(), {**header, **names, "tags": {}})


def configured(kind: str, type_: str, **facets: Any) -> Resource:
    """A resource of a kind with only these facets collected."""
    provider = cast(ProviderName, type_.split(".")[0])
    header = {"provider": provider, "partition": provider, "scope": "111122223333", "region": "somewhere"}
    names = {"id": "example", "name": "example", "type": type_}
    return KINDS[kind].observe(frozenset(facets), {**header, **names, "tags": {}, **facets})
