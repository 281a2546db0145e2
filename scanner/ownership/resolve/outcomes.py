"""What the lines that fit a place say together, and what they could say where tags or paths are unread."""

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
from scanner.ownership.resolve.index import Fitting
from scanner.ownership.resolve.inference import Guess
from scanner.ownership.resolve.selection import HIDDEN, Facts, Rank
from scanner.ownership.resolve.ties import first_tie
from scanner.ownership.status import OwnershipStatus

_WORST: tuple[OwnershipStatus, ...] = ("misattributed", "contested", "nobody", "owned")
"""Worst first, where it cannot be told which holds. An exception excuses what is nobody's, but no tie and
no wrong belief, so those are worse."""

_REMEMBERED = 4096
"""Answers that are kept of each sort."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ownership:
    """Who is accountable for a control on a resource, and how that came to be."""

    status: OwnershipStatus
    owner: str | None = None
    """The team's id. With the flag ``catch_all``: the team to ask, which owns nothing."""
    source: str | None = None
    """The line or the tag that decided, for people."""
    specificity: Specificity | None = None
    flags: frozenset[str] = frozenset()
    """``owner_uncertain``: an unread tag or path could change it. ``catch_all``: a team to ask, no owner.
    ``lapsed``: the line's team is gone. ``unknown_team``: a tag names no active team. ``tag_contradicts``:
    a tag names another team than the file. ``stale``, ``contract_expired``: of the line.
    ``exception_expired``, ``exception_invalid``: one was made for this, and does not count.
    ``exception_uncertain``: whether one is meant for this depends on a path that could not be read. The
    last three also with ``not_applicable`` for ``exception``."""
    exception: str | None = None
    """The exception in force."""
    not_applicable: str | None = None
    """The declaration in force that the control does not apply."""
    contract: str | None = None
    """The managed-service contract in force, by which a third party does the work."""
    provided_by: tuple[str, str] | None = None
    """Provider and account (in lower case) of the scope that provides the control here."""


class CandidateLine(NamedTuple):
    """A line that fits, or may fit, for one control."""

    rank: Rank
    fitting: Fitting[OwnerText]
    shaky: bool
    """A line that may fit overrides it."""

    @property
    def certain(self) -> bool:
        """It fits, and counts."""
        return self.fitting.certain and not self.shaky


class LineOutcome(NamedTuple):
    """What some lines say."""

    ownership: Ownership
    lines: tuple[Line[OwnerText], ...]

    def order(self, definite: LineOutcome) -> tuple[int, bool, str, list[str]]:
        """Worst first; of equally bad ones the definite, and never by the order of lines."""
        told = self.ownership
        ids = sorted(line.id for line in self.lines)
        return _WORST.index(told.status), self is not definite, told.owner or "", ids


@dataclass(frozen=True, eq=False)
class Situation:
    """The lines that fit a place, or may fit it: the same for very many places."""

    owners: tuple[Fitting[OwnerText], ...]
    facts: Facts
    """Of one such place: tells what is hidden in all of them."""
    entries: dict[str, tuple[CandidateLine, ...]] = field(default_factory=dict)
    """By control, once they were asked for."""
    spoken: dict[tuple[str, str, Party], tuple[tuple[LineOutcome, ...], bool]] = field(default_factory=dict)
    """By control, provider and party: what the lines say, and whether one fits for certain."""


