"""What people are told of the findings, gathered in one pass; what is not told is not kept."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scanner.assess.finding import Finding
from scanner.assess.states import SEVERITIES
from scanner.catalogue.control import Severity

NAMED = 3
"""Resources of a group that are named when the report is folded."""


@dataclass(frozen=True)
class ReportSection:
    """A part of the report that tells findings."""

    title: str
    chosen: Callable[[Finding], bool]
    owner: bool
    """Whether the lines name the owner."""
    nobody: str = ""
    """What they say where there is no single one."""


@dataclass(frozen=True, order=True)
class SummaryLine:
    """One finding of a group; the most urgent first: by priority, then by severity."""

    urgency: tuple[int, int]
    name: str
    number: int
    message: str = field(compare=False)


@dataclass
class Group:
    """The findings of one rule under one owner."""

    limit: int | None
    number: int = 0
    first: list[SummaryLine] = field(default_factory=list)
    """The most urgent ones; all of them without a limit."""

    def add(self, finding: Finding) -> None:
        """Counts a finding, and keeps it if it is to be told."""
        name = finding.resource.name if finding.resource is not None else ""
        message = finding.message.removeprefix(f"{name}: ").removeprefix(f"{name} ")
        insort(self.first, SummaryLine(_urgency(finding), name, self.number, message))
        self.number += 1
        if self.limit is not None:
            del self.first[self.limit :]

    @property
    def urgency(self) -> tuple[int, int]:
        """That of the most urgent one."""
        return self.first[0].urgency

    @property
    def priority(self) -> Severity:
        """The highest."""
        return SEVERITIES[-self.urgency[0]]


@dataclass
class SectionGroups:
    """One section's findings by control, rule and owner."""

    groups: dict[tuple[str, str, str | None], Group] = field(default_factory=dict)
    resources: set[int] = field(default_factory=set)
    """Hashes of the resources, to count each once."""


@dataclass
class TextSummary:
    """Everything that the text report tells of single findings."""

    sections: dict[str, SectionGroups]
    unattested: set[str] = field(default_factory=set)
    """Controls that want a statement."""
    unowned: set[str] = field(default_factory=set)
    """Controls that fail and are nobody's."""
    causes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Causes of unknown facets that no permission settles."""
    defects: set[tuple[str, str]] = field(default_factory=set)
    """Lines of the ownership file, and what is wrong with each."""


def gather(findings: Iterable[Finding], sections: Iterable[ReportSection], unfolded: bool) -> TextSummary:
    """Goes through the findings once."""
    sections = tuple(sections)
    gist = TextSummary({section.title: SectionGroups() for section in sections})
    for finding in findings:
        for section in sections:
            if section.chosen(finding):
                _add(gist.sections[section.title], section, finding, None if unfolded else NAMED)
        _others(gist, finding)
    return gist


def _add(gathered: SectionGroups, section: ReportSection, finding: Finding, limit: int | None) -> None:
    # The team of a catch-all is only asked: it is not told as the owner.
    owner = finding.owner if section.owner and finding.ownership != "nobody" else None
    key = (finding.control, finding.rule or "", owner)
    if key not in gathered.groups:
        gathered.groups[key] = Group(limit)
    gathered.groups[key].add(finding)
    if finding.resource is not None:
        gathered.resources.add(hash((finding.scope, finding.resource.id)))


def _others(gist: TextSummary, finding: Finding) -> None:
    if finding.subject == "ownership":
        gist.defects.add((finding.owner_source or "", finding.message))
    if finding.evidence == "missing" and finding.state in (
        "unowned",
        "unattested",
        "misattributed",
        "contested",
    ):
        gist.unattested.add(finding.control)
    if finding.evidence == "fail" and finding.state == "unowned":
        gist.unowned.add(finding.control)
    for unknown in finding.unknowns:
        if unknown.facet is not None and unknown.permission is None:
            gist.causes[f"{unknown.call} {unknown.reason}: {unknown.message}"] += 1


def _urgency(finding: Finding) -> tuple[int, int]:
    return -SEVERITIES.index(finding.priority), -SEVERITIES.index(finding.severity)
