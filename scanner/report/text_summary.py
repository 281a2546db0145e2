"""What the text report shows of the findings, collected in one pass; nothing else is kept in memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field

from scanner.assess.finding import Finding, FoundResource
from scanner.assess.part import FailingSection
from scanner.assess.states import SEVERITIES, State
from scanner.assess.unseen_calls import OTHER_MESSAGES
from scanner.catalogue.control import Severity
from scanner.model.evidence import Reason
from scanner.report.model import Unseen

NAMED = 3
"""Resources of a group that are named if the report is folded."""


@dataclass(frozen=True)
class ReportSection:
    """A section of the report that lists findings."""

    title: str
    counted: FailingSection
    """Where the report's summary counts its resources."""
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
    states: set[State] = field(default_factory=set)


@dataclass
class UnseenGroup:
    """The resources of which one call told nothing."""

    limit: int | None
    first: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, scope and id of the first in order of their names; of all of them without a limit."""

    def add(self, scope: str | None, resource: FoundResource) -> None:
        """Keeps a resource if it is among the first. It comes once for each rule that does not know it."""
        key = (resource.name, scope or "", resource.id)
        place = bisect_left(self.first, key)
        if self.first[place : place + 1] != [key]:
            self.first.insert(place, key)
            if self.limit is not None:
                del self.first[self.limit :]

    @property
    def names(self) -> list[str]:
        """The names to show."""
        return [name for name, _, _ in self.first]


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


def summarize(
    findings: Iterable[Finding], sections: Iterable[ReportSection], unseen: Iterable[Unseen], unfolded: bool
) -> TextSummary:
    """Collects the summary in one pass over the findings. ``unseen``: the calls that are told apart."""
    told = frozenset(unseen_because(one.call, one.reason, one.message) for one in unseen)
    sections = tuple(sections)
    summary = TextSummary({section.title: SectionGroups() for section in sections})
    for finding in findings:
        for section in sections:
            if section.includes(finding):
                _add(summary.sections[section.title], section, finding, None if unfolded else NAMED)
        _others(summary, finding, told, None if unfolded else NAMED)
    return summary


def _add(to: SectionGroups, section: ReportSection, finding: Finding, limit: int | None) -> None:
    # A catch-all routes to a team, but does not make it the owner.
    owner = finding.owner if section.owner and finding.ownership != "nobody" else None
    key = (finding.control, finding.rule or "", owner)
    if key not in to.groups:
        to.groups[key] = FindingGroup(limit)
    to.groups[key].add(finding)
    if finding.state is not None:
        to.states.add(finding.state)


def _others(summary: TextSummary, finding: Finding, told: Container[str], limit: int | None) -> None:
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
        why = unseen_because(unknown.call, unknown.reason, None if settled else unknown.message)
        if why not in told:
            why = unseen_because(unknown.call, unknown.reason, OTHER_MESSAGES)
        summary.unseen.setdefault(why, UnseenGroup(limit)).add(finding.scope, resource)


def unseen_because(call: str, reason: Reason, message: str | None) -> str:
    """Why resources are unknown; ``message``: what the call said if no permission would settle it."""
    return f"{call} {reason}" + ("" if message is None else f": {message}")


def _urgency(finding: Finding) -> tuple[int, int]:
    return -SEVERITIES.index(finding.priority), -SEVERITIES.index(finding.severity)
