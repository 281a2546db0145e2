"""Metrics: how controls are owned, how many are fully assessed, and what expires soon.

They are counted class by class while the scopes are assessed. Unknowns never count as fine: they are in
every denominator, and in no numerator but their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import msgspec

from scanner.assess.narrowing import Narrowing
from scanner.assess.states import Evidence, State
from scanner.base.models import FrozenModel
from scanner.catalogue.control import Party, Severity
from scanner.model.resources.base import ProviderName
from scanner.ownership.expirations import (
    AGE_BANDS,
    AgeBand,
    ExceptionAge,
    Expiration,
    exceptions_by_age,
    expirations,
)
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.resolver import Resolver

Basis = Literal[
    "nobody",
    "catch_all",
    "misattributed",
    "contested",
    "inferred",
    "everything",
    "domain",
    "glob",
    "exact",
]
"""How a control's owner is assigned: by its id, a pattern, its domain, ``*`` with a ``where``, or a tag.

``catch_all``: only a line for everything, everywhere names a team, which owns nothing unless the settings say
so. Weakest first: if a control has several in one scope, the first of them counts.
"""
BASES: tuple[Basis, ...] = get_args(Basis)

WEIGHTS: Mapping[Severity, int] = {"low": 1, "medium": 2, "high": 4, "critical": 8}
"""The weight of a finding: each severity has twice that of the one below."""

_KeyT = TypeVar("_KeyT")

_NOT_SEEN: frozenset[Evidence] = frozenset({"unknown", "unassessed"})


class Count(FrozenModel):
    """The number of controls, each counted once per scope, and of findings."""

    controls: int
    findings: int


class Visibility(FrozenModel):
    """Coverage, and how much was fully assessed: neither is meaningful without the other.

    Controls are counted once per scope, if they are the customer's there and apply.
    ``covered`` ≤ ``known`` ≤ ``applicable``.
    """

    applicable: int
    known: int
    """Fully assessed: nothing is unknown, and every expected kind was evaluated."""
    covered: int
    """Of the known, those that pass and are owned everywhere."""

    def summary(self) -> str:
        """Both shares in one line, rounded down, so that 100 % means all."""
        return f"{self._share('covered', self.covered)} · {self._share('fully assessed', self.known)}"

    def _share(self, label: str, number: int) -> str:
        percent = f" ({100 * number // self.applicable} %)" if self.applicable else ""
        return f"{label} {number:,} of {self.applicable:,}{percent}"


class Weight(FrozenModel):
    """The number of findings, and their weight by severity: low 1, medium 2, high 4, critical 8."""

    findings: int
    weight: int


class ScopeWeight(Weight):
    """The unowned findings of one scope."""

    provider: ProviderName
    scope: str


class TeamWeight(Weight):
    """The unowned findings that a catch-all line routes to one team."""

    team: str | None
    """``None``: no catch-all line names a team."""


class Unowned(Weight):
    """Findings that fail or lack an attestation, and have no owner: the same findings by domain, scope and
    catch-all team, highest weight first."""

    domains: Mapping[str, Weight]
    scopes: tuple[ScopeWeight, ...]
    teams: tuple[TeamWeight, ...]


class Misattribution(FrozenModel):
    """A line that assigns the customer's responsibility to another party."""

    source: str
    """File, line and its content."""
    owner: str | None
    findings: int
    failing: int
    """Of these, findings with failing evidence."""


class Contradictions(FrozenModel):
    """Conflicts between a tag and the file; the file wins."""

    findings: int
    resources: int


class Metrics(FrozenModel):
    """The metrics of a scan. Findings do not include the defects of the ownership file."""

    visibility: Visibility
    total: Count
    """Everything that is the customer's responsibility and applies."""
    ownership: Mapping[Basis, Count]
    """The total by how the owner is assigned."""
    uncertain: int
    """Findings whose owner depends on a tag or path that could not be read; the worst outcome counts."""
    unowned: Unowned
    misattributed: tuple[Misattribution, ...]
    """By line, most findings first."""
    tag_contradicts: Contradictions
    lapsing: tuple[Expiration, ...]
    """What expires or is due for review within 30 days, soonest first."""
    exceptions: tuple[ExceptionAge, ...]
    """Every exception, oldest first."""
    exceptions_by_age: Mapping[AgeBand, int]
    """Exceptions in force by age in days."""


