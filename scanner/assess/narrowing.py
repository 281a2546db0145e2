"""Narrowing an assessment to what one team owns, or to the resources of a selection.

Three-valued: what may be selected, because a tag or path could not be read, stays in and is flagged.
Narrowing only leaves out findings; those that stay are assessed as they would be without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from scanner.assess.finding import Finding
from scanner.base.yaml import Document, DocumentError, suggestion
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.account import Account
from scanner.model.resources.identity import Tenant
from scanner.ownership.file.file import Line, OwnershipFile
from scanner.ownership.file.schema import OwnerText, Where
from scanner.ownership.resolve.facts import fold_tags
from scanner.ownership.resolve.inference import keys_of
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.selection import (
    HIDDEN,
    Clause,
    Facts,
    Fit,
    Hidden,
    OwnershipTarget,
    last_part,
    parts,
)

NARROWING_UNCERTAIN = "narrowing_uncertain"
"""Flag of a finding that stays in because it is unknown whether it is selected."""

_REMEMBERED = 4096
"""Results that are cached."""

UNSEEN_HOLDERS = frozenset({"account", "region", "tenant"})
"""If one of these kinds could not be listed, resources of any kind may be in it."""


class Selector:
    """Whether a selection matches a resource, or may match one that could not be listed."""

    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._clauses = tuple(clauses)
        self.uses_paths = any(clause.path is not None for clause in clauses)
        """Whether it selects by path, so that a scan has to read the hierarchy."""
        self.uses_services = any(clause.service is not None for clause in clauses)
        self.tag_keys = frozenset(key for clause in clauses for key, _ in clause.tags or ())
        self._patterns = frozenset(clause.resource_pattern for clause in clauses) - {None}
        self._conditions = frozenset(
            name
            for name in ("region", "service", "kind")
            if any(getattr(clause, name) is not None for clause in clauses)
        )
        """Conditions that no clause has are left out of the cache key."""
        self.uses_names = bool(self._patterns) or any(clause.resources is not None for clause in clauses)
        self._results: dict[tuple[Facts, bool], Fit] = {}

    def fit(self, target: OwnershipTarget) -> Fit:
        """``maybe``: it depends on an unread tag or path, or on what could not be listed."""
        listed = target.resource_id is not None
        key = (self._facts(target), listed)
        result = self._results.get(key)
        if result is None:
            if len(self._results) >= _REMEMBERED:
                self._results.clear()
            result = _most(_fit(clause, *key) for clause in self._clauses)
            self._results[key] = result
        return result

    def _facts(self, target: OwnershipTarget) -> Facts:
        ids: tuple[str, ...] = ()
        names: tuple[str, ...] = ()
        if self.uses_names and target.resource_id is not None:
            ids = (target.resource_id, last_part(target.resource_id))
            names = (*ids, *([target.name] if target.name is not None else []))
        tags = fold_tags(target.tags, self.tag_keys)
        path: tuple[str, ...] | Hidden = ()
        if self.uses_paths and target.path is not None:
            path = HIDDEN if isinstance(target.path, Unknown) else parts(target.path)
        return Facts(
            provider=target.cloud,
            account=target.scope.lower(),
            path=path,
            region=self._if_selected("region", target.region),
            service=self._if_selected("service", target.service),
            kind=target.kind if "kind" in self._conditions else "",
            tags=HIDDEN if tags is HIDDEN else frozenset(tags.items()),
            account_tags=frozenset(),
            resource=ids,
            patterns=frozenset(
                pattern
                for pattern in self._patterns
                if pattern is not None and any(pattern.match(name) for name in names)
            ),
        )

    def _if_selected(self, condition: str, value: str | None) -> str | None:
        return value.lower() if value is not None and condition in self._conditions else None


def _fit(clause: Clause, facts: Facts, listed: bool) -> Fit:
    """Conditions on unknown properties, such as those of unlisted resources, may or may not match."""
    unknown: dict[str, Any] = {}
    if facts.service is None:
        # A finding does not hold the service of its resource either.
        unknown["service"] = None
    if not listed:
        unknown |= {"resources": None, "resource_pattern": None}
        if facts.region is None:
            unknown["region"] = None
        if facts.kind in UNSEEN_HOLDERS:
            unknown["kind"] = None
    loosened = replace(clause, **unknown) if unknown else clause
    fit = loosened.fits(facts)
    return "maybe" if fit == "yes" and loosened != clause else fit


@dataclass(frozen=True)
class Narrowing:
    """What an assessment is narrowed to: what a team owns, a selection, or both."""

    file: OwnershipFile | None
    team: str | None
    """The team's id; requires a file."""
    where: Selector | None

    @property
    def uses_paths(self) -> bool:
        """Whether it selects by path, so that a scan has to read the hierarchy."""
        return self.where is not None and self.where.uses_paths

    def fit(self, control: str, target: OwnershipTarget, ownership: Ownership) -> Fit:
        """Whether a control at a target is selected."""
        fits = []
        if self.where is not None:
            fits.append(self.where.fit(target))
        if self.team is not None and "no" not in fits:
            fits.append(self._of_team(control, target, ownership))
        return _least(fits)

    def grounds(self, target: OwnershipTarget) -> Hashable:
        """All that :meth:`fit` depends on of a target: those with equal grounds fit alike."""
        where = self.where.fit(target) if self.where is not None else "yes"
        if self.team is None or self.file is None:
            return where
        lines = tuple(self._selectors[line.id].fit(target) for line in self._lines)
        unread = tuple(
            fold_tags(target.tags, keys_of([source], "resource_tag")) is HIDDEN
            or fold_tags(target.account_tags, keys_of([source], "account_tag")) is HIDDEN
            for source in self.file.settings.inferred
        )
        return where, lines, unread, target.resource_id is None

    def may_hold(self, target: OwnershipTarget) -> bool:
        """Whether something selected may be among the resources that could not be listed."""
        if self.where is not None and self.where.fit(target) == "no":
            return False
        return self.team is None or self._lines_fit(self._lines, target) != "no" or self._inferable(target)

    def concerns(self, file: str, line: int) -> bool:
        """Whether a defect of the ownership file is reported: on the team's lines, or on lines that name no
        team. A selection of resources leaves out no defect."""
        if self.file is None or self.team is None:
            return True
        named = self._named.get((file, line))
        return named is None or self.team in named

    def _of_team(self, control: str, target: OwnershipTarget, ownership: Ownership) -> Fit:
        uncertain = "owner_uncertain" in ownership.flags
        if ownership.owner == self.team and ownership.status != "nobody":
            return "maybe" if uncertain else "yes"
        if not (uncertain or ownership.status == "contested" or target.resource_id is None):
            return "no"
        lines = [line for line in self._lines if control in line.controls]
        fit = self._lines_fit(lines, target)
        if fit == "no":
            return "maybe" if uncertain and self._inferable(target, control.split(".")[0]) else "no"
        return "yes" if fit == "yes" and ownership.status == "contested" else "maybe"

    @cached_property
    def _lines(self) -> tuple[Line[OwnerText], ...]:
        """The lines by which the team owns something, without those that only route to it."""
        file = self.file
        if file is None:
            return ()
        return tuple(
            line
            for line in file.owners
            if file.accountable(line) == self.team
            and not all(file.contact_only(line, control) for control in line.controls)
        )

    @cached_property
    def _selectors(self) -> Mapping[str, Selector]:
        return {line.id: Selector(line.clauses) for line in self._lines}

    def _lines_fit(self, lines: Iterable[Line[OwnerText]], target: OwnershipTarget) -> Fit:
        return _most(self._selectors[line.id].fit(target) for line in lines)

    def _inferable(self, target: OwnershipTarget, domain: str | None = None) -> bool:
        """Whether an unread tag may assign the team."""
        if self.file is None:
            return False
        sources = [
            source for source in self.file.settings.inferred if domain is None or domain in source.domains
        ]
        return (
            fold_tags(target.tags, keys_of(sources, "resource_tag")) is HIDDEN
            or fold_tags(target.account_tags, keys_of(sources, "account_tag")) is HIDDEN
        )

    @cached_property
    def _named(self) -> Mapping[tuple[str, int], frozenset[str]]:
        """The teams that each line of the file names as accountable."""
        named: dict[tuple[str, int], set[str]] = defaultdict(set)
        if self.file is not None:
            accountable: list[tuple[Line[Any], str | None]] = [
                *((line, line.text.accountable) for line in self.file.owners),
                *((line, line.text.by) for line in self.file.attestations),
                *((line, line.text.owner) for line in (*self.file.exceptions, *self.file.not_applicable)),
            ]
            for line, name in accountable:
                if name is not None:
                    named[line.file, line.number].add(self.file.team(name) or name)
        return {place: frozenset(teams) for place, teams in named.items()}


