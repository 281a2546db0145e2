"""What may look on while the join works, one thing after another."""

from __future__ import annotations

from scanner.assess.finding import Finding
from scanner.assess.states import Evidence, State
from scanner.catalogue.control import Party
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.selection import OwnershipTarget


class AssessmentObserver:
    """Is told of everything that the join makes. The base class does nothing."""

    def found(self, finding: Finding, place: OwnershipTarget | None, ownership: Ownership | None) -> None:
        """A finding; one of ownership has neither place nor owner."""

    def gathered(
        self,
        control: str,
        place: OwnershipTarget,
        party: Party,
        evidence: Evidence,
        state: State,
        ownership: Ownership | None,
    ) -> None:
        """Something that a row is made of. Without ownership it is that of the rest of its row."""
