"""Map: the verdicts on some scopes, joined with responsibility and ownership, to a part. Pure.

What other scopes decide is left to :mod:`scanner.assess.reduce`: common controls, the budget of unknowns, the
decision of the gate.
"""

from __future__ import annotations

from collections.abc import Sequence

from scanner.assess.changes import AssessedSide
from scanner.assess.evidence_findings import SubjectFindings
from scanner.assess.finding import Finding, FoundUnknown
from scanner.assess.finding_store import FindingStore
from scanner.assess.judged_control import ControlAssessor
from scanner.assess.kind_coverage import KindCoverage
from scanner.assess.ledger import Ledger
from scanner.assess.narrowing import UNSEEN_HOLDERS
from scanner.assess.part import FailingSection, Part, PartSpot, ScopeCounts
from scanner.assess.request import AssessmentRequest
from scanner.assess.scope_controls import ScopeControls
from scanner.assess.targets import OwnershipTargets
from scanner.assess.unseen_calls import MESSAGES, UnseenCall, limit_messages
from scanner.assess.verdict_classes import VerdictClass, VerdictClasses
from scanner.model.evidence import BlindSpot, Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.base import Resource
from scanner.model.resources.identity import Tenant
from scanner.ownership.resolve.resolver import Resolver
from scanner.rule.evaluate import Verdict, evaluate


def assess_part(
    inventory: Inventory, request: AssessmentRequest, resolver: Resolver, findings: FindingStore | None
) -> Part:
    """Assesses the scopes of an inventory; their findings go into the store, if there is one.

    The time of the request has to be fixed. Raises :class:`~scanner.rule.evaluate.NotCollected` if a chosen
    rule reads what was not collected.
    """
    return _Map(inventory, request, resolver, findings).part()


