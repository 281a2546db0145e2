"""The scan in numbers: who owns what, how much of it can be seen, and what is about to lapse.

Counted while the join runs, one thing after another; no finding is kept. What is unknown is never counted
as fine: it is in every denominator, and in no numerator but its own.
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
from scanner.ownership.expirations import AGE_BANDS, AgeBand, ExceptionAge, Lapse, exceptions_by_age, lapses
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
"""How a control has its owner: by its id, a pattern, its domain, ``*`` with a ``where``, or a tag.

``catch_all``: only a line for everything, everywhere names a team, which is asked and owns nothing unless the
settings say so. The least owned first: where a control has several in one scope, the first of them counts.
"""
BASES: tuple[Basis, ...] = get_args(Basis)

WEIGHTS: Mapping[Severity, int] = {"low": 1, "medium": 2, "high": 4, "critical": 8}
"""What a finding weighs: each severity twice the one below."""

_KeyT = TypeVar("_KeyT")

_NOT_SEEN: frozenset[Evidence] = frozenset({"unknown", "unassessed"})


class Count(FrozenModel):
    """A number of controls, each counted once in each scope, and of findings."""

    controls: int
    findings: int


class Visibility(FrozenModel):
    """Coverage, and how much could be seen at all: one says nothing without the other.

    Controls are counted once in each scope, if they are the customer's there and apply.
    ``covered`` ≤ ``known`` ≤ ``applicable``.
    """

    applicable: int
    known: int
    """Everything that decides could be seen: nothing is unknown, and no kind was left out."""
    covered: int
    """Of the known, those that are met and owned everywhere."""

    def told(self) -> str:
        """Both in a line. Shares are rounded down, so that all is said of all alone."""
        return f"{self._share('covered', self.covered)} · {self._share('seen in full', self.known)}"

    def _share(self, what: str, number: int) -> str:
        percent = f" ({100 * number // self.applicable} %)" if self.applicable else ""
        return f"{what} {number:,} of {self.applicable:,}{percent}"


class Weight(FrozenModel):
    """Findings, and their weight by severity: low 1, medium 2, high 4, critical 8."""

    findings: int
    weight: int


class ScopeWeight(Weight):
    """What is nobody's in one scope."""

    provider: ProviderName
    scope: str


class TeamWeight(Weight):
    """What is nobody's and would be put to a team."""

    team: str | None
    """The team that a catch-all line names; ``None``: there is nobody to ask."""


class Unowned(Weight):
    """Failing, or without a statement, and nobody's: the same findings by domain, by scope and by whom to
    ask, the heaviest first."""

    domains: Mapping[str, Weight]
    scopes: tuple[ScopeWeight, ...]
    teams: tuple[TeamWeight, ...]


class Misattribution(FrozenModel):
    """A line that leaves to others what is the customer's."""

    source: str
    """File, line and what it says."""
    owner: str | None
    findings: int
    failing: int
    """Of these, findings whose configuration fails."""


class Contradictions(FrozenModel):
    """Where tag and file disagree; the file wins."""

    findings: int
    resources: int


class Metrics(FrozenModel):
    """The scan in numbers. Findings of the ownership file itself are not among the findings here."""

    visibility: Visibility
    total: Count
    """Everything that is the customer's and applies."""
    ownership: Mapping[Basis, Count]
    """The total by how the owner is named."""
    uncertain: int
    """Findings whose owner depends on a tag or path that could not be read; the worst outcome is told."""
    unowned: Unowned
    misattributed: tuple[Misattribution, ...]
    """By line, most findings first."""
    tag_contradicts: Contradictions
    lapsing: tuple[Lapse, ...]
    """What ends or falls due within 30 days, soonest first."""
    exceptions: tuple[ExceptionAge, ...]
    """Every exception, oldest first."""
    exceptions_by_age: Mapping[AgeBand, int]
    """Those in force by their age in days."""


def basis(ownership: Ownership) -> Basis:
    """How somebody came to own something, or why nobody does."""
    if ownership.status == "nobody":
        return "catch_all" if "catch_all" in ownership.flags else "nobody"
    if ownership.status != "owned":
        return ownership.status
    # An owner whose origin is not told is not taken for a better one.
    return ownership.specificity or "inferred"


