"""The join: responsibility × ownership × verdicts → findings and coverage rows. Pure; knows no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanner.assess.common_controls import CommonControls
from scanner.assess.coverage_rows import OUTCOMES, CoverageKey, CoverageRow, RowEvidence
from scanner.assess.evidence_findings import attestation_finding, rule_finding
from scanner.assess.finding import Finding, of_defect
from scanner.assess.finding_store import FindingStore
from scanner.assess.judged_control import ControlAssessor
from scanner.assess.kind_coverage import KindCoverage
from scanner.assess.ledger import Ledger
from scanner.assess.narrowing import UNSEEN_HOLDERS, Narrowing
from scanner.assess.observer import AssessmentObserver
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import Claim, Evidence, State, state_of, worst
from scanner.assess.targets import OwnershipTargets, Scope
from scanner.catalogue.control import Control, Party, ServiceModel
from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Inventory
from scanner.model.resources.account import Account
from scanner.model.resources.identity import Tenant
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.rule.evaluate import Verdict, evaluate

_ANY: frozenset[ServiceModel] = frozenset()
"""No service model is known to be in use, and any may be."""


@dataclass(frozen=True)
class Coverage:
    """Every finding, sorted by uid, and every row."""

    scopes: Mapping[tuple[str, str], Scope]
    """Those that were seen, by provider and id."""
    findings: FindingStore
    states: Mapping[State, int]
    """Findings of evidence by state."""
    defects: int
    """Findings of ownership."""
    rows: tuple[CoverageRow, ...]
    assessed_elsewhere: Mapping[tuple[str, str], tuple[str, ...]]
    """By provider and scope: controls of organisation or tenant level, which are assessed only there."""
    blind_spots: tuple[BlindSpot, ...]
    """Those of the inventory that may hold something of what the assessment is narrowed to."""


def join(
    inventory: Inventory,
    request: AssessmentRequest,
    targets: OwnershipTargets,
    resolver: Resolver,
    *,
    narrowing: Narrowing | None = None,
    observers: Sequence[AssessmentObserver] = (),
    elsewhere: Sequence[CoverageRow] = (),
) -> Coverage:
    """Joins an inventory's verdicts with responsibility and ownership.

    ``narrowing`` limits what is reported. ``elsewhere`` are rows of other scopes, which may provide common
    controls for these.
    """
    return _Join(inventory, request, targets, resolver, narrowing, observers, elsewhere).coverage()


class _Join:
    """One join on its way. Only the ledger and the common controls grow; everything else stays as given."""

    def __init__(
        self,
        inventory: Inventory,
        request: AssessmentRequest,
        targets: OwnershipTargets,
        resolver: Resolver,
        narrowing: Narrowing | None,
        observers: Sequence[AssessmentObserver],
        elsewhere: Sequence[CoverageRow],
    ) -> None:
        self._inventory = inventory
        self._request = request
        self._targets = targets
        self._resolver = resolver
        self._narrowing = narrowing
        self._assessor = ControlAssessor(resolver, narrowing)
        self._kinds = KindCoverage(inventory, request.chosen, request.pack, targets)
        self._common = CommonControls(elsewhere)
        self._ledger = Ledger(observers, narrowed=narrowing is not None)
        self._reported_spots: set[tuple[str, str, str | None, str]] = set()
        """Provider, scope, region and kind of blind spots that have a reported finding."""

    def coverage(self) -> Coverage:
        """Every finding and row that the verdicts make."""
        for verdict in evaluate(self._request.chosen, self._inventory, self._request.time):
            self._verdict(verdict)
        elsewhere = {key: tuple(self._scope(scope)) for key, scope in self._targets.scopes.items()}
        self._settle_common_controls()
        defects = tuple(self._defects())
        for finding in defects:
            self._ledger.keep(finding, None, None)
        rows = tuple(self._row(key, evidence) for key, evidence in self._ledger.reported)
        spots = tuple(spot for spot in self._inventory.blind_spots if self._may_hold(spot))
        left = {(row.provider, row.scope) for row in rows} | {(spot.provider, spot.scope) for spot in spots}
        return Coverage(
            findings=self._ledger.findings,
            states=dict(sorted(self._ledger.states.items())),
            defects=len(defects),
            rows=rows,
            scopes={
                key: scope
                for key, scope in self._targets.scopes.items()
                if self._narrowing is None or key in left or elsewhere[key]
            },
            assessed_elsewhere=elsewhere,
            blind_spots=spots,
        )

    def _verdict(self, verdict: Verdict) -> None:
        control = self._request.catalogue.controls[verdict.rule.text.control]
        subject = verdict.subject
        boundary = (
            None if isinstance(subject, BlindSpot) else self._request.catalogue.boundary(control, subject)
        )
        party: Party = "customer" if boundary is None else boundary.party
        target = self._targets.of(subject)
        evidence: Evidence = verdict.outcome
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
        if not self._ledger.record(control, target, assessed, verdict.outcome):
            return
        if isinstance(subject, BlindSpot):
            self._reported_spots.add((subject.provider, subject.scope, subject.region, subject.kind))
        finding = rule_finding(
            verdict,
            control,
            boundary,
            assessed,
            target=target,
            partition=self._targets.partition(subject),
            priority=self._assessor.priority(verdict.rule.text.severity, assessed, target),
            now=self._request.time,
        )
        self._ledger.keep(finding, target, assessed.ownership)

    def _lacks_attestation(self, control: Control, target: OwnershipTarget) -> bool:
        """Whether a person has to attest the control here, and has not."""
        scope = self._targets.scopes.get((target.provider, target.scope))
        # Only where the scope itself has the control from elsewhere does its state come from there.
        targets = [target] if scope is None else [target, self._targets.of(scope.account)]
        by = {self._resolver.resolve(control.id, one).provided_by for one in targets}
        own = scope is None or bool(by & {None, (target.provider, target.scope.lower())})
        return own and self._resolver.attestation(control.id, target) is None

    def _scope(self, scope: Scope) -> Iterator[str]:
        """Assesses every control at a scope; yields those that are assessed at another level."""
        provider, name = scope.account.provider, scope.account.scope
        for control in self._request.catalogue.controls.values():
            if control.id not in self._request.controls:
                continue
            known = bool(self._ledger.rows.of(control.id, provider, name))
            if isinstance(scope.account, Tenant):
                # A directory answers for its own level and for what was found in it.
                if known or control.level == "tenant":
                    self._control_at_scope(control, scope)
            elif control.level in ("organisation", "tenant") and not known:
                if self._reports(control, scope):
                    yield control.id
            else:
                self._control_at_scope(control, scope)

    def _control_at_scope(self, control: Control, scope: Scope) -> None:
        """The attestation of a control at a scope, and the kinds that no rule evaluated."""
        account, ledger = scope.account, self._ledger
        target = self._targets.of(account)
        models = self._kinds.models(control, scope)
        party = self._request.catalogue.party_at_scope(control, account.provider, models)
        # What could not be listed may make it the customer's: then that is unknown, and nobody's gap.
        uncertain = (
            party != "customer"
            and self._kinds.may_hold_any_model(scope)
            and self._request.catalogue.party_at_scope(control, account.provider, _ANY) == "customer"
        )
        if uncertain:
            party = "customer"
        rows = ledger.rows.of(control.id, account.provider, account.scope)
        if party is None:
            if not rows:
                ledger.record(control, target, self._assessor.of(control, target, "customer", "n/a"))
            return
        unassessed = self._kinds.unassessed(control, scope, party)
        ownership = self._resolver.resolve(control.id, target)
        declared = self._resolver.applies_nowhere_in(control.id, target)
        if self._common.note(control.id, account.provider, account.scope, ownership, declared=declared):
            if not any(map(self._common.takes, rows)):
                assessed = self._assessor.of(control, target, party, "unassessed")
                ledger.record(control, target, assessed, settled=False)
        elif uncertain:
            ledger.record(control, target, self._assessor.of(control, target, party, "unknown"))
        elif control.evidence != "auto" and party == "customer":
            self._attestation(control, account, target)
        elif not rows:
            evidence: Evidence = "unassessed" if unassessed else "n/a"
            ledger.record(control, target, self._assessor.of(control, target, party, evidence))
        if unassessed:
            self._add_unassessed(control, account, target)

    def _add_unassessed(self, control: Control, account: Account | Tenant, target: OwnershipTarget) -> None:
        """Marks every owner's row: what no rule evaluated is unseen whoever owns the rest."""
        declared = self._resolver.applies_nowhere_in(control.id, target)
        for key in self._ledger.rows.of(control.id, account.provider, account.scope):
            if self._common.takes(key):
                continue
            claim = Claim(
                ownership=key.ownership,
                exception_in_force=False,
                declared_not_applicable=declared,
                party=key.party,
                certificate_in_date=self._resolver.certificate(control.id, account.provider),
                may_become_customers=False,
            )
            self._ledger.record_unassessed(key, target, state_of(claim, "unassessed").state)

    def _attestation(self, control: Control, account: Account | Tenant, target: OwnershipTarget) -> None:
        attestation = self._resolver.attestation(control.id, target)
        assessed = self._assessor.of(
            control, target, "customer", "missing" if attestation is None else "pass"
        )
        if self._ledger.record(control, target, assessed):
            priority = self._assessor.priority(control.severity, assessed, target)
            finding = attestation_finding(control, account, attestation, assessed, priority)
            self._ledger.keep(finding, target, assessed.ownership)

    def _settle_common_controls(self) -> None:
        """Gives rows of common controls the state of the providing scope, once all states are known."""
        self._common.settle(self._ledger.tables)
        for key, evidence in self._ledger.reported:
            if evidence.provided_by is not None:
                target = self._targets.of(self._targets.scopes[key.provider, key.scope].account)
                self._ledger.announce(key, target, self._resolver.resolve(key.control, target))

    def _reports(self, control: Control, scope: Scope) -> bool:
        """Whether a control at a scope is part of what the assessment is narrowed to."""
        if self._narrowing is None:
            return True
        target = self._targets.of(scope.account)
        return self._narrowing.fit(control.id, target, self._resolver.resolve(control.id, target)) != "no"

    def _may_hold(self, spot: BlindSpot) -> bool:
        """Whether a blind spot may hold something of what the assessment is narrowed to."""
        key = (spot.provider, spot.scope, spot.region, spot.kind)
        if self._narrowing is None or key in self._reported_spots:
            return True
        evaluated = spot.cause.reason != "disabled" and self._kinds.has_rule(spot.kind)
        # No rule has a verdict on what an unseen region or account holds.
        without_verdict = spot.kind in UNSEEN_HOLDERS or not evaluated
        return without_verdict and self._narrowing.may_hold(self._targets.of(spot))

    def _row(self, key: CoverageKey, evidence: RowEvidence) -> CoverageRow:
        control = self._request.catalogue.controls[key.control]
        expected = self._kinds.expected(control, key.provider, key.scope)
        return CoverageRow(
            **key._asdict(),
            evidence=evidence.evidence,
            state=evidence.state,
            kinds_seen=self._kinds.seen(control, expected),
            kinds_expected=expected,
            counts={outcome: evidence.counts[outcome] for outcome in OUTCOMES},
            provided_by=evidence.provided_by,
        )

    def _defects(self) -> Iterator[Finding]:
        """Findings of ownership: what is wrong with the file, once for each line and control."""
        narrowing = self._narrowing
        missing = () if narrowing is not None else self._resolver.undocumented(self._targets.services)
        for defect in (*self._resolver.defects(), *missing):
            if narrowing is not None and not narrowing.concerns(defect.file, defect.line):
                continue
            for control in defect.controls:
                yield of_defect(
                    code=defect.code,
                    line_id=defect.line_id,
                    source=f"{defect.file}:{defect.line}",
                    control=self._request.catalogue.controls[control],
                    message=defect.message,
                    severity=defect.severity,
                )
