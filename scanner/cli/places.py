"""The resources and scopes of a snapshot or report, in the form that the ownership file selects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scanner.assess.targets import ResourceTargets, StatedScope
from scanner.base.yaml import suggestion
from scanner.catalogue.control import Control, Party
from scanner.catalogue.responsibility import Catalogue
from scanner.cli.exits import Usage
from scanner.cli.matches import LISTED, Matches
from scanner.model.inventory import Inventory
from scanner.model.resources.account import Account
from scanner.model.resources.base import Resource
from scanner.model.resources.identity import Tenant
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.run.snapshot import read_snapshot

SCOPE_KINDS = (Account.kind, Tenant.kind)
"""The kinds that stand for an entire scope."""


@dataclass(frozen=True)
class EstatePlace:
    """A resource, or an entire scope."""

    target: OwnershipTarget
    id: str
    name: str
    parties: Mapping[str, Party]
    """The responsible party by control, as far as the report has it."""
    resource: Resource | None
    """``None`` if there is no snapshot."""

    @property
    def is_scope(self) -> bool:
        """Whether it is an entire scope."""
        return self.target.kind in SCOPE_KINDS

    def party(self, control: Control, catalogue: Catalogue) -> Party:
        """The party responsible for the control there; the customer if it is not known."""
        if self.resource is not None and not self.is_scope:
            return catalogue.party(control, self.resource)
        return self.parties.get(control.id, "customer")

    def __str__(self) -> str:
        scope = f"{self.target.provider} {self.target.scope}"
        path = f", {self.target.path}" if isinstance(self.target.path, str) else ""
        if self.is_scope:
            detail = f" ({self.name}{path})" if self.name != self.target.scope else path
            return f"{scope}{detail}"
        return f"{self.target.kind} {self.name} ({scope}{path})"


class Estate(ABC):
    """The resources and scopes of a snapshot or a report, which are read as they are needed."""

    finished: datetime
    notes: tuple[str, ...] = ()
    """What it lacks, for people."""
    lacking: str = ""
    """What is said of a resource that it does not have."""

    @abstractmethod
    def every_scope(self) -> Iterable[EstatePlace]:
        """All scopes."""

    @abstractmethod
    def matching(
        self, name: str, scopes: frozenset[tuple[str, str]] | None
    ) -> tuple[Sequence[EstatePlace], Iterable[str]]:
        """What is meant by an id or a name in these scopes (``None``: in all), and names like it.

        One more place than :data:`~scanner.cli.matches.LISTED` stands for any more.
        """

    def scopes(self, account: str | None) -> tuple[EstatePlace, ...]:
        """All scopes, or those with the given id or name. Raises :class:`Usage`."""
        scopes = tuple(self.every_scope())
        if account is None:
            return scopes
        found = tuple(
            place for place in scopes if account.lower() in (place.target.scope.lower(), place.name.lower())
        )
        if not found:
            known = sorted({name for place in scopes for name in (place.target.scope, place.name)})
            raise Usage(f"--account {account}: no such account{suggestion(account, known)}")
        return found

    def find(self, name: str, account: str | None) -> EstatePlace:
        """The resource with this id or name, or the only one that contains it. Raises :class:`Usage`."""
        scopes = None
        if account is not None:
            scopes = frozenset((place.target.provider, place.target.scope) for place in self.scopes(account))
        found, similar = self.matching(name, scopes)
        if len(found) == 1:
            return found[0]
        if found:
            listed = "\n".join(f"  {place.id}  {place}" for place in found[:LISTED])
            many = f"more than {LISTED}" if len(found) > LISTED else str(len(found))
            more = "\n  …" if len(found) > LISTED else ""
            raise Usage(f"gapscan: {name} matches {many} resources:\n{listed}{more}")
        raise Usage(f"no resource {name}{suggestion(name, similar)}{self.lacking}")


class SnapshotEstate(Estate):
    """The estate of a snapshot, with one resource in memory at a time."""

    def __init__(self, inventory: Inventory, finished: datetime, stated: Mapping[str, StatedScope]) -> None:
        self.finished = finished
        self._inventory = inventory
        self._targets = ResourceTargets.reading(inventory, stated)

    def __iter__(self) -> Iterator[EstatePlace]:
        """All resources, including scopes."""
        return map(self._place, self._inventory.resources)

    def every_scope(self) -> Iterable[EstatePlace]:
        """See :class:`Estate`."""
        return map(self._place, self._inventory.of(*SCOPE_KINDS))

    def matching(
        self, name: str, scopes: frozenset[tuple[str, str]] | None
    ) -> tuple[Sequence[EstatePlace], Iterable[str]]:
        """See :class:`Estate`."""
        inventory = self._inventory if scopes is None else self._inventory.within(scopes)
        matches: Matches[EstatePlace] = Matches(name)
        for resource in inventory.resources:
            if (rank := matches.rank(resource.id, resource.name)) is not None:
                matches.add(rank, (resource.provider, resource.scope, resource.id), self._place(resource))
        return matches.best(), matches.similar

    def _place(self, resource: Resource) -> EstatePlace:
        return EstatePlace(self._targets.of(resource), resource.id, resource.name, {}, resource)


def from_snapshot(path: Path, stated: Mapping[str, StatedScope], paths: bool) -> SnapshotEstate:
    """The estate of a snapshot. ``paths``: lines select by path. Raises :class:`Usage` if it lacks them."""
    collected = read_snapshot(path)
    _check_paths(path, collected.inventory, paths)
    return SnapshotEstate(collected.inventory, collected.finished, stated)


def place_in_snapshot(
    path: Path,
    stated: Mapping[str, StatedScope],
    paths: bool,
    scope: tuple[str, str],
    kind: str,
    id: str,
) -> EstatePlace | None:
    """One resource of a snapshot, of which only those of its kind in its scope are read; ``None``: it has
    none. ``paths``: as in :func:`from_snapshot`."""
    inventory = read_snapshot(path).inventory
    _check_paths(path, inventory, paths)
    accounts: dict[tuple[str, str], Account | Tenant] = {}
    found: Resource | None = None
    for resource in inventory.within({scope}).of(kind, *SCOPE_KINDS):
        if isinstance(resource, Account | Tenant):
            accounts[scope] = resource
        if resource.kind == kind and resource.id == id:
            found = resource
        if found is not None and accounts:
            break
    if found is None:
        return None
    return EstatePlace(ResourceTargets(accounts, stated).of(found), found.id, found.name, {}, found)


def _check_paths(path: Path, inventory: Inventory, paths: bool) -> None:
    if paths and "path" not in inventory.collected.get("account", ()):
        raise Usage(f"{path}: the ownership file selects by path, which the snapshot does not have")
