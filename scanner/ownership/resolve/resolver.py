"""Resolves who is accountable for a control on a resource, by the ownership file, at a given time."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from scanner.catalogue.control import Party
from scanner.catalogue.responsibility import Catalogue
from scanner.ownership.file.file import Line, OwnershipFile, has_begun, is_over
from scanner.ownership.file.lint import Defect, defects, undocumented
from scanner.ownership.file.schema import AttestationText, OwnerText
from scanner.ownership.resolve.facts import FactExtractor, fold_tags
from scanner.ownership.resolve.index import ClauseIndex, FittingLine
from scanner.ownership.resolve.inference import InferredOwner, infer
from scanner.ownership.resolve.outcomes import Outcomes, OwnerLines, Ownership, misattributes
from scanner.ownership.resolve.proposals import Proposals
from scanner.ownership.resolve.selection import HIDDEN, Facts, OwnershipTarget
from scanner.ownership.resolve.waivers import Waiver, Waivers

NOBODY = Ownership("nobody")

_MAX_CACHED = 1024
"""Places whose answers are cached; a resource's controls are resolved one after another."""


@dataclass(frozen=True, eq=False)
class PlaceFacts:
    """What the file says about resources with the same facts."""

    facts: Facts
    lines: OwnerLines
    attestations: tuple[FittingLine[AttestationText], ...]
    exceptions: tuple[Waiver, ...]
    declarations: tuple[Waiver, ...]
    inferred: dict[str, InferredOwner] = field(default_factory=dict)
    """Cache by domain."""
    answers: dict[tuple[str, Party], Ownership] = field(default_factory=dict)
    """Cache by control and party."""


class PreparedFile:
    """An ownership file at a given time, indexed for resolution."""

    def __init__(self, file: OwnershipFile, catalogue: Catalogue, now: datetime) -> None:
        self.file = file
        self.catalogue = catalogue
        self.now = now
        self.outcomes = Outcomes(file, now)
        self.exceptions = Waivers("exception", file, file.exceptions, now)
        self.declarations = Waivers("not_applicable", file, file.not_applicable, now)
        self.proposals = Proposals(file)
        self._extractor = FactExtractor.of(file)
        self._owners: ClauseIndex[OwnerText] = ClauseIndex(file.owners)
        self._attestations: ClauseIndex[AttestationText] = ClauseIndex(
            line for line in file.attestations if self._in_date(line.text)
        )
        self._places: dict[Facts, PlaceFacts] = {}
        self._last: tuple[OwnershipTarget, PlaceFacts] | None = None

    def place(self, target: OwnershipTarget) -> PlaceFacts:
        """The facts and lines of a resource; shared by resources with the same facts."""
        last = self._last
        if last is not None and last[0] is target:
            return last[1]
        facts = self._extractor.facts(target)
        place = self._places.get(facts)
        if place is None:
            if len(self._places) >= _MAX_CACHED:
                self._places.clear()
            place = self._places[facts] = PlaceFacts(
                facts,
                self.outcomes.owner_lines(self._owners.fitting(facts), facts),
                tuple(one for one in self._attestations.fitting(facts) if one.certain),
                self.exceptions.at(facts),
                self.declarations.at(facts),
            )
        self._last = (target, place)
        return place

    @property
    def tag_keys(self) -> frozenset[str] | None:
        """The keys of resource tags that lines select by; ``None`` if some line selects by id or name."""
        extractors = (self._extractor, self.proposals.extractor)
        if any(one.selects_by_name for one in extractors):
            return None
        return frozenset().union(*(one.tags.keys() | one.resource_keys for one in extractors))

    def inferred_owner(self, control: str, place: PlaceFacts) -> InferredOwner:
        """The owner of a control that tags and catalogs name."""
        domain = self.catalogue.controls[control].domain
        inferred = place.inferred.get(domain)
        if inferred is None:
            inferred = place.inferred[domain] = infer(self.file, domain, place.facts, self.now)
        return inferred

    def _in_date(self, text: AttestationText) -> bool:
        in_date = has_begun(text.made, self.now) and not is_over(text.expires, self.now)
        return in_date and self.file.active(text.by, self.now)