def basis(ownership: Ownership) -> Basis:
    """How the owner is assigned, or why there is none."""
    if ownership.status == "nobody":
        return "catch_all" if "catch_all" in ownership.flags else "nobody"
    if ownership.status != "owned":
        return ownership.status
    # An owner of unknown origin does not count as a more specific one.
    return ownership.specificity or "inferred"


class ControlCell(msgspec.Struct):
    """One control in one scope."""

    basis: int = len(BASES) - 1
    """The weakest, as a number in :data:`BASES`."""
    known: bool = True
    covered: bool = True


class Total(msgspec.Struct):
    """A number of findings, and their weight."""

    findings: int = 0
    weight: int = 0

    def add(self, number: int, weight: int) -> None:
        """Counts findings with their weight together."""
        self.findings += number
        self.weight += weight


class MetricCounts(msgspec.Struct):
    """What the metrics count; the counts of several scopes can be added up."""

    cells: dict[tuple[str, ProviderName, str], ControlCell] = {}
    """By control, provider and scope."""
    findings: dict[Basis, int] = {}
    uncertain: int = 0
    domains: dict[str, Total] = {}
    """Unowned findings by domain; the scopes and teams have the same ones."""
    scopes: dict[tuple[ProviderName, str], Total] = {}
    teams: dict[str | None, Total] = {}
    misattributed: dict[tuple[str, str | None], Total] = {}
    """By the line and the team that it names. The weight is the number of findings that fail."""
    contradicting: int = 0
    contradicted: int = 0
    """Resources with a tag that contradicts the ownership file."""
    accepted: dict[str, int] = {}
    """Findings by the exception that accepts them."""

    def evidence(
        self,
        control: str,
        provider: ProviderName,
        scope: str,
        party: Party,
        evidence: Evidence,
        state: State,
        basis: int | None,
    ) -> None:
        """A piece of evidence of a control in a scope. ``basis``: ``None`` where the rest of it has one."""
        if party != "customer" or state == "not_applicable":
            return
        cell = self.cells.setdefault((control, provider, scope), ControlCell())
        cell.known = cell.known and evidence not in _NOT_SEEN and state != "unknown"
        cell.covered = cell.covered and state == "covered"
        if basis is not None:
            cell.basis = min(cell.basis, basis)

    def finding(self, finding: CountedFinding, number: int) -> None:
        """Counts findings of one class, which differ in nothing that is measured."""
        ownership, state = finding.ownership, finding.state
        if state == "not_applicable":
            return
        if state == "accepted" and ownership.exception is not None:
            self.accepted[ownership.exception] = self.accepted.get(ownership.exception, 0) + number
        if finding.party != "customer":
            return
        found = basis(ownership)
        self.findings[found] = self.findings.get(found, 0) + number
        self.uncertain += number if "owner_uncertain" in finding.flags else 0
        if state == "unowned":
            weight = number * WEIGHTS[finding.severity]
            domain = finding.control.split(".")[0]
            self.domains.setdefault(domain, Total()).add(number, weight)
            self.scopes.setdefault((finding.provider, finding.scope), Total()).add(number, weight)
            self.teams.setdefault(ownership.owner, Total()).add(number, weight)
        if state == "misattributed":
            line = self.misattributed.setdefault((ownership.source or "", ownership.owner), Total())
            line.add(number, number if finding.evidence == "fail" else 0)
        self.contradicting += number if "tag_contradicts" in finding.flags else 0

    def add(self, other: MetricCounts) -> None:
        """Adds the counts of other scopes."""
        for place, cell in other.cells.items():
            mine = self.cells.setdefault(place, ControlCell())
            mine.basis = min(mine.basis, cell.basis)
            mine.known = mine.known and cell.known
            mine.covered = mine.covered and cell.covered
        for name, number in other.findings.items():
            self.findings[name] = self.findings.get(name, 0) + number
        for exception, number in other.accepted.items():
            self.accepted[exception] = self.accepted.get(exception, 0) + number
        self.uncertain += other.uncertain
        self.contradicting += other.contradicting
        self.contradicted += other.contradicted
        _add_up(self.domains, other.domains)
        _add_up(self.scopes, other.scopes)
        _add_up(self.teams, other.teams)
        _add_up(self.misattributed, other.misattributed)


