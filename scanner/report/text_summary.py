"""What the text report shows of the findings, collected in one pass; nothing else is kept in memory."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scanner.assess.finding import Finding, FoundResource
from scanner.assess.states import SEVERITIES
from scanner.catalogue.control import Severity

NAMED = 3
"""Resources of a group that are named if the report is folded."""


@dataclass(frozen=True)
class ReportSection:
    """A section of the report that lists findings."""

    title: str
    includes: Callable[[Finding], bool]
    owner: bool
    """Whether the lines name the owner."""
    no_owner: str = ""
    """Text in its place if there is no single owner."""


@dataclass(frozen=True, order=True)
class SummaryLine:
    """One finding of a group; sorts by urgency: priority, then severity."""

    urgency: tuple[int, int]
    name: str
    number: int
    message: str = field(compare=False)


@dataclass
class FindingGroup:
    """The findings of one rule under one owner."""

    limit: int | None
    number: int = 0
    proposed: set[str] = field(default_factory=set)
    """Teams that proposals name, where there is no owner."""
    first: list[SummaryLine] = field(default_factory=list)
    """The most urgent findings; all of them without a limit."""

    def add(self, finding: Finding) -> None:
        """Counts a finding, and keeps it if it is among the most urgent."""
        name = finding.resource.name if finding.resource is not None else ""
        message = finding.message.removeprefix(f"{name}: ").removeprefix(f"{name} ")
        insort(self.first, SummaryLine(_urgency(finding), name, self.number, message))
        self.number += 1
        if finding.proposed is not None:
            self.proposed.add(finding.proposed)
        if self.limit is not None:
            del self.first[self.limit :]

    @property
    def urgency(self) -> tuple[int, int]:
        """The urgency of the most urgent finding."""
        return self.first[0].urgency

    @property
    def priority(self) -> Severity:
        """The highest priority in the group."""
        return SEVERITIES[-self.urgency[0]]


@dataclass
class SectionGroups:
    """The findings of one section by control, rule and owner."""

    groups: dict[tuple[str, str, str | None], FindingGroup] = field(default_factory=dict)
    resources: set[int] = field(default_factory=set)
    """Hashes of the resources, to count each once."""


@dataclass
class UnseenGroup:
    """The resources of which one call told nothing."""

    limit: int | None
    names: list[str] = field(default_factory=list)
    """The first in order of their names; all of them without a limit."""
    resources: set[int] = field(default_factory=set)
    """Hashes of the resources, to count each once."""

    def add(self, scope: str | None, resource: FoundResource) -> None:
        """Counts a resource, and keeps its name if it is among the first."""
        key = hash((scope, resource.id))
        if key not in self.resources:
            self.resources.add(key)
            insort(self.names, resource.name)
            if self.limit is not None:
                del self.names[self.limit :]


@dataclass
class TextSummary:
    """Everything that the text report shows of individual findings."""

    sections: dict[str, SectionGroups]
    unattested: set[str] = field(default_factory=set)
    """Controls without an attestation in date."""
    unowned: set[str] = field(default_factory=set)
    """Controls that fail and have no owner."""
    proposed: set[str] = field(default_factory=set)
    """Of these, the controls for which a proposal names a team."""
    unseen: dict[str, UnseenGroup] = field(default_factory=dict)
    """The resources that are unknown, by the reason."""
    defects: set[tuple[str, str]] = field(default_factory=set)
    """Lines of the ownership file with their defects."""


def summarize(findings: Iterable[Finding], sections: Iterable[ReportSection], unfolded: bool) -> TextSummary:
    """Collects the summary in one pass over the findings."""
    sections = tuple(sections)
    summary = TextSummary({section.title: SectionGroups() for section in sections})
    for finding in findings:
        for section in sections:
            if section.includes(finding):
                _add(summary.sections[section.title], section, finding, None if unfolded else NAMED)
        _others(summary, finding, None if unfolded else NAMED)
    return summary


def _add(to: SectionGroups, section: ReportSection, finding: Finding, limit: int | None) -> None:
    # A catch-all routes to a team, but does not make it the owner.
    owner = finding.owner if section.owner and finding.ownership != "nobody" else None
    key = (finding.control, finding.rule or "", owner)
    if key not in to.groups:
        to.groups[key] = FindingGroup(limit)
    to.groups[key].add(finding)
    if finding.resource is not None:
        to.resources.add(hash((finding.scope, finding.resource.id)))


def _others(summary: TextSummary, finding: Finding, limit: int | None) -> None:
    if finding.subject == "ownership":
        summary.defects.add((finding.owner_source or "", finding.message))
    if finding.evidence == "missing" and finding.state in (
        "unowned",
        "unattested",
        "misattributed",
        "contested",
    ):
        summary.unattested.add(finding.control)
    if finding.evidence == "fail" and finding.state == "unowned":
        summary.unowned.add(finding.control)
        if finding.proposed is not None:
            summary.proposed.add(finding.control)
    resource = finding.resource
    if finding.evidence != "unknown" or resource is None or resource.is_blind_spot(finding.region):
        return
    for unknown in finding.unknowns:
        settled = unknown.permission is not None
        why = f"{unknown.call} {unknown.reason}" + ("" if settled else f": {unknown.message}")
        summary.unseen.setdefault(why, UnseenGroup(limit)).add(finding.scope, resource)


def _urgency(finding: Finding) -> tuple[int, int]:
    return -SEVERITIES.index(finding.priority), -SEVERITIES.index(finding.severity)
