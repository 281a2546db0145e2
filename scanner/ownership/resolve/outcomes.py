"""The combined outcome of the lines that fit a place, and all possible outcomes for unread tags or paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import NamedTuple, TypeVar

from scanner.catalogue.control import Party
from scanner.ownership.file.file import Line, OwnershipFile, Specificity, is_over
from scanner.ownership.file.lint import review_overdue
from scanner.ownership.file.schema import OwnerText
from scanner.ownership.resolve.index import FittingLine
from scanner.ownership.resolve.inference import InferredOwner
from scanner.ownership.resolve.selection import HIDDEN, Facts, Rank
from scanner.ownership.resolve.ties import first_tie
from scanner.ownership.status import OwnershipStatus

_WORST: tuple[OwnershipStatus, ...] = ("misattributed", "contested", "nobody", "owned")
"""Worst first, where several are possible. An exception can cover an unowned control, but neither a tie nor a
misattribution, so those are worse."""

_MAX_CACHED = 4096
"""Entries of each cache."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ownership:
    """Who is accountable for a control on a resource, and why."""

    status: OwnershipStatus
    owner: str | None = None
    """The team's id. With the flag ``catch_all``: a contact, not an owner."""
    source: str | None = None
    """The line or tag that decided, for display."""
    specificity: Specificity | None = None
    flags: frozenset[str] = frozenset()
    """``owner_uncertain``: an unread tag or path could change the owner. ``catch_all``: ``owner`` is only a
    contact. ``lapsed``: the line's team is not active. ``unknown_team``: a tag names no active team.
    ``tag_contradicts``: a tag names a different team than the file. ``stale``, ``contract_expired``: the
    line's review or contract. ``exception_expired``, ``exception_invalid``: an exception for this resource is
    not in force. ``exception_uncertain``: an unread path decides whether one applies. The last three also
    with ``not_applicable`` for ``exception``."""
    exception: str | None = None
    """The exception in force."""
    not_applicable: str | None = None
    """The declaration in force that the control does not apply."""
    contract: str | None = None
    """The managed-service contract in force under which a third party does the work."""
    provided_by: tuple[str, str] | None = None
    """Common control: provider and account (in lower case) of the scope that provides it."""


class CandidateLine(NamedTuple):
    """A line that fits, or may fit, for one control."""

    rank: Rank
    fitting: FittingLine[OwnerText]
    may_be_overridden: bool
    """A line that may fit overrides it."""

    @property
    def certain(self) -> bool:
        """Whether it certainly fits and is not overridden."""
        return self.fitting.certain and not self.may_be_overridden


class LineOutcome(NamedTuple):
    """The combined outcome of some lines."""

    ownership: Ownership
    lines: tuple[Line[OwnerText], ...]

    def order(self, definite: LineOutcome) -> tuple[int, bool, str, list[str]]:
        """Sort key: worst first; among equals the definite one; independent of the order of lines."""
        ownership = self.ownership
        ids = sorted(line.id for line in self.lines)
        return _WORST.index(ownership.status), self is not definite, ownership.owner or "", ids


@dataclass(frozen=True, eq=False)
class OwnerLines:
    """The owner lines that fit a place, or may fit it; shared by all places with the same lines."""

    fitting: tuple[FittingLine[OwnerText], ...]
    facts: Facts
    """Of one of the places; the same facts are unread in all of them."""
    candidates: dict[str, tuple[CandidateLine, ...]] = field(default_factory=dict)
    """Cache by control."""
    outcomes: dict[tuple[str, str, Party], tuple[tuple[LineOutcome, ...], bool]] = field(default_factory=dict)
    """Cache by control, provider and party: the possible outcomes, and whether a line certainly fits."""


