"""Scanning the simulated account in tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from providers.aws.scopes import COLLECTORS, connect
from scanner.collect.collection import Collection
from scanner.collect.provider import Limits, Request
from scanner.collect.workers import Workers
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory, Wanted
from scanner.model.resources.base import Resource

HOME = Request("aws", regions=("eu-west-1", "us-east-1"))
"""Where the sample company is: each region more would be asked the same, and only take longer."""
WHOLE = Request("aws")
QUICK = Limits(connect_seconds=2.0, read_seconds=5.0, attempts=1)
EVERYTHING = {collector.kind.kind: frozenset(collector.facets) for collector in COLLECTORS}
Scan = Callable[..., Inventory]


def run(request: Request, limits: Limits = QUICK, wanted: Wanted = EVERYTHING) -> Inventory:
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
    """The facets that could be told, by name."""
    return {
        name: getattr(resource, name)
        for name in resource.collected()
        if not isinstance(getattr(resource, name), Unknown)
    }