@dataclass(frozen=True)
class CountedFinding:
    """What is measured of findings of evidence."""

    control: str
    provider: ProviderName
    scope: str
    party: Party
    ownership: Ownership
    evidence: Evidence
    state: State
    flags: frozenset[str]
    severity: Severity


def metrics(counts: MetricCounts, resolver: Resolver, narrowing: Narrowing | None = None) -> Metrics:
    """The metrics of everything that was counted. Those of a team leave out expirations and exceptions of
    other teams."""
    cells = Counter(BASES[cell.basis] for cell in counts.cells.values())
    file, now, team = resolver.file, resolver.now, narrowing.team if narrowing is not None else None
    expiring = expirations(file, now) if file is not None else ()
    exceptions = exceptions_by_age(file, now, Counter(counts.accepted)) if file is not None else ()
    if team is not None:
        expiring = tuple(one for one in expiring if team in one.teams)
        exceptions = tuple(one for one in exceptions if team == one.owner or one.accepted)
    ages = Counter(one.band for one in exceptions if one.standing == "in_force")
    return Metrics(
        visibility=Visibility(
            applicable=len(counts.cells),
            known=sum(cell.known for cell in counts.cells.values()),
            covered=sum(cell.known and cell.covered for cell in counts.cells.values()),
        ),
        total=Count(controls=len(counts.cells), findings=sum(counts.findings.values())),
        ownership={
            name: Count(controls=cells[name], findings=counts.findings.get(name, 0))
            for name in reversed(BASES)
        },
        uncertain=counts.uncertain,
        unowned=_unowned(counts),
        misattributed=tuple(
            Misattribution(source=source, owner=owner, findings=total.findings, failing=total.weight)
            for (source, owner), total in sorted(
                counts.misattributed.items(), key=lambda line: (-line[1].findings, str(line[0]))
            )
        ),
        tag_contradicts=Contradictions(findings=counts.contradicting, resources=counts.contradicted),
        lapsing=expiring,
        exceptions=exceptions,
        exceptions_by_age={band: ages[band] for band in AGE_BANDS},
    )


def _unowned(counts: MetricCounts) -> Unowned:
    return Unowned(
        findings=sum(total.findings for total in counts.domains.values()),
        weight=sum(total.weight for total in counts.domains.values()),
        domains={
            name: Weight(findings=one.findings, weight=one.weight)
            for name, one in _heaviest(counts.domains.items())
        },
        scopes=tuple(
            ScopeWeight(provider=key[0], scope=key[1], findings=one.findings, weight=one.weight)
            for key, one in _heaviest(counts.scopes.items())
        ),
        teams=tuple(
            TeamWeight(team=team, findings=one.findings, weight=one.weight)
            for team, one in _heaviest(counts.teams.items())
        ),
    )


def _add_up(totals: dict[_KeyT, Total], more: Mapping[_KeyT, Total]) -> None:
    for key, total in more.items():
        totals.setdefault(key, Total()).add(total.findings, total.weight)


def _heaviest(totals: Iterable[tuple[_KeyT, Total]]) -> list[tuple[_KeyT, Total]]:
    return sorted(totals, key=lambda one: (-one[1].weight, str(one[0])))
