"""The resources and scopes of a JSON report, in the form that the ownership file selects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from scanner.assess.finding import Finding, FoundResource
from scanner.assess.report_file import ReportFile
from scanner.assess.targets import StatedScope
from scanner.catalogue.control import Party
from scanner.cli.matches import Matches
from scanner.cli.places import SCOPE_KINDS, Estate, EstatePlace
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.account import Account
from scanner.model.resources.identity import Tenant
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.report.model import ScopeSummary
from scanner.report.saved import saved_head

_ScopeKey = tuple[str, str]
"""Provider and id of a scope."""

_SCOPE_LINES = tuple(f'"kind":"{kind}"'.encode() for kind in SCOPE_KINDS)
"""What the lines of findings on scopes have."""

_SHORT = "; the report lists only open findings: use --snapshot"


class ReportEstate(Estate):
    """The estate of a JSON report, which has no paths and no services.

    It has the resources of the findings that the report lists. They are read as often as needed, and what
    is held of them are the scopes.
    """

    def __init__(self, path: Path, stated: Mapping[str, StatedScope]) -> None:
        self._file = ReportFile(path)
        self._stated = stated
        self._head = saved_head(self._file, rows=False)
        self.finished = self._head.scan.finished
        self.notes = (f"{path} has no paths and no services: lines that select by them need --snapshot",)
        if self._head.summary.listed == "open":
            self.lacking = _SHORT

    def every_scope(self) -> Iterable[EstatePlace]:
        """See :class:`~scanner.cli.places.Estate`."""
        first: dict[_ScopeKey, tuple[Finding, FoundResource]] = {}
        parties: dict[_ScopeKey, dict[str, Party]] = {}
        for finding in self._file.containing(*_SCOPE_LINES):
            resource = _resource(finding)
            if resource is not None and resource.kind in SCOPE_KINDS:
                key = _scope(finding)
                first.setdefault(key, (finding, resource))
                if finding.party is not None:
                    parties.setdefault(key, {})[finding.control] = finding.party
        for key, (finding, resource) in first.items():
            yield self._place(finding, resource, resource, parties.get(key, {}))
        yield from (
            self._without_findings(scope)
            for scope in self._head.summary.scopes
            if (scope.provider, scope.scope) not in first
        )

    def matching(
        self, name: str, scopes: frozenset[_ScopeKey] | None
    ) -> tuple[Sequence[EstatePlace], Iterable[str]]:
        """See :class:`~scanner.cli.places.Estate`."""
        found: Matches[tuple[Finding, FoundResource] | ScopeSummary] = Matches(name)
        accounts: dict[_ScopeKey, FoundResource] = {}
        for finding in self._file:
            resource = _resource(finding)
            if resource is None:
                continue
            key = _scope(finding)
            if resource.kind in SCOPE_KINDS:
                accounts.setdefault(key, resource)
            if scopes is None or key in scopes:
                found.offer((*key, resource.id), resource.id, resource.name, (finding, resource))
        for scope in self._head.summary.scopes:
            key = (scope.provider, scope.scope)
            if key not in accounts and (scopes is None or key in scopes):
                found.offer((*key, scope.scope), scope.scope, scope.name, scope)
        best = found.best()
        places = []
        for one in best:
            if isinstance(one, ScopeSummary):
                places.append(self._without_findings(one))
            else:
                parties = self._parties(*one) if len(best) == 1 else {}
                places.append(self._place(*one, accounts.get(_scope(one[0])), parties))
        return places, found.similar

    def place(self, finding: Finding) -> EstatePlace | None:
        """The place of a finding; ``None`` if it is not about a resource."""
        if (resource := _resource(finding)) is None:
            return None
        key = _scope(finding)
        account = resource if resource.kind in SCOPE_KINDS else None
        if account is None:
            on_scopes = ((_scope(one), _resource(one)) for one in self._file.containing(*_SCOPE_LINES))
            account = next(
                (one for scope, one in on_scopes if scope == key and one and one.kind in SCOPE_KINDS), None
            )
        return self._place(finding, resource, account, {})

    def _parties(self, finding: Finding, resource: FoundResource) -> dict[str, Party]:
        """The responsible party of each control that has a finding on the resource."""
        place = _scope(finding)
        return {
            one.control: one.party
            for one in self._file.containing(msgspec.json.encode(resource.id))
            if one.party is not None
            and one.resource is not None
            and (_scope(one), one.resource.id) == (place, resource.id)
        }

    def _place(
        self,
        finding: Finding,
        resource: FoundResource,
        account: FoundResource | None,
        parties: Mapping[str, Party],
    ) -> EstatePlace:
        assert finding.provider is not None and finding.scope is not None
        path, account_tags = _of_scope(account.tags if account else None, self._stated.get(finding.scope))
        target = OwnershipTarget(
            provider=finding.provider,
            scope=finding.scope,
            path=path,
            region=finding.region,
            service=None,
            kind=resource.kind,
            tags=_unread("tags") if resource.tags is None else resource.tags,
            account_tags=account_tags,
            resource_id=resource.id,
            name=resource.name,
            directory=account is not None and account.kind == Tenant.kind,
        )
        return EstatePlace(target, resource.id, resource.name, parties, None)

    def _without_findings(self, scope: ScopeSummary) -> EstatePlace:
        path, tags = _of_scope(None, self._stated.get(scope.scope))
        target = OwnershipTarget(
            provider=scope.provider,
            scope=scope.scope,
            path=path,
            region=None,
            service=None,
            kind=Account.kind,
            tags=tags,
            account_tags=tags,
            resource_id=None,
            name=scope.name,
        )
        return EstatePlace(target, scope.scope, scope.name, {}, None)


def _resource(finding: Finding) -> FoundResource | None:
    """The resource of a finding; ``None`` for a kind that could not be listed, and for a line of the file."""
    resource = finding.resource
    if resource is None or finding.provider is None or finding.scope is None:
        return None
    return None if resource.is_blind_spot(finding.region) else resource


def _scope(finding: Finding) -> _ScopeKey:
    return str(finding.provider), str(finding.scope)


def _unread(what: str) -> Unknown:
    return Unknown.because("unsupported", "report", None, f"the report does not have the {what}")


def _of_scope(
    tags: Mapping[str, str] | None, stated: StatedScope | None
) -> tuple[Observed[str | None], Observed[Mapping[str, str]]]:
    path: Observed[str | None] = _unread("path")
    if stated is not None and stated.path is not None:
        path = stated.path
    if tags is None and stated is not None:
        tags = stated.tags
    return path, _unread("account's tags") if tags is None else tags
