"""Metrics: how controls are owned, how many are fully assessed, and what expires soon.

They are counted while the join runs; no finding is stored. Unknowns never count as fine: they are in every
denominator, and in no numerator but their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar, get_args

from scanner.assess.finding import Finding
from scanner.assess.narrowing import Narrowing
from scanner.assess.observer import AssessmentObserver
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
from scanner.ownership.resolve.selection import OwnershipTarget

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


class _Cell:
    """One control in one scope."""

    __slots__ = ("basis", "covered", "known")

    def __init__(self) -> None:
        self.basis = len(BASES) - 1
        self.known = True
        self.covered = True


class _Total:
    def __init__(self) -> None:
        self.findings = 0
        self.weight = 0

    def add(self, severity: Severity) -> None:
        self.findings += 1
        self.weight += WEIGHTS[severity]

    def fields(self) -> dict[str, int]:
        return {"findings": self.findings, "weight": self.weight}


class Meter(AssessmentObserver):
    """Counts findings and evidence as the join produces them."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, ProviderName, str], _Cell] = {}
        self._findings: Counter[Basis] = Counter()
        self._uncertain = 0
        self._all = _Total()
        self._domains: dict[str, _Total] = defaultdict(_Total)
        self._scopes: dict[tuple[ProviderName, str], _Total] = defaultdict(_Total)
        self._teams: dict[str | None, _Total] = defaultdict(_Total)
        self._lines: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0, 0])
        self._contradicting = 0
        self._contradicted: set[int] = set()
        """Hashes of the resources, to count each once."""
        self._accepted: Counter[str] = Counter()

    def on_evidence(
        self,
        control: str,
        target: OwnershipTarget,
        party: Party,
        evidence: Evidence,
        state: State,
        ownership: Ownership | None,
    ) -> None:
        """Counts a piece of evidence of its control in its scope."""
        if party != "customer" or state == "not_applicable":
            return
        key = (control, target.provider, target.scope)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = _Cell()
        cell.known = cell.known and evidence not in _NOT_SEEN and state != "unknown"
        cell.covered = cell.covered and state == "covered"
        if ownership is not None:
            cell.basis = min(cell.basis, BASES.index(basis(ownership)))

    def on_finding(
        self, finding: Finding, target: OwnershipTarget | None, ownership: Ownership | None
    ) -> None:
        """Counts a finding."""
        if target is None or ownership is None or finding.state in (None, "not_applicable"):
            return
        if finding.state == "accepted" and ownership.exception is not None:
            self._accepted[ownership.exception] += 1
        if finding.party != "customer":
            return
        self._findings[basis(ownership)] += 1
        self._uncertain += "owner_uncertain" in finding.flags
        if finding.state == "unowned":
            totals = (
                self._all,
                self._domains[finding.control.split(".")[0]],
                self._scopes[target.provider, target.scope],
                self._teams[ownership.owner],
            )
            for total in totals:
                total.add(finding.severity)
        if finding.state == "misattributed":
            line = self._lines[ownership.source or "", ownership.owner]
            line[0] += 1
            line[1] += finding.evidence == "fail"
        if "tag_contradicts" in finding.flags:
            self._contradicting += 1
            self._contradicted.add(hash((target.provider, target.scope, target.resource_id)))

    def metrics(self, resolver: Resolver, narrowing: Narrowing | None = None) -> Metrics:
        """The metrics so far. Those of a team leave out expirations and exceptions of other teams."""
        cells = Counter(BASES[cell.basis] for cell in self._cells.values())
        file, now, team = resolver.file, resolver.now, narrowing.team if narrowing is not None else None
        expiring = expirations(file, now) if file is not None else ()
        exceptions = exceptions_by_age(file, now, self._accepted) if file is not None else ()
        if team is not None:
            expiring = tuple(one for one in expiring if team in one.teams)
            exceptions = tuple(one for one in exceptions if team == one.owner or one.accepted)
        ages = Counter(one.band for one in exceptions if one.standing == "in_force")
        return Metrics(
            visibility=Visibility(
                applicable=len(self._cells),
                known=sum(cell.known for cell in self._cells.values()),
                covered=sum(cell.known and cell.covered for cell in self._cells.values()),
            ),
            total=Count(controls=len(self._cells), findings=self._findings.total()),
            ownership={
                name: Count(controls=cells[name], findings=self._findings[name]) for name in reversed(BASES)
            },
            uncertain=self._uncertain,
            unowned=self._unowned(),
            misattributed=tuple(
                Misattribution(source=source, owner=owner, findings=findings, failing=failing)
                for (source, owner), (findings, failing) in sorted(
                    self._lines.items(), key=lambda line: (-line[1][0], str(line[0]))
                )
            ),
            tag_contradicts=Contradictions(findings=self._contradicting, resources=len(self._contradicted)),
            lapsing=expiring,
            exceptions=exceptions,
            exceptions_by_age={band: ages[band] for band in AGE_BANDS},
        )

    def _unowned(self) -> Unowned:
        return Unowned(
            **self._all.fields(),
            domains={name: Weight(**one.fields()) for name, one in _heaviest(self._domains.items())},
            scopes=tuple(
                ScopeWeight(provider=key[0], scope=key[1], **one.fields())
                for key, one in _heaviest(self._scopes.items())
            ),
            teams=tuple(
                TeamWeight(team=team, **one.fields()) for team, one in _heaviest(self._teams.items())
            ),
        )


def _heaviest(totals: Iterable[tuple[_KeyT, _Total]]) -> list[tuple[_KeyT, _Total]]:
    return sorted(totals, key=lambda one: (-one[1].weight, str(one[0])))
