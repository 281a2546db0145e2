"""Derived facets: computed from several resources after the collection.

Pure. Each derivation names the facets that it needs, so that a scan collects them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.inventory import Inventory, ResourceNumbers, SelectableResources, Selection, Wanted
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Bucket

Buckets = Mapping[str, Bucket]
"""By canonical id."""

_BUCKET_IDS = ("/providers/microsoft.storage/storageaccounts/", "//storage.googleapis.com/")
"""Substrings of canonical bucket ids on Azure and Google Cloud."""


@dataclass(frozen=True)
class Derivation:
    """One derived facet: the facets that it needs, and its function of the resource and the buckets named."""

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


def wants(inventory: Inventory, wanted: Wanted) -> frozenset[str]:
    """The ids of the buckets that derivation needs from other inventories: named by trails, and not held."""
    names = _named(inventory, _chosen(wanted))
    return names - {bucket.id for bucket in gives(inventory, wanted, names)}


def gives(inventory: Inventory, wanted: Wanted, names: Collection[str]) -> tuple[Bucket, ...]:
    """The inventory's buckets with these ids, for derivation; those without the needed facets are no use."""
    chosen = _chosen(wanted)
    if not names or not chosen:
        return ()
    needs = frozenset().union(*(each.needs[Bucket.kind] for each in chosen))
    held = inventory.selectable.named(Bucket.kind, frozenset(names))
    return tuple(one for one in held if isinstance(one, Bucket) and needs <= one.collected())


def derive(inventory: Inventory, wanted: Wanted, given: Iterable[Bucket] = ()) -> Inventory:
    """The inventory with the wanted derived facets added; its other facets are unchanged.

    Derived facets are computed as the resources are iterated, from the buckets that trails name: those of the
    inventory itself, else those ``given``: what other inventories give (:func:`gives`) of what it
    :func:`wants`.
    """
    chosen = _chosen(wanted)
    if not chosen:
        return inventory
    names = _named(inventory, chosen)
    own = gives(inventory, wanted, names)
    buckets = {bucket.id: bucket for bucket in (*given, *own) if bucket.id in names}
    resources = _DerivedResources(inventory.selectable, chosen, buckets)
    return replace(inventory, resources=resources, collected=dict(wanted))


def _chosen(wanted: Wanted) -> tuple[Derivation, ...]:
    return tuple(each for each in DERIVATIONS if each.facet in wanted.get(each.kind.kind, ()))


def _named(inventory: Inventory, chosen: tuple[Derivation, ...]) -> frozenset[str]:
    """The ids of the buckets that its trails name."""
    if not chosen:
        return frozenset()
    trails = (one for one in inventory.of(AuditTrail.kind) if isinstance(one, AuditTrail))
    known = (trail.destinations for trail in trails if not isinstance(trail.destinations, Unknown))
    return frozenset(name for names in known for name in names if is_object_storage(name))


@dataclass(frozen=True, eq=False)
class _DerivedResources(SelectableResources):
    """Other resources with derived facets."""

    resources: SelectableResources
    chosen: tuple[Derivation, ...]
    buckets: Buckets

    @property
    def numbers(self) -> ResourceNumbers:
        return self.resources.numbers

    def select(self, selection: Selection) -> SelectableResources:
        return replace(self, resources=self.resources.select(selection))

    def named(self, kind: str, ids: frozenset[str]) -> Iterator[Resource]:
        return map(self._complete, self.resources.named(kind, ids))

    def __iter__(self) -> Iterator[Resource]:
        return map(self._complete, self.resources)

    def _complete(self, resource: Resource) -> Resource:
        chosen = [each for each in self.chosen if isinstance(resource, each.kind)]
        if not chosen:
            return resource
        derived = {each.facet: each.function(resource, self.buckets) for each in chosen}
        known = {name: getattr(resource, name) for name in resource.model_fields_set}
        return type(resource).observe(resource.collected() | frozenset(derived), {**known, **derived})