_ORDER: tuple[Fit, ...] = ("no", "maybe", "yes")


def _least(fits: Iterable[Fit]) -> Fit:
    return min(fits, key=_ORDER.index, default="yes")


def _most(fits: Iterable[Fit]) -> Fit:
    return max(fits, key=_ORDER.index, default="no")


def team_of(file: OwnershipFile, name: str) -> str:
    """The id of the team with this id or alias. Raises :class:`ValueError` with a suggestion."""
    id = file.team(name)
    if id is None:
        known = [known for id, team in file.teams.items() for known in (id, *team.aliases)]
        raise ValueError(f"no team {name!r}{suggestion(name, known)} (teams of {file.file})")
    return id


def parse_where(text: str) -> Where:
    """Parses a selection ``KEY=VALUE,…`` with the keys of ``where`` in the ownership file; tags are
    ``tags.NAME=VALUE``, and a repeated key has several values. Raises :class:`ValueError`."""
    value: dict[str, Any] = {}
    for part in text.split(","):
        name, sign, given = (piece.strip() for piece in part.partition("="))
        if not sign or not given:
            raise ValueError(f"expected KEY=VALUE, such as account=111122223333, not {part.strip()!r}")
        if name.startswith("tags."):
            value.setdefault("tags", {}).setdefault(name.removeprefix("tags."), []).append(given)
        elif name == "tags":
            raise ValueError("name the tag, as in tags.env=prod")
        else:
            value.setdefault(name, []).append(given)
    lines: dict[tuple[str | int, ...], int] = {(name,): 1 for name in value}
    lines |= {("tags", name): 1 for name in value.get("tags", {})}
    try:
        return Document("--where", value, lines, {}).validate(Where)
    except DocumentError as error:
        raise ValueError("; ".join(problem.message for problem in error.problems)) from None


