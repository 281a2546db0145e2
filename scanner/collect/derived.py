"""Derived facets: computed from several resources after the collection.

Pure. Each derivation names the facets that it needs, so that a scan collects them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.inventory import Inventory, Wanted
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Bucket

Buckets = Mapping[str, Bucket]
"""By canonical id."""

_BUCKET_IDS = ("/providers/microsoft.storage/storageaccounts/", "//storage.googleapis.com/")
"""Substrings of canonical bucket ids on Azure and Google Cloud."""


@dataclass(frozen=True)
class Derivation:
    """One derived facet: the facets that it needs, and its function of the resource and all buckets."""

    kind: type[Resource]
    facet: str
    needs: Wanted
    function: Callable[[Any, Buckets], Observed[Any]]


def storage_public(trail: AuditTrail, buckets: Buckets) -> Observed[bool | None]:
    """Whether a destination bucket of the trail is public; ``None`` if there is none."""
    return _over_buckets(trail, buckets, any_of, _public)


def storage_protected(trail: AuditTrail, buckets: Buckets) -> Observed[bool | None]:
    """Whether every destination bucket keeps versions and is not public; ``None`` if there is none."""
    return _over_buckets(
        trail,
        buckets,
        all_of,
        lambda bucket: all_of(bucket.versioning, lift(lambda public: not public, _public(bucket))),
    )


def _public(bucket: Bucket) -> Observed[bool]:
    return any_of(bucket.public_read, bucket.public_write)


def _over_buckets(
    trail: AuditTrail,
    buckets: Buckets,
    combine: Callable[..., Observed[bool]],
    facet: Callable[[Bucket], Observed[bool]],
) -> Observed[bool | None]:
    if isinstance(trail.destinations, Unknown):
        return trail.destinations
    names = [name for name in trail.destinations if is_object_storage(name)]
    if not names:
        return None
    return combine(*(facet(buckets[name]) if name in buckets else _not_scanned(name) for name in names))


def is_object_storage(destination: str) -> bool:
    """Whether a destination is a bucket on one of the clouds."""
    if destination.startswith("arn:aws"):
        return destination.split(":")[2] == "s3"
    return any(mark in destination for mark in _BUCKET_IDS)


def _not_scanned(name: str) -> Unknown:
    return Unknown.because(
        "unsupported", "bucket", None, f"the bucket {name} is not in this scan: scan its account too"
    )


DERIVATIONS: tuple[Derivation, ...] = (
    Derivation(
        AuditTrail,
        "storage_public",
        {
            "audit_trail": frozenset({"destinations"}),
            "bucket": frozenset({"public_read", "public_write"}),
        },
        storage_public,
    ),
    Derivation(
        AuditTrail,
        "storage_protected",
        {
            "audit_trail": frozenset({"destinations"}),
            "bucket": frozenset({"public_read", "public_write", "versioning"}),
        },
        storage_protected,
    ),
)
"""Every derived facet."""


def needed(wanted: Wanted) -> Wanted:
    """The wanted facets, and the facets from which they are derived."""
    facets = {kind: frozenset(names) for kind, names in wanted.items()}
    for derivation in DERIVATIONS:
        if derivation.facet in facets.get(derivation.kind.kind, ()):
            for kind, names in derivation.needs.items():
                facets[kind] = facets.get(kind, frozenset({"tags"})) | names
    return facets


def collectable(wanted: Wanted) -> Wanted:
    """The wanted facets that are collected from the clouds, without derived ones."""
    derived = {(derivation.kind.kind, derivation.facet) for derivation in DERIVATIONS}
    return {kind: frozenset(f for f in facets if (kind, f) not in derived) for kind, facets in wanted.items()}


def derive(inventory: Inventory, wanted: Wanted, others: Iterable[Inventory] = ()) -> Inventory:
    """The inventory with the wanted derived facets added; its other facets are unchanged.

    Resources may also refer to buckets in the ``others``.
    """
    chosen = [d for d in DERIVATIONS if d.facet in wanted.get(d.kind.kind, ())]
    if not chosen:
        return inventory
    # Buckets collected without the needed facets are of no use here.
    needs = frozenset().union(*(d.needs[Bucket.kind] for d in chosen))
    buckets = {
        resource.id: resource
        for one in (*others, inventory)
        for resource in one.resources
        if isinstance(resource, Bucket) and needs <= resource.collected()
    }

    def complete(resource: Resource) -> Resource:
        derived = {d.facet: d.function(resource, buckets) for d in chosen if isinstance(resource, d.kind)}
        if not derived:
            return resource
        known = {name: getattr(resource, name) for name in resource.model_fields_set}
        return type(resource).observe(resource.collected() | frozenset(derived), {**known, **derived})

    return replace(inventory, resources=tuple(map(complete, inventory.resources)), collected=dict(wanted))
