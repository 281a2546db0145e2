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
from scanner.model.evidence import BlindSpot
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

_HELD = 20_000
"""Groups that are held; then their counts are handed over and new ones are begun."""


@dataclass
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
    count: int = 0
    stopped: int = 0
    """Of these, the findings at the gate."""
    new_rule: int = 0
    """Findings that the gate lets pass as the baseline did not have their rule."""

    @property
    def reported(self) -> bool:
        """Whether they are part of what the assessment is narrowed to."""
        return self.assessed.fit != "no"

    @property
    def lacks_boundary(self) -> bool:
        """Whether something unknown decides which party is responsible."""
        return self.boundary is not None and self.boundary.uncertain

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


@dataclass
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

    def group(self, subject: Resource | BlindSpot) -> ResourceGroup:
        """The group of a resource; a blind spot has one of its own."""
        target = self._targets.of(subject)
        if isinstance(subject, BlindSpot):
            key: Hashable = (subject, "")
        else:
            terms, narrowing = self._request.terms, self._request.narrowing
            key = (
                subject.provider,
                subject.partition,
                subject.scope,
                subject.region,
                subject.kind,
                subject.type,
                self._resolver.grounds(target),
                self._request.catalogue.grounds(subject),
                terms.gates_at(target) if terms.scopes else None,
                narrowing.grounds(target) if narrowing is not None else None,
            )
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _HELD:
                self.finish()
            group = self._groups[key] = ResourceGroup(subject, target, self._targets.partition(subject))
        return group

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
        return VerdictClass(
            rule=rule,
            outcome=outcome,
            control=control,
            boundary=boundary,
            target=target,
            assessed=assessed,
            priority=priority,
            place=request.terms.at(target, state, evidence, severity),
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
            listed=must_be_listed(state, evidence)
            or (request.reported_states is not None and state in request.reported_states),
            section=_SECTIONS.get(state) if evidence == "fail" else None,
            contradicted=(
                "tag_contradicts" in assessed.all_flags
                and assessed.party == "customer"
                and state != "not_applicable"
            ),
        )

    def _lacks_attestation(self, control: Control, target: OwnershipTarget) -> bool:
        """Whether a person has to attest the control here, and has not."""
        scope = self._targets.scopes.get((target.provider, target.scope))
        # Only where the scope itself has the control from elsewhere does its state come from there.
        targets = [target] if scope is None else [target, self._targets.of(scope.account)]
        by = {self._resolver.resolve(control.id, one).provided_by for one in targets}
        own = scope is None or bool(by & {None, (target.provider, target.scope.lower())})
        return own and self._resolver.attestation(control.id, target) is None
