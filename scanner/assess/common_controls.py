"""Common controls: controls that another scope of the organisation provides, and the state they have.

An organisation trail or a hub firewall is operated in one account for many. Where the ownership file says so,
the control has the state that it has in the providing scope. Evidence that fails or is unknown in the scope
itself still counts: naming a provider does not close an open finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from scanner.assess.coverage_rows import ROW_ORDER, CoverageKey, CoverageRow, CoverageRows
from scanner.assess.states import Claim, Evidence, State, state_of
from scanner.model.resources.base import ProviderName
from scanner.ownership.resolve.outcomes import Ownership

Place = tuple[str, str]
"""Provider and scope, in lower case."""

KEPT: tuple[Evidence, ...] = ("fail", "unknown")
"""Evidence in the scope itself that counts even if another scope provides the control."""

UNSEEN: tuple[Evidence, State] = ("unassessed", "unassessed")
"""The result where the providing scope was not assessed, or where two scopes provide for each other."""


class Link(msgspec.Struct, frozen=True):
    """A control that another scope provides."""

    control: str
    provider: ProviderName
    scope: str
    by: Place
    owner: str | None
    declared: bool
    """It is declared not applicable in the scope."""
    basis: int
    """How its owner is assigned, as a number in :data:`scanner.assess.metrics.BASES`."""

    def here(
        self, piece: tuple[Evidence, State], seen: Iterable[tuple[Evidence, State]]
    ) -> tuple[Evidence, State]:
        """A result of the providing scope, as it counts in this one, given what was ``seen`` here."""
        claim = Claim("owned", declared_not_applicable=True)
        # What is seen here, even a pass, contradicts a declaration that the control does not apply.
        applies_nowhere = self.declared and all(
            state_of(claim, evidence).state == "not_applicable" for evidence, _ in (piece, *seen)
        )
        return (piece[0], "not_applicable") if applies_nowhere else piece


class CommonControls:
    """The controls of an assessment that other scopes provide."""

    def __init__(self, links: Iterable[Link] = (), elsewhere: Iterable[CoverageRow] = ()) -> None:
        """``elsewhere``: rows of scopes that are assessed only because they may provide controls."""
        self._links: dict[tuple[str, Place], Link] = {
            (link.control, (link.provider, link.scope.lower())): link for link in links
        }
        self._elsewhere: dict[tuple[str, Place], set[tuple[Evidence, State]]] = {}
        for row in elsewhere:
            place = (row.control, (row.provider, row.scope.lower()))
            self._elsewhere.setdefault(place, set()).add((row.evidence, row.state))

    @property
    def links(self) -> tuple[Link, ...]:
        """Every control that another scope provides."""
        return tuple(self._links.values())

    def note(
        self,
        control: str,
        provider: ProviderName,
        scope: str,
        ownership: Ownership,
        *,
        declared: bool,
        basis: int,
    ) -> bool:
        """Records that another scope provides the control here; returns whether one does.

        ``declared``: the control is declared not applicable in the scope.
        """
        by = ownership.provided_by
        if by is None or by == (provider, scope.lower()):
            return False
        self._links[control, (provider, scope.lower())] = Link(
            control, provider, scope, by, ownership.owner, declared, basis
        )
        return True

    def takes(self, key: CoverageKey) -> bool:
        """Whether the row takes its state from another scope: only rows of the owner whose line says so."""
        link = self._links.get((key.control, (key.provider, key.scope.lower())))
        return link is not None and key.owner == link.owner and key.ownership == "owned"

    def settle(self, tables: Sequence[CoverageRows]) -> Iterator[tuple[Link, CoverageKey]]:
        """Gives every row of a common control the state that it has in the providing scope; yields the rows
        of the last table to which it gave one."""
        # All states are computed before any row changes, so that the order of scopes makes no difference.
        pieces = {link: self._state(link, tables[0], ()) for link in self._links.values()}
        for link, piece in pieces.items():
            for table in tables:
                for key in table.of(link.control, link.provider, link.scope):
                    if self.takes(key):
                        row = table.row(key)
                        kept = {one for one in row.pieces if one[0] in KEPT}
                        row.pieces = kept | {link.here(piece, row.pieces)}
                        row.provided_by = " ".join(link.by)
                        if table is tables[-1]:
                            yield link, key

    def _state(self, link: Link, rows: CoverageRows, visited: tuple[Place, ...]) -> tuple[Evidence, State]:
        """The worst that the providing scope has, which may in turn come from a further scope."""
        if link.by in visited:
            return UNSEEN
        further = self._links.get((link.control, link.by))
        pieces = self._pieces(link.control, link.by, rows)
        if further is not None:
            pieces = {one for one in pieces if one[0] in KEPT}
            pieces.add(self._state(further, rows, (*visited, (link.provider, link.scope.lower()))))
        return min(pieces, key=lambda one: (ROW_ORDER.index(one[1]), one[0]), default=UNSEEN)

    def _pieces(self, control: str, place: Place, rows: CoverageRows) -> set[tuple[Evidence, State]]:
        found = {(row.evidence, row.state) for row in rows.at(control, *place) if row.pieces}
        return found | self._elsewhere.get((control, place), set())
