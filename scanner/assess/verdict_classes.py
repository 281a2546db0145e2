"""Classes of verdicts: what is decided once for all verdicts that nothing tells apart.

Millions of verdicts are of a few hundred classes: the same rule and outcome on resources that lie in the same
scope and region, are of one type, and look the same to the ownership file, the gates and the responsibility
model. The decision is made for the first of them; the rest are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scanner.assess.coverage_rows import CoverageKey
from scanner.assess.finding import must_be_listed
from scanner.assess.gate import GatePlace
from scanner.assess.judged_control import ControlAssessor, JudgedControl
from scanner.assess.metrics import CountedFinding
from scanner.assess.part import FailingSection
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import Evidence, State, worst
from scanner.assess.targets import OwnershipTargets
from scanner.catalogue.boundary import Boundary
from scanner.catalogue.control import Control, Party, Severity
from scanner.model.evidence import BlindSpot, Unknown
from scanner.model.resources.base import Resource
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.rule.rule import Outcome, Rule

_SECTIONS: Mapping[State, FailingSection] = {
    "unowned": "unowned",
    "misattributed": "misplaced",
    "contested": "misplaced",
    "failing": "owned",
    "accepted": "accepted",
}

_HELD = 1_000
"""Groups that are held; then their counts are handed over and new ones are begun."""


@dataclass(slots=True)
class VerdictClass:
    """The decision on all verdicts of one class, and how many there are."""

    rule: Rule
    outcome: Outcome
    control: Control
    boundary: Boundary | None
    """``None`` for a blind spot."""
    target: OwnershipTarget
    """That of the first of them."""
    assessed: JudgedControl
    priority: Severity
    place: GatePlace
    shared: dict[str, Any]
    """The fields that their findings share."""
    listed: bool
    """Whether each finding is listed even if a report lists no more than it must."""
    section: FailingSection | None
    """Where reports tell of the resources that fail."""
    contradicted: bool
    """Whether a tag of the resources contradicts the ownership file."""
    observed: tuple[str, ...]
    """The facets that a finding tells, sorted."""
    reported: bool
    """Whether they are part of what the assessment is narrowed to."""
    lacks_boundary: bool
    """Whether something unknown decides which party is responsible."""
    telling: bool
    """Whether more is to be done for each of them than to count it."""
    count: int = 0
    stopped: int = 0
    """Of these, the findings at the gate."""
    new_rule: int = 0
    """Findings that the gate lets pass as the baseline did not have their rule."""

    @property
    def state(self) -> State:
        """The state of each."""
        return self.assessed.result.state

    @property
    def row(self) -> CoverageKey:
        """The coverage row that they are evidence for."""
        return self.assessed.row(self.control, self.target)

    def measured(self) -> CountedFinding:
        """What is measured of each finding."""
        return CountedFinding(
            self.control.id,
            self.target.provider,
            self.target.scope,
            self.assessed.party,
            self.assessed.ownership,
            self.assessed.evidence,
            self.state,
            self.assessed.all_flags,
            self.rule.text.severity,
        )


@dataclass(slots=True)
class ResourceGroup:
    """Resources that nothing which decides tells apart."""

    subject: Resource | BlindSpot
    """The first of them."""
    target: OwnershipTarget
    partition: str
    classes: dict[tuple[str, Outcome], VerdictClass] = field(default_factory=dict)
    """By rule and outcome."""


class VerdictClasses:
    """The classes of one assessment."""

    def __init__(
        self,
        request: AssessmentRequest,
        targets: OwnershipTargets,
        resolver: Resolver,
        assessor: ControlAssessor,
        settle: Callable[[VerdictClass], None],
    ) -> None:
        """``settle`` takes each class once no verdict will be added to it any more."""
        self._request = request
        self._targets = targets
        self._resolver = resolver
        self._assessor = assessor
        self._settle = settle
        self._groups: dict[Hashable, ResourceGroup] = {}
        self._alike: dict[Hashable, ResourceGroup] = {}
        """Groups by what of a resource can be selected, as it is written."""
        self._shifting = request.catalogue.shifting_kinds
        self._tag_keys = self._selecting_tags()

    def group(self, subject: Resource | BlindSpot) -> ResourceGroup:
        """The group of a resource; a blind spot has one of its own."""
        if isinstance(subject, BlindSpot):
            return self._group((subject, ""), subject, self._targets.of(subject))
        looks = self._looks(subject)
        group = self._alike.get(looks) if looks is not None else None
        if group is not None:
            return group
        target = self._targets.of(subject)
        terms, narrowing = self._request.terms, self._request.narrowing
        key = (
            subject.partition,
            subject.provider,
            subject.scope,
            subject.region,
            subject.kind,
            subject.type,
            self._resolver.grounds(target),
            self._request.catalogue.grounds(subject),
            terms.gates_at(target) if terms.scopes else None,
            narrowing.grounds(target) if narrowing is not None else None,
        )
        group = self._group(key, subject, target)
        if looks is not None:
            if len(self._alike) >= _HELD:
                self._alike.clear()
            self._alike[looks] = group
        return group

    def _group(self, key: Hashable, subject: Resource | BlindSpot, target: OwnershipTarget) -> ResourceGroup:
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _HELD:
                self.finish()
            group = self._groups[key] = ResourceGroup(subject, target, self._targets.partition(subject))
        return group

    def _looks(self, resource: Resource) -> Hashable:
        """What of a resource can be selected, as it is written; ``None``: it may be selected by its name, or
        its configuration decides who is responsible."""
        tags = resource.tags
        if self._tag_keys is None or resource.kind in self._shifting or isinstance(tags, Unknown):
            return None
        keys = self._tag_keys
        return (
            resource.partition,
            resource.provider,
            resource.scope,
            resource.region,
            resource.kind,
            resource.type,
            *[pair for pair in tags.items() if pair[0].lower() in keys],
        )

    def _selecting_tags(self) -> frozenset[str] | None:
        """The keys, in lower case, of all tags that anything selects by; ``None``: also by name."""
        selectors = [one.selector for one in self._request.terms.scopes]
        narrowing = self._request.narrowing
        if narrowing is not None:
            return None
        keys = self._resolver.selecting_tags
        if keys is None or any(selector.uses_names for selector in selectors):
            return None
        return keys.union(*(selector.tag_keys for selector in selectors))

    def of(self, group: ResourceGroup, rule: Rule, outcome: Outcome) -> VerdictClass:
        """The class of a rule's verdict on a resource of the group."""
        found = group.classes.get((rule.id, outcome))
        if found is None:
            found = group.classes[rule.id, outcome] = self._decided(group, rule, outcome)
        return found

    def finish(self) -> None:
        """Hands over every class."""
        for group in self._groups.values():
            for one in group.classes.values():
                self._settle(one)
        self._groups.clear()
        self._alike.clear()

    def _decided(self, group: ResourceGroup, rule: Rule, outcome: Outcome) -> VerdictClass:
        request, subject, target = self._request, group.subject, group.target
        control = request.catalogue.controls[rule.text.control]
        boundary = None if isinstance(subject, BlindSpot) else request.catalogue.boundary(control, subject)
        party: Party = "customer" if boundary is None else boundary.party
        evidence: Evidence = outcome
        if control.evidence == "hybrid" and party == "customer" and evidence != "n/a":
            # Configuration and attestation are both wanted: neither covers anything alone.
            attested: Evidence = "missing" if self._lacks_attestation(control, target) else "pass"
            evidence = worst([evidence, attested])
        flags: frozenset[str] = frozenset()
        if boundary is not None:
            if boundary.uncertain and evidence in ("pass", "missing"):
                # A failure is the customer's in any case; for anything else the party decides.
                evidence = "unknown"
            flags = (boundary.promoted() if evidence == "fail" else boundary).flags
        assessed = self._assessor.of(control, target, party, evidence, may_become=True, flags=flags)
        state, severity = assessed.result.state, rule.text.severity
        priority = self._assessor.priority(severity, assessed, target)
        place = request.terms.at(target, state, evidence, severity)
        # A gate can stop what is only unclaimed.
        listed = must_be_listed(state, evidence) or place.stopped or state in (request.reported_states or ())
        section = _SECTIONS.get(state) if evidence == "fail" else None
        contradicted = (
            "tag_contradicts" in assessed.all_flags
            and assessed.party == "customer"
            and state != "not_applicable"
        )
        lacks_boundary = boundary is not None and boundary.uncertain
        return VerdictClass(
            rule=rule,
            outcome=outcome,
            control=control,
            boundary=boundary,
            target=target,
            assessed=assessed,
            priority=priority,
            place=place,
            shared={
                "subject": "evidence",
                "control": control.id,
                "rule": rule.id,
                "provider": target.provider,
                "scope": subject.scope,
                "region": subject.region,
                "service_model": boundary.model if boundary is not None else None,
                "verdict": outcome,
                "severity": severity,
                "priority": priority,
                **assessed.fields(),
            },
            listed=listed,
            section=section,
            contradicted=contradicted,
            observed=tuple(sorted(rule.wanted)),
            reported=assessed.fit != "no",
            lacks_boundary=lacks_boundary,
            telling=listed or section is not None or contradicted or lacks_boundary,
        )

    def _lacks_attestation(self, control: Control, target: OwnershipTarget) -> bool:
        """Whether a person has to attest the control here, and has not."""
        scope = self._targets.scopes.get((target.provider, target.scope))
        # Only where the scope itself has the control from elsewhere does its state come from there.
        targets = [target] if scope is None else [target, self._targets.of(scope.account)]
        by = {self._resolver.resolve(control.id, one).provided_by for one in targets}
        own = scope is None or bool(by & {None, (target.provider, target.scope.lower())})
        return own and self._resolver.attestation(control.id, target) is None
