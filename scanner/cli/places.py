"""The resources and scopes of a snapshot or report, in the form that the ownership file selects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scanner.assess.finding import Finding
from scanner.assess.report_file import ReportFile
from scanner.assess.targets import OwnershipTargets, StatedScope
from scanner.base.yaml import suggestion
from scanner.catalogue.control import Control, Party
from scanner.catalogue.responsibility import Catalogue
from scanner.cli.exits import Usage
from scanner.model.evidence import Observed, Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.base import Resource
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.report.model import Head, ScopeSummary
from scanner.report.saved import saved_head
from scanner.run.snapshot import read_snapshot

_Key = tuple[str, str, str]
"""Provider, scope and id of a resource."""

_LISTED = 10
"""Maximum resources listed in a message."""


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
        return self.target.kind in ("account", "tenant")

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


@dataclass(frozen=True)
class Estate:
    """The resources and scopes of a snapshot or a report."""

    places: tuple[EstatePlace, ...]
    finished: datetime
    notes: tuple[str, ...]
    """What it lacks, for people."""

    def scopes(self, account: str | None) -> tuple[EstatePlace, ...]:
        """All scopes, or those with the given id or name. Raises :class:`Usage`."""
        scopes = tuple(place for place in self.places if place.is_scope)
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
        places = self.places
        if account is not None:
            scopes = {(place.target.provider, place.target.scope) for place in self.scopes(account)}
            places = tuple(p for p in places if (p.target.provider, p.target.scope) in scopes)
        wanted = name.lower()
        for found in (
            [place for place in places if place.id == name],
            [place for place in places if wanted in (place.id.lower(), place.name.lower())],
            [place for place in places if wanted in place.id.lower() or wanted in place.name.lower()],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                listed = "\n".join(f"  {place.id}  {place}" for place in found[:_LISTED])
                more = f"\n  … {len(found) - _LISTED} more" if len(found) > _LISTED else ""
                raise Usage(f"gapscan: {name} matches {len(found)} resources:\n{listed}{more}")
        known = [part for place in places for part in (place.name, place.id)]
        raise Usage(f"no resource {name}{suggestion(name, known)}")


def from_snapshot(path: Path, catalogue: Catalogue, stated: Mapping[str, StatedScope], paths: bool) -> Estate:
    """The estate of a snapshot. ``paths``: lines select by path. Raises :class:`Usage` if it lacks them."""
    collected = read_snapshot(path)
    inventory = collected.inventory
    if paths and "path" not in inventory.collected.get("account", ()):
        raise Usage(f"{path}: the ownership file selects by path, which the snapshot does not have")
    places = places_of(inventory, catalogue, stated)
    return Estate(tuple(places), collected.finished, ())


def places_of(
    inventory: Inventory, catalogue: Catalogue, stated: Mapping[str, StatedScope]
) -> Iterator[EstatePlace]:
    """All resources of an inventory, including scopes."""
    targets = OwnershipTargets(inventory, catalogue, stated)
    for resource in inventory.resources:
        yield EstatePlace(targets.of(resource), resource.id, resource.name, {}, resource)


def from_report(path: Path, stated: Mapping[str, StatedScope]) -> Estate:
    """The estate of a JSON report, which has no paths and no services."""
    head, findings = reported(path)
    note = f"{path} has no paths and no services: lines that select by them need --snapshot"
    return Estate(tuple(_places(findings, head.summary.scopes, stated)), head.scan.finished, (note,))


def reported(path: Path) -> tuple[Head, tuple[Finding, ...]]:
    """The head of a JSON report, and its findings by uid. Raises ``DocumentError`` if it is not valid."""
    report = ReportFile(path)
    return saved_head(report), tuple(report)


def _places(
    findings: Iterable[Finding], scopes: Iterable[ScopeSummary], stated: Mapping[str, StatedScope]
) -> Iterator[EstatePlace]:
    parties: dict[_Key, dict[str, Party]] = {}
    first: dict[_Key, Finding] = {}
    for finding in findings:
        if finding.resource is None or finding.provider is None or finding.scope is None:
            continue
        if finding.resource.is_blind_spot(finding.region):
            continue  # a kind that could not be listed, not a resource
        place = (finding.provider, finding.scope, finding.resource.id)
        first.setdefault(place, finding)
        if finding.party is not None:
            parties.setdefault(place, {})[finding.control] = finding.party
    known: dict[tuple[str, str], Finding] = {
        key[:2]: finding
        for key, finding in first.items()
        if finding.resource is not None and finding.resource.kind in ("account", "tenant")
    }
    for key, finding in first.items():
        account = known.get(key[:2])
        yield _place(finding, account, parties.get(key, {}), stated.get(key[1]))
    for scope in scopes:
        if (str(scope.provider), scope.scope) not in known:
            path, tags = _of_scope(None, stated.get(scope.scope))
            target = OwnershipTarget(
                provider=scope.provider,
                scope=scope.scope,
                path=path,
                region=None,
                service=None,
                kind="account",
                tags=tags,
                account_tags=tags,
                resource_id=None,
                name=scope.name,
            )
            yield EstatePlace(target, scope.scope, scope.name, {}, None)


def _unread(what: str) -> Unknown:
    return Unknown.because("unsupported", "report", None, f"the report does not have the {what}")


def _place(
    finding: Finding, account: Finding | None, parties: Mapping[str, Party], stated: StatedScope | None
) -> EstatePlace:
    resource = finding.resource
    assert resource is not None and finding.provider is not None and finding.scope is not None
    tags = resource.tags
    accounts = account.resource.tags if account is not None and account.resource is not None else None
    path, account_tags = _of_scope(accounts, stated)
    in_directory = account is not None and account.resource is not None and account.resource.kind == "tenant"
    target = OwnershipTarget(
        provider=finding.provider,
        scope=finding.scope,
        path=path,
        region=finding.region,
        service=None,
        kind=resource.kind,
        tags=_unread("tags") if tags is None else tags,
        account_tags=account_tags,
        resource_id=resource.id,
        name=resource.name,
        directory=in_directory,
    )
    return EstatePlace(target, resource.id, resource.name, parties, None)


def _of_scope(
    tags: Mapping[str, str] | None, stated: StatedScope | None
) -> tuple[Observed[str | None], Observed[Mapping[str, str]]]:
    path: Observed[str | None] = _unread("path")
    if stated is not None and stated.path is not None:
        path = stated.path
    if tags is None and stated is not None:
        tags = stated.tags
    return path, _unread("account's tags") if tags is None else tags
