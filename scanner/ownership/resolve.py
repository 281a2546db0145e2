"""Who is accountable for a control on a resource, by the ownership file, at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import combinations, groupby
from typing import NamedTuple

from scanner.ownership.excuses import Excuses
from scanner.ownership.facts import Lens, fold_tags
from scanner.ownership.file import Line, OwnershipFile, Specificity, has_begun, is_over
from scanner.ownership.inference import Guess, infer
from scanner.ownership.lint import Defect, defects, review_overdue
from scanner.ownership.schema import OwnerText, StatementText
from scanner.ownership.selection import HIDDEN, Clause, Facts, Hidden, Rank, Subject, any_fits
from scanner.responsibility import Catalogue, Party
from scanner.states import OwnershipStatus

_WORST: tuple[OwnershipStatus, ...] = ("misattributed", "contested", "nobody", "owned")
"""Worst first, where it cannot be told which holds. An exception excuses what is nobody's, but no tie and
no wrong belief, so those are worse."""

_REMEMBERED = 1024
"""Places whose answers are kept: those of one resource are asked for one after another."""


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


NOBODY = Ownership("nobody")


class _Fitting(NamedTuple):
    """A line that fits a place, or may fit it."""

    line: Line[OwnerText]
    clause: Clause
    certain: bool


class _Entry(NamedTuple):
    """The same for one control."""

    rank: Rank
    fitting: _Fitting
    shaky: bool
    """A line that may fit overrides it."""

    @property
    def certain(self) -> bool:
        """It fits, and counts."""
        return self.fitting.certain and not self.shaky


class _Outcome(NamedTuple):
    """What some lines say."""

    ownership: Ownership
    lines: tuple[Line[OwnerText], ...]

    def order(self, definite: _Outcome) -> tuple[int, bool, str, list[str]]:
        """Worst first; of equally bad ones the definite, and never by the order of lines."""
        told = self.ownership
        return _WORST.index(told.status), self is not definite, told.owner or "", sorted(told.flags)


@dataclass(frozen=True)
class _Place:
    """Everything that is known of resources with the same facts."""

    facts: Facts
    owners: tuple[_Fitting, ...]
    answers: dict[tuple[str, Party], Ownership] = field(default_factory=dict)


class Resolver:
    """Answers from one ownership file (or none) at one time. The same question has the same answer."""

    def __init__(self, file: OwnershipFile | None, catalogue: Catalogue, now: datetime) -> None:
        """``now`` has a time zone; the days of the file end at midnight UTC."""
        self.file = file
        self.catalogue = catalogue
        self.now = now
        self._lens = Lens.of(file) if file is not None else None
        self._places: dict[Facts, _Place] = {}
        self._last: tuple[Subject, _Place] | None = None
        self._in_scope: dict[tuple[str, str, tuple[str, ...] | Hidden | None], tuple[_Fitting, ...]] = {}
        self._wrong: dict[tuple[str, str], Defect] = {}

    def resolve(self, control_id: str, subject: Subject, party: Party = "customer") -> Ownership:
        """Who is accountable for a control on a resource.

        ``party`` is whose obligation it is there, after a visible failure made it the customer's: leaving
        it to the provider is wrong only if it is the customer's.
        """
        if self.file is None or self._lens is None:
            return NOBODY
        last = self._last
        if last is not None and last[0] is subject:
            place = last[1]
        else:
            place = self._place(self._lens.facts(subject))
            self._last = (subject, place)
        answer = place.answers.get((control_id, party))
        if answer is None:
            answer = self._resolve(self.file, control_id, place, party)
            place.answers[control_id, party] = answer
        return answer

    def certificate(self, control_id: str, provider: str) -> bool:
        """Whether a certificate of the provider that covers the control is in date."""
        return (provider, control_id) in self._certified

    def statement(self, control_id: str, subject: Subject) -> StatementText | None:
        """The statement in date for a control at a resource; the one that lasts longest."""
        if self.file is None or self._lens is None:
            return None
        facts = self._lens.facts(subject)
        found = [
            line.text
            for line in self._statements.get(control_id, ())
            if any_fits(line.clauses, facts) == "yes"
        ]
        return max(found, key=lambda text: (text.expires, text.by), default=None)

    def sensitive(self, subject: Subject) -> bool:
        """Whether the settings call a resource sensitive by its tags; so it may be if they are unread."""
        sensitive = self.file.settings.sensitive if self.file is not None else None
        if sensitive is None:
            return False
        wanted = {key.lower(): {value.lower() for value in values} for key, values in sensitive.tags.items()}
        tags = fold_tags(subject.tags, wanted.keys())
        return tags is HIDDEN or any(value in wanted[key] for key, value in tags.items())

    def defects(self) -> tuple[Defect, ...]:
        """What is wrong with the file: all that it shows itself, and the lines that turned out to leave to
        others what is the customer's, as far as resources were resolved. Sorted by place in the file."""
        return tuple(sorted({*self._static_defects, *self._wrong.values()}))

    @cached_property
    def _static_defects(self) -> tuple[Defect, ...]:
        return tuple(defects(self.file, self.now)) if self.file is not None else ()

    @cached_property
    def _certified(self) -> frozenset[tuple[str, str]]:
        if self.file is None:
            return frozenset()
        return frozenset(
            (contract.party.lower(), control)
            for id, contract in self.file.contracts.items()
            if contract.type == "certificate" and not is_over(contract.expires, self.now)
            for control in self.file.covers[id]
        )

    @cached_property
    def _statements(self) -> Mapping[str, Sequence[Line[StatementText]]]:
        by_control: dict[str, list[Line[StatementText]]] = defaultdict(list)
        for line in self.file.statements if self.file is not None else ():
            text = line.text
            in_date = has_begun(text.made, self.now) and not is_over(text.expires, self.now)
            if in_date and self.file is not None and self.file.active(text.by, self.now):
                for control in line.controls:
                    by_control[control].append(line)
        return by_control

    @cached_property
    def _exceptions(self) -> Excuses:
        return Excuses(
            "exception", self.file, self.file.exceptions if self.file is not None else (), self.now
        )

    @cached_property
    def _declarations(self) -> Excuses:
        lines = self.file.not_applicable if self.file is not None else ()
        return Excuses("not_applicable", self.file, lines, self.now)

    def _place(self, facts: Facts) -> _Place:
        place = self._places.get(facts)
        if place is None:
            fits = ((one, one.clause.fits(facts)) for one in self._owners_in(facts))
            owners = tuple(
                one._replace(certain=one.certain and fit == "yes") for one, fit in fits if fit != "no"
            )
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            place = self._places[facts] = _Place(facts, owners)
        return place

    def _owners_in(self, facts: Facts) -> tuple[_Fitting, ...]:
        """The lines that can fit anything in the scope of the facts."""
        key = (facts.provider, facts.account, facts.path)
        found = self._in_scope.get(key)
        if found is None:
            lines = self.file.owners if self.file is not None else ()
            fits = ((line, clause, clause.in_scope(*key)) for line in lines for clause in line.clauses)
            found = tuple(_Fitting(line, clause, fit == "yes") for line, clause, fit in fits if fit != "no")
            self._in_scope[key] = found
        return found

    def _resolve(self, file: OwnershipFile, control: str, place: _Place, party: Party) -> Ownership:
        facts = place.facts
        domain = self.catalogue.controls[control].domain
        guess = infer(file, domain, facts, self.now)
        outcomes = self._outcomes(file, control, place, party, guess)
        definite = outcomes[-1]
        worst = min(outcomes, key=lambda outcome: outcome.order(definite))
        answer = worst.ownership
        flags = set(answer.flags)
        if len({(outcome.ownership.status, outcome.ownership.owner) for outcome in outcomes}) > 1:
            flags.add("owner_uncertain")
        elif answer.status == "misattributed":
            for line in worst.lines:
                if _misattributes(file, line, control):
                    self._wrong[line.id, control] = self._misattribution(line, control)
        contradicts = guess.team not in (None, answer.owner)
        if answer.status == "owned" and answer.specificity != "inferred" and contradicts:
            flags.add("tag_contradicts")
        exception, exception_flags = self._exceptions.in_force(control, facts)
        declared, declared_flags = self._declarations.in_force(control, facts)
        return replace(
            answer,
            flags=frozenset(flags | exception_flags | declared_flags),
            exception=exception,
            not_applicable=declared,
        )

    def _outcomes(
        self, file: OwnershipFile, control: str, place: _Place, party: Party, guess: Guess
    ) -> list[_Outcome]:
        """Every outcome that the unread tags and path leave open. The last is what holds if no line fits
        but those that fit for certain; without anything unread it is the only one."""

        def say(lines: Iterable[Line[OwnerText]]) -> _Outcome:
            return self._say(file, control, tuple(dict.fromkeys(lines)), place.facts.provider, party)

        found: list[_Outcome] = []
        above: list[_Entry] = []
        for _, group in groupby(self._entries(file, control, place), key=lambda entry: entry.rank):
            entries = list(group)
            sure = [entry.fitting.line for entry in entries if entry.certain]
            unsure = [
                entry
                for entry in entries
                if not entry.certain
                and not any(
                    entry.fitting.clause.entails(higher.fitting.clause, place.facts) for higher in above
                )
            ]
            for one, other in combinations(unsure, 2):
                if one.fitting.clause.can_meet_unseen(other.fitting.clause):
                    found.append(say([*sure, one.fitting.line, other.fitting.line]))
            found.extend(say([*sure, entry.fitting.line]) for entry in unsure)
            if sure:
                found.append(say(sure))
                return found
            above.extend(entry for entry in unsure if not entry.shaky)
        found.append(_Outcome(self._silence(file, control, place, guess), ()))
        return found

    def _entries(self, file: OwnershipFile, control: str, place: _Place) -> list[_Entry]:
        """The lines for a control, the most specific first, without those that are overridden."""
        fitting = [
            one for one in place.owners if control in one.line.controls and not file.routes(one.line, control)
        ]
        gone = {id for one in fitting if one.certain for id in one.line.text.overrides}
        shaky = {id for one in fitting if not one.certain for id in one.line.text.overrides}
        entries = [
            _Entry(
                rank=(one.line.controls[control].rank, *one.clause.rank),
                fitting=one,
                shaky=one.line.text.id in shaky,
            )
            for one in fitting
            if one.line.text.id not in gone
        ]
        return sorted(entries, key=lambda entry: entry.rank, reverse=True)

    def _say(
        self,
        file: OwnershipFile,
        control: str,
        lines: tuple[Line[OwnerText], ...],
        provider: str,
        party: Party,
    ) -> _Outcome:
        """What equally specific lines say together."""
        ordered = sorted(lines, key=lambda line: line.number)
        living = [
            line
            for line in ordered
            if line.text.accountable is None or file.active(line.text.accountable, self.now)
        ]
        flags = {"lapsed"} if len(living) < len(ordered) else set()
        flags |= {"stale" for line in living if review_overdue(file, line, self.now)}
        told = living or ordered
        source = "; ".join(line.source(control) for line in told)
        specificity = told[0].controls[control].specificity
        if told[0].everywhere and specificity == "everything":
            specificity = "catch_all"
        teams = {file.accountable(line) for line in living}
        owner = teams.pop() if len(teams) == 1 else None
        contracts = {id for line in living for id in line.text.contract if control in file.covers[id]}
        works = {id for id in contracts if file.contracts[id].type == "managed_service"}
        relied = works | {id for id in contracts if file.contracts[id].party.lower() == provider}
        over = {id for id in relied if is_over(file.contracts[id].expires, self.now)}
        if relied and relied == over:
            flags.add("contract_expired")
        status: OwnershipStatus
        if teams:
            status = "contested"
        elif party == "customer" and any(_misattributes(file, line, control) for line in living):
            status = "misattributed"
        else:
            status = "owned" if owner is not None else "nobody"
        contract = min(works - over, default=None) if status == "owned" else None
        answer = Ownership(status, owner, source, specificity, frozenset(flags), contract=contract)
        return _Outcome(answer, tuple(living))

    def _silence(self, file: OwnershipFile, control: str, place: _Place, guess: Guess) -> Ownership:
        """What holds where no line owns: the tags, else a team to ask."""
        if guess.team is not None:
            return Ownership("owned", guess.team, guess.source, "inferred")
        flags = {"unknown_team"} if guess.unknown_team else set()
        if guess.uncertain:
            flags.add("owner_uncertain")
        routes = [
            one.line
            for one in place.owners
            if control in one.line.controls
            and file.routes(one.line, control)
            and file.active(one.line.text.accountable or "", self.now)
        ]
        teams = {file.accountable(line) for line in routes}
        if len(teams) != 1:
            return Ownership("nobody", None, guess.source, None, frozenset(flags))
        flags.add("catch_all")
        source = "; ".join(line.source(control) for line in sorted(routes, key=lambda line: line.number))
        return Ownership("nobody", teams.pop(), source, "catch_all", frozenset(flags))

    def _misattribution(self, line: Line[OwnerText], control: str) -> Defect:
        if line.text.claim == "provider":
            why = "leaves to the provider what is the customer's"
        else:
            why = f"relies on {' and '.join(line.text.contract)}, which does not cover it"
        message = f"{control}: the line {why}"
        severity = self.catalogue.controls[control].severity
        return Defect(line.file, line.number, "misattributed", line.id, (control,), message, severity)


def _misattributes(file: OwnershipFile, line: Line[OwnerText], control: str) -> bool:
    """Whether a line leaves the customer's obligation to somebody who has not taken it over.

    Only a line that names the control, by its id or by a pattern, says so; a domain does not claim it.
    """
    if line.text.claim == "customer" or line.controls[control].specificity not in ("exact", "glob"):
        return False
    return line.text.claim == "provider" or not any(
        file.contracts[id].type == "managed_service" and control in file.covers[id]
        for id in line.text.contract
    )
