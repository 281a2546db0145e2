"""Scanning the simulated account in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.aws.scopes import connect
from providers.aws.tables import COLLECTORS
from scanner.collect.collection import Collection
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.collect.workers import Workers
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Wanted
from scanner.model.resources.base import Resource

HOME = ConnectionRequest("aws", regions=("eu-west-1", "us-east-1"))
"""The regions of the sample company: every other region would only make the scan slower."""
WHOLE = ConnectionRequest("aws")
QUICK = Limits(connect_seconds=30.0, read_seconds=60.0, attempts=1)
"""Without waiting to try again; a busy machine has time to answer."""
EVERYTHING = {collector.kind.kind: frozenset(collector.facets) for collector in COLLECTORS}
Scan = Callable[..., Inventory]


def run(request: ConnectionRequest, limits: Limits = QUICK, wanted: Wanted = EVERYTHING) -> Inventory:
    provider = connect(request, limits)
    workers = Workers(8)
    collection = Collection(workers)
    workers.submit(lambda: provider.collect(wanted, collection))
    workers.wait()
    assert collection.unfinished() == ()
    return collection.inventory(provider.targets, wanted)


def named(inventory: Inventory, kind: str) -> dict[str, Resource]:
    return {resource.name: resource for resource in inventory.resources if resource.kind == kind}


def known(resource: Resource) -> dict[str, Any]:
    """The known facets by name."""
    return {
        name: getattr(resource, name)
        for name in resource.collected()
        if not isinstance(getattr(resource, name), Unknown)
    }