def fit_of_finding(narrowing: Narrowing, finding: Finding, account: Account | Tenant | None) -> Fit:
    """Whether a narrowing selects a finding of an earlier report.

    ``account`` is the finding's scope; without it, path and account tags count as unread.
    """
    if finding.provider is None or finding.scope is None or finding.resource is None:
        file, _, line = (finding.owner_source or "").rpartition(":")
        return "yes" if not line.isdecimal() or narrowing.concerns(file, int(line)) else "no"
    unread = Unknown.because("unsupported", "report", None, "not part of a report")
    path: Observed[str | None] = unread
    account_tags: Observed[Mapping[str, str]] = unread
    if account is not None:
        if not isinstance(account, Account):
            path = None
        elif "path" in account.collected():
            path = account.path
        account_tags = account.tags
    resource = finding.resource
    unlisted = resource.id == f"{resource.kind}@{finding.region or 'global'}"
    target = OwnershipTarget(
        provider=finding.provider,
        scope=finding.scope,
        path=path,
        region=finding.region,
        service=None,
        kind=resource.kind,
        tags=resource.tags if resource.tags is not None else unread,
        account_tags=account_tags,
        resource_id=None if unlisted else resource.id,
        name=None if unlisted else resource.name,
    )
    flags = frozenset(finding.flags)
    ownership = Ownership(finding.ownership or "nobody", finding.owner, finding.owner_source, flags=flags)
    return narrowing.fit(finding.control, target, ownership)