class Outcomes:
    """Weighs the lines of one file at one time."""

    def __init__(self, file: OwnershipFile, now: datetime) -> None:
        self._file = file
        self._now = now
        self._situations: dict[tuple[object, ...], Situation] = {}
        self._open: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._said: dict[tuple[object, ...], LineOutcome] = {}
        self._unsure: dict[tuple[object, ...], tuple[LineOutcome, ...]] = {}

    def situation(self, owners: tuple[Fitting[OwnerText], ...], facts: Facts) -> Situation:
        """The situation of a place where these lines fit."""
        fits = tuple((one.position, one.certain) for one in owners)
        key = (fits, facts.tags is HIDDEN, facts.path is HIDDEN)
        return _remember(self._situations, key, lambda: Situation(owners, facts))

    def entries(self, control: str, situation: Situation) -> tuple[CandidateLine, ...]:
        """The lines for a control, the most specific first, without those that are overridden."""
        found = situation.entries.get(control)
        if found is None:
            found = situation.entries[control] = tuple(self._entries(control, situation))
        return found

    def _entries(self, control: str, situation: Situation) -> list[CandidateLine]:
        fitting = [
            one
            for one in situation.owners
            if control in one.line.controls and not self._file.routes(one.line, control)
        ]
        gone = {id for one in fitting if one.certain for id in one.line.text.overrides}
        shaky = {id for one in fitting if not one.certain for id in one.line.text.overrides}
        entries = [
            CandidateLine(
                rank=(one.line.controls[control].rank, *one.clause.rank),
                fitting=one,
                shaky=one.line.text.id in shaky,
            )
            for one in fitting
            if one.line.text.id not in gone
        ]
        return sorted(entries, key=lambda entry: entry.rank, reverse=True)

    def possible(
        self, control: str, situation: Situation, provider: str, party: Party, guess: Guess
    ) -> tuple[LineOutcome, ...]:
        """The outcomes that the unread tags and path leave open: the worst one, and one of each owner.

        The last is what holds if no line fits but those that fit for certain; without anything unread it
        is the only one.
        """
        key = (control, provider, party)
        known = situation.spoken.get(key)
        if known is None:
            known = situation.spoken[key] = self._spoken(control, situation, provider, party)
        outcomes, settled = known
        if settled:
            return outcomes
        return (*outcomes, LineOutcome(self._silence(control, situation, guess), ()))

    def _spoken(
        self, control: str, situation: Situation, provider: str, party: Party
    ) -> tuple[tuple[LineOutcome, ...], bool]:
        """What the lines say, and whether one fits for certain, so that nothing else is asked."""
        found: list[LineOutcome] = []
        above: list[CandidateLine] = []
        for _, group in groupby(self.entries(control, situation), key=lambda entry: entry.rank):
            entries = list(group)
            sure = [entry for entry in entries if entry.certain]
            unsure = self._not_settled(
                [entry for entry in entries if not entry.certain], above, situation.facts
            )
            if unsure:
                found.extend(self._if_they_fit(control, provider, party, sure, unsure))
            if sure:
                lines = _lines([entry.fitting for entry in sure])
                return (*found, self._say(control, lines, provider, party)), True
            above.extend(entry for entry in unsure if not entry.shaky)
        return tuple(found), False

    def _not_settled(
        self, unsure: list[CandidateLine], above: list[CandidateLine], facts: Facts
    ) -> list[CandidateLine]:
        """Those that may fit without a more specific line fitting too."""
        if not unsure or not above:
            return unsure
        positions = tuple(entry.fitting.position for entry in unsure)
        key = (
            positions,
            tuple(entry.fitting.position for entry in above),
            facts.tags is HIDDEN,
            facts.path is HIDDEN,
        )
        left = _remember(
            self._open,
            key,
            lambda: tuple(
                number
                for number, entry in enumerate(unsure)
                if not any(entry.fitting.clause.entails(higher.fitting.clause, facts) for higher in above)
            ),
        )
        return [unsure[number] for number in left]

    def _if_they_fit(
        self,
        control: str,
        provider: str,
        party: Party,
        sure: list[CandidateLine],
        unsure: list[CandidateLine],
    ) -> tuple[LineOutcome, ...]:
        """What holds if some of the lines fit that may: one alone, or two that name different teams."""
        key = (
            control,
            provider,
            party,
            tuple(entry.fitting.position for entry in sure),
            tuple(entry.fitting.position for entry in unsure),
        )
        return _remember(
            self._unsure, key, lambda: tuple(self._weigh(control, provider, party, sure, unsure))
        )

    def _weigh(
        self,
        control: str,
        provider: str,
        party: Party,
        sure: list[CandidateLine],
        unsure: list[CandidateLine],
    ) -> Iterable[LineOutcome]:
        worst: dict[tuple[OwnershipStatus, str | None], LineOutcome] = {}
        certain = [entry.fitting for entry in sure]
        chosen = [_lines([*certain, entry.fitting]) for entry in unsure]
        alive = sorted(
            (entry.fitting for entry in unsure if self.living(entry.fitting.line)),
            key=lambda one: (one.line.id, one.position),
        )
        # More than two change nothing: a tie is a tie, and a wrong belief shows in the line alone.
        tie = first_tie([(self._file.accountable(one.line), one.clause) for one in alive])
        if tie is not None:
            first, second = tie
            chosen.append(_lines([*certain, alive[first], alive[second]]))
        for lines in chosen:
            outcome = self._say(control, lines, provider, party)
            which = (outcome.ownership.status, outcome.ownership.owner)
            known = worst.get(which)
            if known is None or outcome.order(outcome) < known.order(known):
                worst[which] = outcome
        return worst.values()

    def living(self, line: Line[OwnerText]) -> bool:
        """Whether the team of a line is there; a line that names none leaves the work to the provider."""
        return line.text.accountable is None or self._file.active(line.text.accountable, self._now)

    def _say(
        self, control: str, lines: tuple[Line[OwnerText], ...], provider: str, party: Party
    ) -> LineOutcome:
        """What equally specific lines say together."""
        key = (control, provider, party, lines)
        return _remember(self._said, key, lambda: self._together(control, lines, provider, party))

    def _together(
        self, control: str, lines: tuple[Line[OwnerText], ...], provider: str, party: Party
    ) -> LineOutcome:
        file = self._file
        ordered = sorted(lines, key=lambda line: (line.file, line.number))
        living = [line for line in ordered if self.living(line)]
        flags = {"lapsed"} if len(living) < len(ordered) else set()
        flags |= {"stale" for line in living if review_overdue(file, line, self._now)}
        told = living or ordered
        source = "; ".join(line.source(control) for line in told)
        specificity = told[0].controls[control].specificity
        if told[0].everywhere and specificity == "everything":
            specificity = "catch_all"
        teams = {file.accountable(line) for line in living}
        owner = teams.pop() if len(teams) == 1 else None
        contracts = {id for line in living for id in line.text.contract if control in file.covers[id]}
        works = {id for id in contracts if file.contracts[id].type == "managed_service"}
        signed = {"azure", "entra"} if provider == "entra" else {provider}
        relied = works | {id for id in contracts if file.contracts[id].party.lower() in signed}
        over = {id for id in relied if is_over(file.contracts[id].expires, self._now)}
        if relied and relied == over:
            flags.add("contract_expired")
        status: OwnershipStatus
        if teams:
            status = "contested"
        elif party == "customer" and any(misattributes(file, line, control) for line in living):
            status = "misattributed"
        else:
            status = "owned" if owner is not None else "nobody"
        contract = min(works - over, default=None) if status == "owned" else None
        places = {line.text.provided_by for line in living}
        provided = places.pop() if len(places) == 1 and status == "owned" else None
        by = (provided.provider, provided.account.lower()) if provided is not None else None
        answer = Ownership(
            status, owner, source, specificity, frozenset(flags), contract=contract, provided_by=by
        )
        return LineOutcome(answer, tuple(living))

    def _silence(self, control: str, situation: Situation, guess: Guess) -> Ownership:
        """What holds where no line owns: the tags, else a team to ask."""
        file = self._file
        if guess.team is not None:
            return Ownership("owned", guess.team, guess.source, "inferred")
        flags = {"unknown_team"} if guess.unknown_team else set()
        if guess.uncertain:
            flags.add("owner_uncertain")
        routes = [
            one.line
            for one in situation.owners
            if control in one.line.controls
            and file.routes(one.line, control)
            and file.active(one.line.text.accountable or "", self._now)
        ]
        teams = {file.accountable(line) for line in routes}
        if len(teams) != 1:
            return Ownership("nobody", None, guess.source, None, frozenset(flags))
        flags.add("catch_all")
        routes.sort(key=lambda line: (line.file, line.number))
        source = "; ".join(line.source(control) for line in routes)
        return Ownership("nobody", teams.pop(), source, "catch_all", frozenset(flags))


def misattributes(file: OwnershipFile, line: Line[OwnerText], control: str) -> bool:
    """Whether a line leaves the customer's obligation to somebody who has not taken it over.

    Only a line that names the control, by its id or by a pattern, says so; a domain does not claim it.
    """
    if line.text.claim == "customer" or line.controls[control].specificity not in ("exact", "glob"):
        return False
    return line.text.claim == "provider" or not any(
        file.contracts[id].type == "managed_service" and control in file.covers[id]
        for id in line.text.contract
    )


def _lines(fitting: Sequence[Fitting[OwnerText]]) -> tuple[Line[OwnerText], ...]:
    """The lines, each once."""
    return tuple(dict.fromkeys(one.line for one in fitting))


def _remember(known: dict[tuple[object, ...], T], key: tuple[object, ...], make: Callable[[], T]) -> T:
    """What was made for the key, or is made now. Forgets all where it would become too much."""
    found = known.get(key)
    if found is None:
        if len(known) >= _REMEMBERED:
            known.clear()
        found = known[key] = make()
    return found
