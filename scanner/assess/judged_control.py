"""One piece of evidence, judged: whose it is, what state that makes, and how urgent it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scanner.assess.coverage_rows import CoverageKey
from scanner.assess.narrowing import NARROWING_UNCERTAIN, Narrowing
from scanner.assess.states import Claim, Evidence, Judgement, judge, priority
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
    judgement: Judgement
    flags: frozenset[str] = frozenset()
    """How its party was found: see :data:`scanner.catalogue.boundary.Flag`."""
    fit: Fit = "yes"
    """Whether it is of what the assessment is narrowed to."""

    def row(self, control: Control, place: OwnershipTarget) -> CoverageKey:
        """The row that it is part of."""
        return CoverageKey(
            control.id,
            place.provider,
            place.scope,
            self.ownership.owner,
            self.party,
            self.ownership.status,
        )

    def told(self) -> dict[str, Any]:
        """What the finding says of it."""
        return {
            "party": self.party,
            "ownership": self.ownership.status,
            "owner": self.ownership.owner,
            "owner_source": self.ownership.source,
            "evidence": self.evidence,
            "state": self.judgement.state,
            "flags": tuple(sorted(self._flags())),
        }

    def _flags(self) -> frozenset[str]:
        narrowed = {NARROWING_UNCERTAIN} if self.fit == "maybe" else set()
        return self.flags | self.ownership.flags | self.judgement.flags | narrowed


@dataclass(frozen=True)
class Judge:
    """Asks the ownership file, and looks the state up in the table."""

    resolver: Resolver
    narrowing: Narrowing | None

    def of(
        self,
        control: Control,
        place: OwnershipTarget,
        party: Party,
        evidence: Evidence,
        *,
        may_become: bool = False,
        flags: frozenset[str] = frozenset(),
    ) -> JudgedControl:
        """The evidence on a control at a place. ``may_become``: a rule could make it the customer's."""
        # If a setting that the customer can see fails, it is the customer's to set (Boundary.promoted).
        owes: Party = "customer" if evidence == "fail" else party
        ownership = self.resolver.resolve(control.id, place, owes)
        claim = Claim(
            ownership=ownership.status,
            exception_in_force=ownership.exception is not None,
            declared_not_applicable=ownership.not_applicable is not None,
            party=party,
            certificate_in_date=self.resolver.certificate(control.id, place.provider),
            may_become_customers=may_become,
        )
        fit: Fit = "yes"
        if self.narrowing is not None:
            fit = self.narrowing.fit(control.id, place, ownership)
        return JudgedControl(owes, ownership, evidence, judge(claim, evidence), flags, fit)

    def priority(self, severity: Severity, judged: JudgedControl, place: OwnershipTarget) -> Severity:
        """How urgent something of a severity is there."""
        return priority(
            severity,
            judged.judgement.state,
            judged.evidence,
            sensitive=self.resolver.sensitive(place),
            ownership_file=self.resolver.file is not None,
        )
