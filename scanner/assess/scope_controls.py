"""Controls at a scope: attestations, what no rule evaluated, and what other scopes provide."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.assess.common_controls import CommonControls
from scanner.assess.evidence_findings import attestation_finding
from scanner.assess.judged_control import ControlAssessor
from scanner.assess.kind_coverage import KindCoverage
from scanner.assess.ledger import Ledger
from scanner.assess.metrics import BASES, basis
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import Claim, Evidence, state_of
from scanner.assess.targets import OwnershipTargets, Scope
from scanner.catalogue.control import Control, ServiceModel
from scanner.model.resources.account import Account
from scanner.model.resources.identity import Tenant
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget

_ANY: frozenset[ServiceModel] = frozenset()
"""No service model is known to be in use, and any may be."""


class ScopeControls:
    """Assesses every control at the scopes of one inventory, once the verdicts there are counted."""

    def __init__(
        self,
        request: AssessmentRequest,
        targets: OwnershipTargets,
        resolver: Resolver,
        assessor: ControlAssessor,
        kinds: KindCoverage,
        ledger: Ledger,
    ) -> None:
        self._request = request
        self._targets = targets
        self._resolver = resolver
        self._assessor = assessor
        self._kinds = kinds
        self._ledger = ledger
        self.common = CommonControls()

    def assess(self, scope: Scope) -> Iterator[str]:
        """Assesses every control at a scope; yields those that are assessed at another level."""
        provider, name = scope.account.provider, scope.account.scope
        for control in self._request.catalogue.controls.values():
            if control.id not in self._request.controls:
                continue
            known = bool(self._ledger.rows.of(control.id, provider, name))
            if isinstance(scope.account, Tenant):
                # A directory answers for its own level and for what was found in it.
                if known or control.level == "tenant":
                    self._control(control, scope)
            elif control.level in ("organisation", "tenant") and not known:
                if self._reports(control, scope):
                    yield control.id
            else:
                self._control(control, scope)

    def _control(self, control: Control, scope: Scope) -> None:
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
        if self.common.note(
            control.id,
            account.provider,
            account.scope,
            ownership,
            declared=declared,
            basis=BASES.index(basis(ownership)),
        ):
            if not any(map(self.common.takes, rows)):
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
            if self.common.takes(key):
                continue
            claim = Claim(
                ownership=key.ownership,
                exception_in_force=False,
                declared_not_applicable=declared,
                party=key.party,
                certificate_in_date=self._resolver.certificate(control.id, account.provider),
                may_become_customers=False,
            )
            self._ledger.record_unassessed(key, state_of(claim, "unassessed").state)

    def _attestation(self, control: Control, account: Account | Tenant, target: OwnershipTarget) -> None:
        attestation = self._resolver.attestation(control.id, target)
        assessed = self._assessor.of(
            control, target, "customer", "missing" if attestation is None else "pass"
        )
        if self._ledger.record(control, target, assessed):
            priority = self._assessor.priority(control.severity, assessed, target)
            self._ledger.attested(
                control,
                target,
                assessed,
                attestation_finding(control, account, attestation, assessed, priority),
            )

    def _reports(self, control: Control, scope: Scope) -> bool:
        """Whether a control at a scope is part of what the assessment is narrowed to."""
        narrowing = self._request.narrowing
        if narrowing is None:
            return True
        target = self._targets.of(scope.account)
        return narrowing.fit(control.id, target, self._resolver.resolve(control.id, target)) != "no"