class _Map:
    """One part on its way."""

    def __init__(
        self,
        inventory: Inventory,
        request: AssessmentRequest,
        resolver: Resolver,
        findings: FindingStore | None,
    ) -> None:
        self._inventory = inventory
        self._request = request
        self._resolver = resolver
        self._targets = OwnershipTargets(inventory, request.catalogue, request.stated_scopes)
        self._kinds = KindCoverage(inventory, request.chosen, request.pack, self._targets)
        self._ledger = Ledger(findings, request.terms, narrowed=request.narrowing is not None)
        assessor = ControlAssessor(resolver, request.narrowing)
        self._classes = VerdictClasses(request, self._targets, resolver, assessor, self._ledger.settle)
        self._controls = ScopeControls(request, self._targets, resolver, assessor, self._kinds, self._ledger)
        self._side = AssessedSide.collected(
            inventory,
            frozenset(rule.id for rule in request.chosen),
            ownership=request.ownership is not None,
            directories=(
                key for key, scope in self._targets.scopes.items() if isinstance(scope.account, Tenant)
            ),
        )
        self._shown: dict[tuple[str, str, str, str | None], bool] = {}
        """By provider, scope, kind and region: whether what is absent there is gone."""
        self._failing: dict[FailingSection, int] = {}
        self._unseen: dict[UnseenCall, int] = {}
        self._reported_spots: set[tuple[str, str, str | None, str]] = set()
        """Provider, scope, region and kind of blind spots that have a reported finding."""

    def part(self) -> Part:
        """Everything that the scopes make."""
        self._verdicts()
        elsewhere = {key: tuple(self._controls.assess(scope)) for key, scope in self._targets.scopes.items()}
        spots = tuple(spot for spot in self._inventory.blind_spots if self._may_hold(spot))
        limit_messages(self._unseen)
        ledger = self._ledger
        for spot in spots:
            ledger.gate.unlisted(spot)
        rows = dict(ledger.rows)
        reported = dict(ledger.reported) if ledger.narrowed else None
        left: set[tuple[str, str]] = {(key.provider, key.scope) for key in reported or ()}
        left |= {(spot.provider, spot.scope) for spot in spots}
        return Part(
            version=self._request.version,
            scopes={
                key: ScopeCounts(
                    scope.account.provider,
                    scope.account.scope,
                    scope.account.name,
                    scope.kinds.get("region", 0),
                    sum(scope.kinds.values()),
                    isinstance(scope.account, Tenant),
                )
                for key, scope in self._targets.scopes.items()
                if not ledger.narrowed or key in left or elsewhere[key]
            },
            services={provider: set(names) for provider, names in self._targets.services.items()},
            rows=rows,
            reported=reported,
            expected={
                place: self._kinds.expected(self._request.catalogue.controls[place[0]], place[1], place[2])
                for place in {key[:3] for key in rows}
            },
            links=self._controls.common.links,
            elsewhere=elsewhere,
            states=ledger.states,
            gate=ledger.gate,
            metrics=ledger.metrics,
            failing=self._failing,
            unseen=self._unseen,
            spots=tuple(
                PartSpot(
                    spot.provider,
                    spot.scope,
                    spot.region,
                    spot.kind,
                    spot.cause.reason,
                    spot.cause.call,
                    spot.cause.permission,
                    spot.cause.message,
                )
                for spot in spots
            ),
            defects=self._resolver.misattributions(),
        )

    def _verdicts(self) -> None:
        """Evaluates every rule on every resource, and on everything that could not be listed."""
        for subject, verdicts in evaluate(self._request.chosen, self._inventory, self._request.time):
            self._subject(subject, verdicts)
        self._classes.finish()

    def _subject(self, subject: Resource | BlindSpot, verdicts: Sequence[Verdict]) -> None:
        """Counts the verdicts on a resource or blind spot, and makes the findings that are listed."""
        group = self._classes.group(subject)
        findings = SubjectFindings(subject, group.partition, self._request.time)
        whole = self._lists_everything(subject)
        looks = whole or self._request.terms.baseline is not None
        failing: set[FailingSection] = set()
        unseen: set[UnseenCall] = set()
        contradicted = False
        for rule, outcome, unknown in verdicts:
            one = group.classes.get((rule.id, outcome)) or self._classes.of(group, rule, outcome)
            one.count += 1
            if not (one.telling or looks) or not one.reported:
                continue
            contradicted = contradicted or one.contradicted
            if one.section is not None:
                failing.add(one.section)
            if looks or one.listed or one.lacks_boundary:
                finding = self._finding(one, unknown, findings, whole)
                if finding is not None and finding.evidence == "unknown" and isinstance(subject, Resource):
                    unseen |= {_call(cause) for cause in finding.unknowns}
        self._ledger.metrics.contradicted += contradicted
        for section in failing:
            self._failing[section] = self._failing.get(section, 0) + 1
        for call in unseen:
            self._unseen[call] = self._unseen.get(call, 0) + 1
        if len(self._unseen) > 4 * MESSAGES:
            limit_messages(self._unseen)

    def _finding(
        self, one: VerdictClass, unknown: Unknown | None, findings: SubjectFindings, whole: bool
    ) -> Finding | None:
        """The finding of a verdict, stored where it is listed; ``None`` where nothing is to be told of it."""
        uid = findings.uid(one.control, one.rule)
        baseline = self._request.terms.baseline
        before = baseline is not None and baseline.lists(uid)
        listed = one.listed or whole or before
        if not (listed or one.lacks_boundary):
            return None
        at_gate = one.place.stopped
        if at_gate and baseline is not None:
            new_rule = baseline.is_new_rule(one.rule.id)
            one.new_rule += new_rule
            at_gate = not new_rule and baseline.is_new(uid, one.assessed.evidence)
        one.stopped += at_gate
        finding = findings.of(one, unknown, uid, at_gate)
        self._ledger.gate.lacks(finding)
        if listed:
            self._ledger.keep(finding)
        if isinstance(findings.subject, BlindSpot):
            spot = findings.subject
            self._reported_spots.add((spot.provider, spot.scope, spot.region, spot.kind))
        return finding

    def _lists_everything(self, subject: Resource | BlindSpot) -> bool:
        """Whether everything of a subject is listed.

        It is where a finding that is absent from the report may yet be open: in a report of a selection, and
        where not everything of its kind was seen. See :meth:`AssessedSide.proves_absence`.
        """
        request = self._request
        if request.every_finding or request.narrowing is not None:
            return True
        place = subject.provider, subject.scope, subject.kind, subject.region
        shown = self._shown.get(place)
        if shown is None:
            shown = self._shown[place] = self._side.shows(*place)
        return not shown

    def _may_hold(self, spot: BlindSpot) -> bool:
        """Whether a blind spot may hold something of what the assessment is narrowed to."""
        narrowing = self._request.narrowing
        key = (spot.provider, spot.scope, spot.region, spot.kind)
        if narrowing is None or key in self._reported_spots:
            return True
        evaluated = spot.cause.reason != "disabled" and self._kinds.has_rule(spot.kind)
        # No rule has a verdict on what an unseen region or account holds.
        without_verdict = spot.kind in UNSEEN_HOLDERS or not evaluated
        return without_verdict and narrowing.may_hold(self._targets.of(spot))


def _call(unknown: FoundUnknown) -> UnseenCall:
    settled = unknown.permission is not None
    return UnseenCall(unknown.call, unknown.reason, None if settled else unknown.message)
