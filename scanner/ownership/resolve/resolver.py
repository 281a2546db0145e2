"""Who is accountable for a control on a resource, by the ownership file, at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from scanner.catalogue.control import Party
from scanner.catalogue.responsibility import Catalogue
from scanner.ownership.file.file import Line, OwnershipFile, has_begun, is_over
from scanner.ownership.file.lint import Defect, defects, undocumented
from scanner.ownership.file.schema import OwnerText, StatementText
from scanner.ownership.resolve.excuses import Excuse, Excuses
from scanner.ownership.resolve.facts import Lens, fold_tags
from scanner.ownership.resolve.index import ClauseIndex, Fitting
from scanner.ownership.resolve.inference import Guess, infer
from scanner.ownership.resolve.outcomes import Outcomes, Ownership, Situation, misattributes
from scanner.ownership.resolve.selection import HIDDEN, Facts, OwnershipTarget

NOBODY = Ownership("nobody")

_REMEMBERED = 1024
"""Places whose answers are kept: those of one resource are asked for one after another."""


@dataclass(frozen=True, eq=False)
class PlaceFacts:
    """Everything that is known of resources with the same facts."""

    facts: Facts
    situation: Situation
    statements: tuple[Fitting[StatementText], ...]
    exceptions: tuple[Excuse, ...]
    declarations: tuple[Excuse, ...]
    guesses: dict[str, Guess] = field(default_factory=dict)
    """By domain."""
    answers: dict[tuple[str, Party], Ownership] = field(default_factory=dict)


class PreparedFile:
    """An ownership file at a time, made ready to be asked."""

    def __init__(self, file: OwnershipFile, catalogue: Catalogue, now: datetime) -> None:
        self.file = file
        self.catalogue = catalogue
        self.now = now
        self.outcomes = Outcomes(file, now)
        self.exceptions = Excuses("exception", file, file.exceptions, now)
        self.declarations = Excuses("not_applicable", file, file.not_applicable, now)
        self._lens = Lens.of(file)
        self._owners: ClauseIndex[OwnerText] = ClauseIndex(file.owners)
        self._statements: ClauseIndex[StatementText] = ClauseIndex(
            line for line in file.statements if self._in_date(line.text)
        )
        self._places: dict[Facts, PlaceFacts] = {}
        self._last: tuple[OwnershipTarget, PlaceFacts] | None = None

    def place(self, subject: OwnershipTarget) -> PlaceFacts:
        """What is known of a resource. Those of the same facts share it."""
        last = self._last
        if last is not None and last[0] is subject:
            return last[1]
        facts = self._lens.facts(subject)
        place = self._places.get(facts)
        if place is None:
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            place = self._places[facts] = PlaceFacts(
                facts,
                self.outcomes.situation(self._owners.fitting(facts), facts),
                tuple(one for one in self._statements.fitting(facts) if one.certain),
                self.exceptions.at(facts),
                self.declarations.at(facts),
            )
        self._last = (subject, place)
        return place

    def guess(self, control: str, place: PlaceFacts) -> Guess:
        """What the tags tell of the owner of a control."""
        domain = self.catalogue.controls[control].domain
        guess = place.guesses.get(domain)
        if guess is None:
            guess = place.guesses[domain] = infer(self.file, domain, place.facts, self.now)
        return guess

    def _in_date(self, text: StatementText) -> bool:
        in_date = has_begun(text.made, self.now) and not is_over(text.expires, self.now)
        return in_date and self.file.active(text.by, self.now)


class Resolver:
    """Answers from one ownership file (or none) at one time. The same question has the same answer."""

    def __init__(self, file: OwnershipFile | None, catalogue: Catalogue, now: datetime) -> None:
        """``now`` has a time zone; the days of the file end at midnight UTC."""
        self.file = file
        self.catalogue = catalogue
        self.now = now
        self.known = PreparedFile(file, catalogue, now) if file is not None else None
        """The file made ready; ``None`` without one."""
        self._wrong: dict[tuple[str, str], Defect] = {}

    def resolve(self, control_id: str, subject: OwnershipTarget, party: Party = "customer") -> Ownership:
        """Who is accountable for a control on a resource.

        ``party`` is whose obligation it is there, after a visible failure made it the customer's: leaving
        it to the provider is wrong only if it is the customer's.
        """
        if self.known is None:
            return NOBODY
        place = self.known.place(subject)
        answer = place.answers.get((control_id, party))
        if answer is None:
            answer = place.answers[control_id, party] = self._resolve(self.known, control_id, place, party)
        return answer

    def certificate(self, control_id: str, provider: str) -> bool:
        """Whether a certificate of the provider that covers the control is in date."""
        return (provider, control_id) in self._certified

    def statement(self, control_id: str, subject: OwnershipTarget) -> StatementText | None:
        """The statement in date for a control at a resource; the one that lasts longest."""
        if self.known is None:
            return None
        found = [
            one.line.text for one in self.known.place(subject).statements if control_id in one.line.controls
        ]
        return max(found, key=lambda text: (text.expires, text.by), default=None)

    def sensitive(self, subject: OwnershipTarget) -> bool:
        """Whether the settings call a resource sensitive by its tags; so it may be if they are unread."""
        wanted = self._sensitive
        if not wanted:
            return False
        tags = fold_tags(subject.tags, wanted.keys())
        return tags is HIDDEN or any(value in wanted[key] for key, value in tags.items())

    def undocumented(self, services: Mapping[str, Collection[str]]) -> tuple[Defect, ...]:
        """Services in use, by provider, whose documents nobody has reviewed in time, if any are listed."""
        return tuple(undocumented(self.file, services, self.now)) if self.file is not None else ()

    def defects(self) -> tuple[Defect, ...]:
        """What is wrong with the file: all that it shows itself, and the lines that turned out to leave to
        others what is the customer's, as far as resources were resolved. Sorted by place in the file."""
        return tuple(sorted({*self._static_defects, *self._wrong.values()}))

    def wrong_claims(self) -> tuple[Defect, ...]:
        """Lines that leave to others what is always the customer's, without looking at any resource."""
        file = self.file
        if file is None:
            return ()
        return tuple(
            self._misattribution(line, control)
            for line in file.owners
            for control in sorted(line.controls)
            if misattributes(file, line, control) and self._customers_always(control)
        )

    def _customers_always(self, control: str) -> bool:
        cells = self.catalogue.controls[control].responsibility
        return "provider" not in {cell for model, cell in cells.items() if model != "on_prem"}

    @cached_property
    def _static_defects(self) -> tuple[Defect, ...]:
        return tuple(defects(self.file, self.now)) if self.file is not None else ()

    @cached_property
    def _sensitive(self) -> Mapping[str, frozenset[str]]:
        sensitive = self.file.settings.sensitive if self.file is not None else None
        tags = sensitive.tags if sensitive is not None else {}
        return {key.lower(): frozenset(value.lower() for value in values) for key, values in tags.items()}

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

    def _resolve(self, known: PreparedFile, control: str, place: PlaceFacts, party: Party) -> Ownership:
        guess = known.guess(control, place)
        possible = known.outcomes.possible(control, place.situation, place.facts.provider, party, guess)
        definite = possible[-1]
        worst = min(possible, key=lambda outcome: outcome.order(definite)) if len(possible) > 1 else definite
        answer = worst.ownership
        flags = set(answer.flags)
        if len({(outcome.ownership.status, outcome.ownership.owner) for outcome in possible}) > 1:
            flags.add("owner_uncertain")
        elif answer.status == "misattributed":
            for line in worst.lines:
                if misattributes(known.file, line, control):
                    self._wrong[line.id, control] = self._misattribution(line, control)
        contradicts = guess.team not in (None, answer.owner)
        if answer.status == "owned" and answer.specificity != "inferred" and contradicts:
            flags.add("tag_contradicts")
        exception, exception_flags = known.exceptions.in_force(control, place.exceptions)
        declared, declared_flags = known.declarations.in_force(control, place.declarations)
        flags |= exception_flags | declared_flags
        if flags == answer.flags and exception is None and declared is None:
            return answer
        # Not dataclasses.replace, which takes three times as long.
        return Ownership(
            answer.status,
            answer.owner,
            answer.source,
            answer.specificity,
            frozenset(flags),
            exception,
            declared,
            answer.contract,
            answer.provided_by,
        )

    def _misattribution(self, line: Line[OwnerText], control: str) -> Defect:
        if line.text.claim == "provider":
            why = "leaves to the provider what is the customer's"
        else:
            why = f"relies on {' and '.join(line.text.contract)}, which does not cover it"
        message = f"{control}: the line {why}"
        severity = self.catalogue.controls[control].severity
        return Defect(line.file, line.number, "misattributed", line.id, (control,), message, severity)
