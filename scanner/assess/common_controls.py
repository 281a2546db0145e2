"""Controls that another scope of the organisation provides: whose state is whose.

An organisation trail or a hub firewall is looked after in one account for many. Where the ownership file says
so, the control has the state there that it has in the providing scope. What fails or could not be seen on the
spot stays beside it: naming somebody closes nothing that is shown to be open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from scanner.assess.coverage_rows import ROW_ORDER, CoverageKey, CoverageRow, CoverageRows
from scanner.assess.states import Evidence, State
from scanner.model.resources.base import ProviderName
from scanner.ownership.resolve.outcomes import Ownership

Place = tuple[str, str]
"""Provider and scope, in lower case."""

STANDING: tuple[Evidence, ...] = ("fail", "unknown")
"""Evidence of the spot that stands whoever provides the control."""

UNSEEN: tuple[Evidence, State] = ("unassessed", "unassessed")
"""What is told where the providing scope was not looked at, or where two provide for each other."""


@dataclass(frozen=True)
class _Link:
    """A control that a scope gets from another one."""

    control: str
    provider: ProviderName
    scope: str
    by: Place
    owner: str | None


@dataclass
class CommonControls:
    """The controls of one assessment that other scopes provide."""

    elsewhere: Sequence[CoverageRow] = ()
    """Rows of scopes that were assessed for this alone."""
    _links: dict[tuple[str, Place], _Link] = field(default_factory=dict)

    def note(self, control: str, provider: ProviderName, scope: str, ownership: Ownership) -> bool:
        """Remembers that another scope provides a control; tells whether one does."""
        by = ownership.provided_by
        if by is None or by == (provider, scope.lower()):
            return False
        self._links[control, (provider, scope.lower())] = _Link(control, provider, scope, by, ownership.owner)
        return True

    def takes(self, key: CoverageKey) -> bool:
        """Whether the row has the state of another scope: only what the team owns that says so there."""
        link = self._links.get((key.control, (key.provider, key.scope.lower())))
        return link is not None and key.owner == link.owner and key.ownership == "owned"

    def settle(self, tables: Sequence[CoverageRows]) -> None:
        """Gives every row of a provided control the state that it has in the providing scope."""
        # All states are looked up before any row changes: the order of scopes makes no difference.
        told = {link: self._state(link, tables[0], ()) for link in self._links.values()}
        for link, piece in told.items():
            for table in tables:
                for key in table.of(link.control, link.provider, link.scope):
                    if self.takes(key):
                        row = table.row(key)
                        row.pieces = {one for one in row.pieces if one[0] in STANDING} | {piece}
                        row.provided_by = " ".join(link.by)

    def _state(self, link: _Link, rows: CoverageRows, behind: tuple[Place, ...]) -> tuple[Evidence, State]:
        """The worst that the providing scope has, itself provided for or not."""
        if link.by in behind:
            return UNSEEN
        further = self._links.get((link.control, link.by))
        pieces = self._pieces(link.control, link.by, rows)
        if further is not None:
            pieces = {one for one in pieces if one[0] in STANDING}
            pieces.add(self._state(further, rows, (*behind, (link.provider, link.scope.lower()))))
        return min(pieces, key=lambda one: (ROW_ORDER.index(one[1]), one[0]), default=UNSEEN)

    def _pieces(self, control: str, place: Place, rows: CoverageRows) -> set[tuple[Evidence, State]]:
        found = {
            (gathered.evidence, gathered.state) for gathered in rows.at(control, *place) if gathered.pieces
        }
        return found | self._elsewhere.get((control, place), set())

    @cached_property
    def _elsewhere(self) -> Mapping[tuple[str, Place], set[tuple[Evidence, State]]]:
        found: dict[tuple[str, Place], set[tuple[Evidence, State]]] = {}
        for row in self.elsewhere:
            found.setdefault((row.control, (row.provider, row.scope.lower())), set()).add(
                (row.evidence, row.state)
            )
        return found