class Outcomes:
    """Combines the lines of a file at a given time."""

    def __init__(self, file: OwnershipFile, now: datetime) -> None:
        self._file = file
        self._now = now
        self._owner_lines: dict[tuple[object, ...], OwnerLines] = {}
        self._independent_lines: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._combined: dict[tuple[object, ...], LineOutcome] = {}
        self._unsure: dict[tuple[object, ...], tuple[LineOutcome, ...]] = {}

    def owner_lines(self, fitting: tuple[FittingLine[OwnerText], ...], facts: Facts) -> OwnerLines:
        """The shared entry for places where these lines fit."""
        fits = tuple((one.position, one.certain) for one in fitting)
        key = (fits, facts.tags is HIDDEN, facts.path is HIDDEN)
        return _cached(self._owner_lines, key, lambda: OwnerLines(fitting, facts))

    def candidates(self, control: str, lines: OwnerLines) -> tuple[CandidateLine, ...]:
        """The lines for a control, most specific first, without overridden ones."""
        found = lines.candidates.get(control)
        if found is None:
            found = lines.candidates[control] = tuple(self._candidates(control, lines))
        return found

    def _candidates(self, control: str, lines: OwnerLines) -> list[CandidateLine]:
        fitting = [
            one
            for one in lines.fitting
            if control in one.line.controls and not self._file.contact_only(one.line, control)
        ]
        overridden = {id for one in fitting if one.certain for id in one.line.text.overrides}
        unsure = {id for one in fitting if not one.certain for id in one.line.text.overrides}
        candidates = [
            CandidateLine(
                rank=(one.line.controls[control].rank, *one.clause.rank),
                fitting=one,
                may_be_overridden=one.line.text.id in unsure,
            )
            for one in fitting
            if one.line.text.id not in overridden
        ]
        return sorted(candidates, key=lambda one: one.rank, reverse=True)

    def possible(
        self, control: str, lines: OwnerLines, provider: str, party: Party, inferred: InferredOwner
    ) -> tuple[LineOutcome, ...]:
        """The outcomes that are possible for the unread tags and path: at least the worst for each owner.

        The last one holds if only the lines that certainly fit do fit; if nothing is unread it is the only
        one.
        """
        key = (control, provider, party)
        known = lines.outcomes.get(key)
        if known is None:
            known = lines.outcomes[key] = self._possible(control, lines, provider, party)
        outcomes, certain = known
        if certain:
            return outcomes
        return (*outcomes, LineOutcome(self._without_lines(control, lines, inferred), ()))

    def _possible(
        self, control: str, lines: OwnerLines, provider: str, party: Party
    ) -> tuple[tuple[LineOutcome, ...], bool]:
        """The possible outcomes of the lines, and whether a line certainly fits."""
        found: list[LineOutcome] = []
        above: list[CandidateLine] = []
        for _, group in groupby(self.candidates(control, lines), key=lambda one: one.rank):
            candidates = list(group)
            sure = [one for one in candidates if one.certain]
            unsure = self._independent([one for one in candidates if not one.certain], above, lines.facts)
            if unsure:
                found.extend(self._outcomes_if_fitting(control, provider, party, sure, unsure))
            if sure:
                certain = _lines([one.fitting for one in sure])
                return (*found, self._outcome(control, certain, provider, party)), True
            above.extend(one for one in unsure if not one.may_be_overridden)
        return tuple(found), False

    def _independent(
        self, unsure: list[CandidateLine], above: list[CandidateLine], facts: Facts
    ) -> list[CandidateLine]:
        """The lines that may fit while no more specific line fits."""
        if not unsure or not above:
            return unsure
        positions = tuple(one.fitting.position for one in unsure)
        key = (
            positions,
            tuple(one.fitting.position for one in above),
            facts.tags is HIDDEN,
            facts.path is HIDDEN,
        )
        left = _cached(
            self._independent_lines,
            key,
            lambda: tuple(
                number
                for number, one in enumerate(unsure)
                if not any(one.fitting.clause.entails(higher.fitting.clause, facts) for higher in above)
            ),
        )
        return [unsure[number] for number in left]

    def _outcomes_if_fitting(
        self,
        control: str,
        provider: str,
        party: Party,
        sure: list[CandidateLine],
        unsure: list[CandidateLine],
    ) -> tuple[LineOutcome, ...]:
        """The outcomes if some of the unsure lines fit: one alone, or two that name different teams."""
        key = (
            control,
            provider,
            party,
            tuple(one.fitting.position for one in sure),
            tuple(one.fitting.position for one in unsure),
        )
        return _cached(
            self._unsure, key, lambda: tuple(self._worst_by_owner(control, provider, party, sure, unsure))
        )

    def _worst_by_owner(
        self,
        control: str,
        provider: str,
        party: Party,
        sure: list[CandidateLine],
        unsure: list[CandidateLine],
    ) -> Iterable[LineOutcome]:
        worst: dict[tuple[OwnershipStatus, str | None], LineOutcome] = {}
        certain = [one.fitting for one in sure]
        combinations = [_lines([*certain, one.fitting]) for one in unsure]
        active = sorted(
            (one.fitting for one in unsure if self.has_active_team(one.fitting.line)),
            key=lambda one: (one.line.id, one.position),
        )
        # More than two change nothing: two suffice for a tie, and a misattribution shows in a line alone.
        tie = first_tie([(self._file.accountable(one.line), one.clause) for one in active])
        if tie is not None:
            first, second = tie
            combinations.append(_lines([*certain, active[first], active[second]]))
        for lines in combinations:
            outcome = self._outcome(control, lines, provider, party)
            which = (outcome.ownership.status, outcome.ownership.owner)
            known = worst.get(which)
            if known is None or outcome.order(outcome) < known.order(known):
                worst[which] = outcome
        return worst.values()

    def has_active_team(self, line: Line[OwnerText]) -> bool:
        """Whether the team of a line is active; also true for a provider line without a team."""
        return line.text.accountable is None or self._file.active(line.text.accountable, self._now)

    def _outcome(
        self, control: str, lines: tuple[Line[OwnerText], ...], provider: str, party: Party
    ) -> LineOutcome:
        """The combined outcome of equally specific lines."""
        key = (control, provider, party, lines)
        return _cached(self._combined, key, lambda: self._combine(control, lines, provider, party))

    def _combine(
        self, control: str, lines: tuple[Line[OwnerText], ...], provider: str, party: Party
    ) -> LineOutcome:
        file = self._file
        ordered = sorted(lines, key=lambda line: (line.file, line.number))
        active = [line for line in ordered if self.has_active_team(line)]
        flags = {"lapsed"} if len(active) < len(ordered) else set()
        flags |= {"stale" for line in active if review_overdue(file, line, self._now)}
        deciding = active or ordered
        source = "; ".join(line.source(control) for line in deciding)
        specificity = deciding[0].controls[control].specificity
        if deciding[0].everywhere and specificity == "everything":
            specificity = "catch_all"
        teams = {file.accountable(line) for line in active}
        owner = teams.pop() if len(teams) == 1 else None
        contracts = {id for line in active for id in line.text.contract if control in file.covers[id]}
        services = {id for id in contracts if file.contracts[id].type == "managed_service"}
        parties = {"azure", "entra"} if provider == "entra" else {provider}
        relied = services | {id for id in contracts if file.contracts[id].party.lower() in parties}
        expired = {id for id in relied if is_over(file.contracts[id].expires, self._now)}
        if relied and relied == expired:
            flags.add("contract_expired")
        status: OwnershipStatus
        if teams:
            status = "contested"
        elif party == "customer" and any(misattributes(file, line, control) for line in active):
            status = "misattributed"
        else:
            status = "owned" if owner is not None else "nobody"
        contract = min(services - expired, default=None) if status == "owned" else None
        places = {line.text.provided_by for line in active}
        provided = places.pop() if len(places) == 1 and status == "owned" else None
        by = (provided.provider, provided.account.lower()) if provided is not None else None
        answer = Ownership(
            status, owner, source, specificity, frozenset(flags), contract=contract, provided_by=by
        )
        return LineOutcome(answer, tuple(active))

    def _without_lines(self, control: str, lines: OwnerLines, inferred: InferredOwner) -> Ownership:
        """The ownership where no line assigns an owner: by tags, otherwise at most a contact."""
        file = self._file
        if inferred.team is not None:
            return Ownership("owned", inferred.team, inferred.source, "inferred")
        flags = {"unknown_team"} if inferred.unknown_team else set()
        if inferred.uncertain:
            flags.add("owner_uncertain")
        contacts = [
            one.line
            for one in lines.fitting
            if control in one.line.controls
            and file.contact_only(one.line, control)
            and file.active(one.line.text.accountable or "", self._now)
        ]
        teams = {file.accountable(line) for line in contacts}
        if len(teams) != 1:
            return Ownership("nobody", None, inferred.source, None, frozenset(flags))
        flags.add("catch_all")
        contacts.sort(key=lambda line: (line.file, line.number))
        source = "; ".join(line.source(control) for line in contacts)
        return Ownership("nobody", teams.pop(), source, "catch_all", frozenset(flags))


def misattributes(file: OwnershipFile, line: Line[OwnerText], control: str) -> bool:
    """Whether a line assigns the customer's obligation to a party that has not taken it over.

    Only lines that name the control by id or pattern count; a domain claims no single control.
    """
    if line.text.claim == "customer" or line.controls[control].specificity not in ("exact", "glob"):
        return False
    return line.text.claim == "provider" or not any(
        file.contracts[id].type == "managed_service" and control in file.covers[id]
        for id in line.text.contract
    )


def _lines(fitting: Sequence[FittingLine[OwnerText]]) -> tuple[Line[OwnerText], ...]:
    """The lines, each once."""
    return tuple(dict.fromkeys(one.line for one in fitting))


def _cached(cache: dict[tuple[object, ...], T], key: tuple[object, ...], make: Callable[[], T]) -> T:
    """The cached value for the key, made if missing. A full cache is cleared."""
    found = cache.get(key)
    if found is None:
        if len(cache) >= _MAX_CACHED:
            cache.clear()
        found = cache[key] = make()
    return found
