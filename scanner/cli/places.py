"""The resources and scopes of a snapshot or a report, as the ownership file can select them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from scanner.assess.baseline import damaged, findings_of, read_report
from scanner.assess.finding import Finding
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
from scanner.run.snapshot import read_snapshot

_Key = tuple[str, str, str]
"""Provider, scope and id of a resource."""

_SHOWN = 10
"""Places that a message names."""


@dataclass(frozen=True)
class EstatePlace:
    """A resource, or a scope as a whole."""

    subject: OwnershipTarget
    id: str
    name: str
    parties: Mapping[str, Party]
    """Whose a control is there, where the report says so."""
    resource: Resource | None
    """As the snapshot has it."""

    @property
    def whole(self) -> bool:
        """Whether it is a scope as a whole."""
        return self.subject.kind in ("account", "tenant")

    def party(self, control: Control, catalogue: Catalogue) -> Party:
        """Whose the control is there; the customer's where it cannot be told."""
        if self.resource is not None and not self.whole:
            return catalogue.party(control, self.resource)
        return self.parties.get(control.id, "customer")

    def __str__(self) -> str:
        scope = f"{self.subject.provider} {self.subject.scope}"
        path = f", {self.subject.path}" if isinstance(self.subject.path, str) else ""
        if self.whole:
            told = f" ({self.name}{path})" if self.name != self.subject.scope else path
            return f"{scope}{told}"
        return f"{self.subject.kind} {self.name} ({scope}{path})"


@dataclass(frozen=True)
class Estate:
    """What a snapshot or a report tells of."""

    places: tuple[EstatePlace, ...]
    finished: datetime
    notes: tuple[str, ...]
    """What it cannot tell."""

    def scopes(self, account: str | None) -> tuple[EstatePlace, ...]:
        """The scopes, or the one that goes by an id or name."""
        whole = tuple(place for place in self.places if place.whole)
        if account is None:
            return whole
        found = tuple(
            place for place in whole if account.lower() in (place.subject.scope.lower(), place.name.lower())
        )
        if not found:
            known = sorted({name for place in whole for name in (place.subject.scope, place.name)})
            raise Usage(f"--account {account}: no such account{suggestion(account, known)}")
        return found

    def find(self, name: str, account: str | None) -> EstatePlace:
        """The resource with an id or name, or the only one with a part of it. Raises :class:`Usage`."""
        places = self.places
        if account is not None:
            scopes = {(place.subject.provider, place.subject.scope) for place in self.scopes(account)}
            places = tuple(p for p in places if (p.subject.provider, p.subject.scope) in scopes)
        wanted = name.lower()
        for found in (
            [place for place in places if place.id == name],
            [place for place in places if wanted in (place.id.lower(), place.name.lower())],
            [place for place in places if wanted in place.id.lower() or wanted in place.name.lower()],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                told = "\n".join(f"  {place.id}  {place}" for place in found[:_SHOWN])
                more = f"\n  … {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
                raise Usage(f"gapscan: {name} is the name of {len(found)} resources:\n{told}{more}")
        known = [part for place in places for part in (place.name, place.id)]
        raise Usage(f"no resource {name}{suggestion(name, known)}")


def from_snapshot(path: Path, catalogue: Catalogue, stated: Mapping[str, StatedScope], paths: bool) -> Estate:
    """The estate of a snapshot. ``paths``: lines select by path, so it has to have them."""
    collected = read_snapshot(path)
    inventory = collected.inventory
    if paths and "path" not in inventory.collected.get("account", ()):
        raise Usage(f"{path}: the ownership file selects by path, which was not collected of account")
    places = places_of(inventory, catalogue, stated)
    return Estate(tuple(places), collected.finished, ())


def places_of(
    inventory: Inventory, catalogue: Catalogue, stated: Mapping[str, StatedScope]
) -> Iterator[EstatePlace]:
    """Every resource of an inventory, scopes among them."""
    subjects = OwnershipTargets(inventory, catalogue, stated)
    for resource in inventory.resources:
        yield EstatePlace(subjects.of(resource), resource.id, resource.name, {}, resource)


def from_report(path: Path, stated: Mapping[str, StatedScope]) -> Estate:
    """The estate as far as a JSON report tells of it: neither paths nor services."""
    head, findings = reported(path)
    note = f"{path} tells no paths and no services: what selects by them can be judged by --snapshot alone"
    return Estate(tuple(_told(findings, head.summary.scopes, stated)), head.scan.finished, (note,))


def reported(path: Path) -> tuple[Head, tuple[Finding, ...]]:
    """A JSON report: its head, and its findings by uid. Raises ``DocumentError`` where it is none."""
    document = read_report(path)
    findings = findings_of(document, path)
    try:
        head = Head.model_validate_json(json.dumps({k: v for k, v in document.items() if k != "findings"}))
    except ValidationError as error:
        raise damaged(path, error) from None
    return head, findings


def _told(
    findings: Iterable[Finding], scopes: Iterable[ScopeSummary], stated: Mapping[str, StatedScope]
) -> Iterator[EstatePlace]:
    parties: dict[_Key, dict[str, Party]] = {}
    first: dict[_Key, Finding] = {}
    for finding in findings:
        if finding.resource is None or finding.provider is None or finding.scope is None:
            continue
        if finding.resource.id == f"{finding.resource.kind}@{finding.region or 'global'}":
            continue  # a kind that could not be listed is no resource
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
            subject = OwnershipTarget(
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
            yield EstatePlace(subject, scope.scope, scope.name, {}, None)


def _unread(what: str) -> Unknown:
    return Unknown.because("unsupported", "report", None, f"the report does not tell the {what}")


def _place(
    finding: Finding, account: Finding | None, parties: Mapping[str, Party], stated: StatedScope | None
) -> EstatePlace:
    resource = finding.resource
    assert resource is not None and finding.provider is not None and finding.scope is not None
    tags = resource.tags
    accounts = account.resource.tags if account is not None and account.resource is not None else None
    path, account_tags = _of_scope(accounts, stated)
    in_directory = account is not None and account.resource is not None and account.resource.kind == "tenant"
    subject = OwnershipTarget(
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
    return EstatePlace(subject, resource.id, resource.name, parties, None)


def _of_scope(
    tags: Mapping[str, str] | None, stated: StatedScope | None
) -> tuple[Observed[str | None], Observed[Mapping[str, str]]]:
    path: Observed[str | None] = _unread("path")
    if stated is not None and stated.path is not None:
        path = stated.path
    if tags is None and stated is not None:
        tags = stated.tags
    return path, _unread("account's tags") if tags is None else tags
