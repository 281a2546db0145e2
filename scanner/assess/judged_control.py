"""One piece of evidence, assessed: its owner, state and priority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scanner.assess.coverage_rows import CoverageKey
from scanner.assess.narrowing import NARROWING_UNCERTAIN, Narrowing
from scanner.assess.states import Claim, ControlState, Evidence, priority, state_of
from scanner.catalogue.control import Control, Party, Severity
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import Fit, OwnershipTarget


@dataclass(frozen=True)
class JudgedControl:
    """One piece of evidence with its owner and state."""

    party: Party
    ownership: Ownership
    evidence: Evidence
    result: ControlState
    flags: frozenset[str] = frozenset()
    """How its party was determined: see :data:`scanner.catalogue.boundary.Flag`."""
    fit: Fit = "yes"
    """Whether it is part of what the assessment is narrowed to."""
    proposed: str | None = None
    """The team that a proposal names, where there is no owner."""

    def row(self, control: Control, target: OwnershipTarget) -> CoverageKey:
        """The key of its coverage row."""
        return CoverageKey(
            control.id,
            target.provider,
            target.scope,
            self.ownership.owner,
            self.party,
            self.ownership.status,
        )

    def fields(self) -> dict[str, Any]:
        """Its fields of a :class:`~scanner.assess.finding.Finding`."""
        return {
            "party": self.party,
            "ownership": self.ownership.status,
            "owner": self.ownership.owner,
            "owner_source": self.ownership.source,
            "proposed": self.proposed,
            "evidence": self.evidence,
            "state": self.result.state,
            "flags": tuple(sorted(self.all_flags)),
        }

    @property
    def all_flags(self) -> frozenset[str]:
        """The flags of its findings."""
        narrowed = {NARROWING_UNCERTAIN} if self.fit == "maybe" else set()
        return self.flags | self.ownership.flags | self.result.flags | narrowed


@dataclass(frozen=True)
class ControlAssessor:
    """Resolves owners with the ownership file, and looks up states in the table."""

    resolver: Resolver
    narrowing: Narrowing | None

    def of(
        self,
        control: Control,
        target: OwnershipTarget,
        party: Party,
        evidence: Evidence,
        *,
        may_become: bool = False,
        flags: frozenset[str] = frozenset(),
    ) -> JudgedControl:
        """Assesses evidence on a control at a target. ``may_become``: a rule could make it the customer's."""
        # A failing setting that the customer can see is the customer's responsibility (Boundary.promoted).
        owes: Party = "customer" if evidence == "fail" else party
        ownership = self.resolver.resolve(control.id, target, owes)
        declared = ownership.not_applicable is not None
        if evidence == "unassessed":
            # It is about what nobody saw, of whatever kind: a declaration for some kinds does not tell.
            declared = self.resolver.applies_nowhere_in(control.id, target)
        claim = Claim(
            ownership=ownership.status,
            exception_in_force=ownership.exception is not None,
            declared_not_applicable=declared,
            party=party,
            certificate_in_date=self.resolver.certificate(control.id, target.provider),
            may_become_customers=may_become,
        )
        fit: Fit = "yes"
        if self.narrowing is not None:
            fit = self.narrowing.fit(control.id, target, ownership)
        proposed = self.resolver.proposed(control.id, target) if ownership.status == "nobody" else None
        return JudgedControl(owes, ownership, evidence, state_of(claim, evidence), flags, fit, proposed)

    def priority(self, severity: Severity, assessed: JudgedControl, target: OwnershipTarget) -> Severity:
        """The priority of a finding of this severity at a target."""
        return priority(
            severity,
            assessed.result.state,
            assessed.evidence,
            sensitive=self.resolver.sensitive(target),
            ownership_file=self.resolver.file is not None,
        )