class Resolver:
    """Answers from one ownership file (or none) at a given time. Equal questions get equal answers."""

    def __init__(self, file: OwnershipFile | None, catalogue: Catalogue, now: datetime) -> None:
        """``now`` has a time zone; the days of the file end at midnight UTC."""
        self.file = file
        self.catalogue = catalogue
        self.now = now
        self.prepared = PreparedFile(file, catalogue, now) if file is not None else None
        self._misattributed: dict[tuple[str, str], Defect] = {}

    def resolve(self, control_id: str, target: OwnershipTarget, party: Party = "customer") -> Ownership:
        """Who is accountable for a control on a resource.

        ``party`` is the responsible party there (the customer after a visible failure): only the customer's
        obligations can be misattributed.
        """
        if self.prepared is None:
            return NOBODY
        place = self.prepared.place(target)
        answer = place.answers.get((control_id, party))
        if answer is None:
            answer = place.answers[control_id, party] = self._resolve(self.prepared, control_id, place, party)
        return answer

    def proposed(self, control_id: str, target: OwnershipTarget) -> str | None:
        """The team that a proposal, or a tag with a proposed team, names for a control; it owns nothing."""
        prepared = self.prepared
        if prepared is None:
            return None
        team = prepared.proposals.team(control_id, target)
        return team or prepared.inferred_owner(control_id, prepared.place(target)).proposed

    def certificate(self, control_id: str, provider: str) -> bool:
        """Whether a current certificate of the provider covers the control."""
        return (provider, control_id) in self._certified

    def attestation(self, control_id: str, target: OwnershipTarget) -> AttestationText | None:
        """The attestation in date of a control on a resource; of several, the one that expires last."""
        if self.prepared is None:
            return None
        found = [
            one.line.text
            for one in self.prepared.place(target).attestations
            if control_id in one.line.controls
        ]
        return max(found, key=lambda text: (text.expires, text.by), default=None)

    def applies_nowhere_in(self, control_id: str, target: OwnershipTarget) -> bool:
        """Whether a declaration in force says that a control applies to nothing in the target's scope."""
        if self.prepared is None:
            return False
        facts = self.prepared.place(target).facts
        return self.prepared.declarations.of_whole_scope(control_id, facts)

    def sensitive(self, target: OwnershipTarget) -> bool:
        """Whether a resource is sensitive by its tags and the settings; true if its tags are unread."""
        sensitive = self._sensitive
        if not sensitive:
            return False
        tags = fold_tags(target.tags, sensitive.keys())
        return tags is HIDDEN or any(value in sensitive[key] for key, value in tags.items())

    def undocumented(self, services: Mapping[str, Collection[str]]) -> tuple[Defect, ...]:
        """Services in use, by provider, whose documents have no current review; see lint.undocumented."""
        return tuple(undocumented(self.file, services, self.now)) if self.file is not None else ()

    def grounds(self, target: OwnershipTarget) -> Hashable:
        """All that answers about a target depend on beside its scope: equal grounds have equal answers."""
        if self.prepared is None:
            return None
        proposals = self.prepared.proposals.facts(target)
        return self.prepared.place(target), self.sensitive(target), proposals

    @cached_property
    def selecting_tags(self) -> frozenset[str] | None:
        """The keys, in lower case, of all tags of resources that can change an answer; ``None`` if the id or
        name of a resource can, too."""
        if self.prepared is None:
            return frozenset()
        keys = self.prepared.tag_keys
        return None if keys is None else keys | frozenset(self._sensitive)

    def misattributions(self) -> tuple[Defect, ...]:
        """The misattributions found while resolving resources so far."""
        return tuple(sorted(self._misattributed.values()))

    def defects(self, others: Iterable[Defect] = ()) -> tuple[Defect, ...]:
        """All defects of the file itself, the misattributions found so far, and those found elsewhere.

        Sorted by place in the file.
        """
        return tuple(sorted({*self._static_defects, *self._misattributed.values(), *others}))

    def wrong_claims(self) -> tuple[Defect, ...]:
        """Lines that assign to others what is always the customer's; needs no resources."""
        file = self.file
        if file is None:
            return ()
        return tuple(
            self._misattribution(line, control)
            for line in file.owners
            for control in sorted(line.controls)
            if misattributes(file, line, control) and self._always_customers(control)
        )

    def _always_customers(self, control: str) -> bool:
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

    def _resolve(self, prepared: PreparedFile, control: str, place: PlaceFacts, party: Party) -> Ownership:
        inferred = prepared.inferred_owner(control, place)
        possible = prepared.outcomes.possible(control, place.lines, place.facts.provider, party, inferred)
        definite = possible[-1]
        worst = min(possible, key=lambda outcome: outcome.order(definite)) if len(possible) > 1 else definite
        answer = worst.ownership
        flags = set(answer.flags)
        if len({(outcome.ownership.status, outcome.ownership.owner) for outcome in possible}) > 1:
            flags.add("owner_uncertain")
        elif answer.status == "misattributed":
            for line in worst.lines:
                if misattributes(prepared.file, line, control):
                    self._misattributed[line.id, control] = self._misattribution(line, control)
        contradicts = inferred.team not in (None, answer.owner)
        if answer.status == "owned" and answer.specificity != "inferred" and contradicts:
            flags.add("tag_contradicts")
        exception, exception_flags = prepared.exceptions.in_force(control, place.exceptions)
        declared, declared_flags = prepared.declarations.in_force(control, place.declarations)
        flags |= exception_flags | declared_flags
        if flags == answer.flags and exception is None and declared is None:
            return answer
        # Faster than dataclasses.replace, by a factor of three.
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
            why = "assigns the customer's obligation to the provider"
        else:
            why = f"relies on {' and '.join(line.text.contract)}, which does not cover it"
        message = f"{control}: the line {why}"
        severity = self.catalogue.controls[control].severity
        return Defect(line.file, line.number, "misattributed", line.id, (control,), message, severity)