class _Cell:
    """One control in one scope."""

    __slots__ = ("basis", "covered", "known")

    def __init__(self) -> None:
        self.basis = len(BASES) - 1
        self.known = True
        self.covered = True


class _Weighing:
    def __init__(self) -> None:
        self.findings = 0
        self.weight = 0

    def add(self, severity: Severity) -> None:
        self.findings += 1
        self.weight += WEIGHTS[severity]

    def told(self) -> dict[str, int]:
        return {"findings": self.findings, "weight": self.weight}


class Meter(AssessmentObserver):
    """Counts what the join tells."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, ProviderName, str], _Cell] = {}
        self._findings: Counter[Basis] = Counter()
        self._uncertain = 0
        self._all = _Weighing()
        self._domains: dict[str, _Weighing] = defaultdict(_Weighing)
        self._scopes: dict[tuple[ProviderName, str], _Weighing] = defaultdict(_Weighing)
        self._teams: dict[str | None, _Weighing] = defaultdict(_Weighing)
        self._lines: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0, 0])
        self._contradicting = 0
        self._contradicted: set[int] = set()
        """Hashes of the resources, to count each once."""
        self._excused: Counter[str] = Counter()

    def gathered(
        self,
        control: str,
        place: OwnershipTarget,
        party: Party,
        evidence: Evidence,
        state: State,
        ownership: Ownership | None,
    ) -> None:
        """Counts a piece of evidence for its control in its scope."""
        if party != "customer" or state == "not_applicable":
            return
        key = (control, place.provider, place.scope)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = _Cell()
        cell.known = cell.known and evidence not in _NOT_SEEN and state != "unknown"
        cell.covered = cell.covered and state == "covered"
        if ownership is not None:
            cell.basis = min(cell.basis, BASES.index(basis(ownership)))

    def found(self, finding: Finding, place: OwnershipTarget | None, ownership: Ownership | None) -> None:
        """Counts a finding."""
        if place is None or ownership is None or finding.state in (None, "not_applicable"):
            return
        if finding.state == "accepted" and ownership.exception is not None:
            self._excused[ownership.exception] += 1
        if finding.party != "customer":
            return
        self._findings[basis(ownership)] += 1
        self._uncertain += "owner_uncertain" in finding.flags
        if finding.state == "unowned":
            weighings = (
                self._all,
                self._domains[finding.control.split(".")[0]],
                self._scopes[place.provider, place.scope],
                self._teams[ownership.owner],
            )
            for weighing in weighings:
                weighing.add(finding.severity)
        if finding.state == "misattributed":
            line = self._lines[ownership.source or "", ownership.owner]
            line[0] += 1
            line[1] += finding.evidence == "fail"
        if "tag_contradicts" in finding.flags:
            self._contradicting += 1
            self._contradicted.add(hash((place.provider, place.scope, place.resource_id)))

    def metrics(self, resolver: Resolver, narrowing: Narrowing | None = None) -> Metrics:
        """All of it. A team's numbers hold what it has to renew, and not what others have."""
        cells = Counter(BASES[cell.basis] for cell in self._cells.values())
        file, now, team = resolver.file, resolver.now, narrowing.team if narrowing is not None else None
        coming = lapses(file, now) if file is not None else ()
        excuses = exceptions_by_age(file, now, self._excused) if file is not None else ()
        if team is not None:
            coming = tuple(one for one in coming if team in one.teams)
            excuses = tuple(one for one in excuses if team == one.owner or one.accepted)
        ages = Counter(one.band for one in excuses if one.standing == "in_force")
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
            lapsing=coming,
            exceptions=excuses,
            exceptions_by_age={band: ages[band] for band in AGE_BANDS},
        )

    def _unowned(self) -> Unowned:
        return Unowned(
            **self._all.told(),
            domains={name: Weight(**one.told()) for name, one in _heaviest(self._domains.items())},
            scopes=tuple(
                ScopeWeight(provider=key[0], scope=key[1], **one.told())
                for key, one in _heaviest(self._scopes.items())
            ),
            teams=tuple(TeamWeight(team=team, **one.told()) for team, one in _heaviest(self._teams.items())),
        )


def _heaviest(weighed: Iterable[tuple[_KeyT, _Weighing]]) -> list[tuple[_KeyT, _Weighing]]:
    return sorted(weighed, key=lambda one: (-one[1].weight, str(one[0])))
