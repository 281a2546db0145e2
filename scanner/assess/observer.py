"""The interface for observers of the join."""

from __future__ import annotations

from scanner.assess.finding import Finding
from scanner.assess.states import Evidence, State
from scanner.catalogue.control import Party
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.selection import OwnershipTarget


class AssessmentObserver:
    """Receives everything that the join produces, as it is produced. The base class does nothing."""

    def on_finding(
        self, finding: Finding, target: OwnershipTarget | None, ownership: Ownership | None
    ) -> None:
        """A finding; an ownership finding has neither target nor ownership."""

    def on_evidence(
        self,
        control: str,
        target: OwnershipTarget,
        party: Party,
        evidence: Evidence,
        state: State,
        ownership: Ownership | None,
    ) -> None:
        """A piece of evidence of a coverage row. ``ownership`` ``None``: that of the rest of its row."""
