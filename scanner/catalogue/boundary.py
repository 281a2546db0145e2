"""Where the line between customer and provider runs on a resource, as it is configured now.

A service is not always operated in the same way: a function's runtime is kept up by the provider, or waits
for the customer; a database is a managed service, or a machine that the customer signs in to. What moves the
line is data (``shifts`` of ``responsibility.yaml``), each with its reason and the page on which the provider
says so. A fact that could not be told never gives anything to the provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.base.yaml import Document, Problem, suggestion
from scanner.catalogue.control import SERVICE_MODELS, Control, Party, ResponsibilityCell, ServiceModel, Text
from scanner.expression.errors import ExpressionError
from scanner.expression.lexer import tokens
from scanner.expression.located import located
from scanner.expression.predicate import Predicate, compile_predicate, variable_of
from scanner.model.evidence import Observed, Unknown, join
from scanner.model.resources.base import ProviderName, Resource
from scanner.model.resources.kinds import KINDS

Flag = Literal["boundary_uncertain", "model_unresolved", "promoted"]
"""What a finding says of how its party was found.

``boundary_uncertain``: a fact that moves the line could not be told, and it matters here, so the control
counts as the customer's. ``model_unresolved``: nobody knows how resources of its type are operated; likewise.
``promoted``: the provider's part, but it fails on a setting that the customer can see, so it is theirs.
"""

PROMOTED = "But it fails on a setting that you can see: if you can set it, it is yours."
"""Why a failure is the customer's although the part is the provider's."""

_BY_WEIGHT: tuple[Party, ...] = ("customer", "provider")
"""Of shifts that disagree, the customer's part wins."""

_TIMELESS = datetime(1970, 1, 1, tzinfo=UTC)
"""The line knows no clock: shifts may not read ``now``."""


class SourcePage(FrozenModel):
    """The provider's own page that says so."""

    title: Text
    url: Annotated[str, Field(pattern=r"^https://\S+$")]


class ShiftText(FrozenModel):
    """A shift as written in ``responsibility.yaml``."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    kind: str
    """The kind of resource on which the line moves."""
    when: Text
    """The condition, in the language of rules."""
    model: ServiceModel | None = None
    """It is operated like this, whatever its type says."""
    layers: Annotated[dict[str, Party], Field(min_length=1)] | None = None
    """These layers are that party's, whatever the service model says."""
    reason: Text
    """Why, in a sentence that is true where the condition holds."""
    sources: Annotated[dict[ProviderName, SourcePage], Field(min_length=1)]
    """Where each provider says so. On a cloud without a source nothing moves."""


@dataclass(frozen=True)
class Shift:
    """A configuration that moves the line."""

    id: str
    kind: str
    when: Predicate
    model: ServiceModel | None
    layers: Mapping[str, Party]
    """Empty where it moves the service model."""
    reason: str
    sources: Mapping[ProviderName, SourcePage]

    def applies(self, resource: Resource) -> Observed[bool]:
        """Whether its condition holds on a resource of its kind; unknown also where nobody asked."""
        if missing := sorted(self.when.facets - resource.collected()):
            return join(_uncollected(facet) for facet in missing)
        return self.when.evaluate(resource, _TIMELESS)


@dataclass(frozen=True)
class Boundary:
    """Whose a control is on a resource, and why."""

    party: Party
    model: ServiceModel | None
    """How the resource is operated as far as is known; ``None`` where its type is not known."""
    reason: str
    """One or two sentences for people."""
    source: SourcePage | None = None
    """The page on which the provider says so, where configuration decided."""
    shifts: tuple[str, ...] = ()
    """Ids of the shifts that decided, or that could have."""
    flags: frozenset[Flag] = frozenset()
    unknowns: tuple[tuple[str, Unknown], ...] = ()
    """The facets that could not be told and matter here; they make it ``boundary_uncertain``."""

    @property
    def uncertain(self) -> bool:
        """Whether something that could not be told may make it the other party's."""
        return bool(self.unknowns)

    def promoted(self) -> Boundary:
        """The same where a rule found a failure: what fails on a visible setting is the customer's."""
        if self.party == "customer":
            return self
        return replace(
            self,
            party="customer",
            reason=f"{self.reason} {PROMOTED}",
            flags=self.flags | {"promoted"},
        )


@dataclass(frozen=True)
class Moves:
    """The shifts of one resource: those whose condition holds, and those of which nobody can tell."""

    certain: tuple[Shift, ...]
    possible: tuple[Shift, ...]

    def outcomes(self) -> Iterator[tuple[Shift, ...]]:
        """Everything that may be true of the resource, as the sets of shifts that then hold."""
        for size in range(len(self.possible) + 1):
            for some in combinations(self.possible, size):
                yield (*self.certain, *some)


def moves(shifts: Sequence[Shift], resource: Resource) -> Moves:
    """What moves the line on a resource, of the shifts of its kind."""
    told = [(shift, shift.applies(resource)) for shift in shifts if resource.provider in shift.sources]
    return Moves(
        certain=tuple(shift for shift, applies in told if applies is True),
        possible=tuple(shift for shift, applies in told if isinstance(applies, Unknown)),
    )


def model_under(by_type: ServiceModel, shifts: Sequence[Shift]) -> ServiceModel:
    """The service model with these shifts: the one of them with the smallest part of the provider's."""
    models = [shift.model for shift in shifts if shift.model is not None]
    return min(models, key=SERVICE_MODELS.index) if models else by_type


def party_of(cell: ResponsibilityCell) -> Party:
    """Whose a control is: the customer's wherever they have a part (states are about that part)."""
    return "provider" if cell == "provider" else "customer"


def decide(
    control: Control,
    by_type: ServiceModel,
    found: Moves,
    standing: Mapping[tuple[str, ServiceModel], Boundary],
    resource: Resource,
) -> Boundary:
    """Whose a control is under all that may be true: the customer's if any of it makes it so.

    ``standing`` tells whose each control is under each service model when nothing moves the line.
    """
    provider = resource.provider
    outcomes = [_outcome(control, by_type, shifts, standing, provider) for shifts in found.outcomes()]
    certain = outcomes[0]
    if len({outcome.party for outcome in outcomes}) == 1:
        return certain
    # What matters is what would turn the answer by itself; where only several together would, all of it.
    turning = [
        shift
        for shift in found.possible
        if _outcome(control, by_type, (*found.certain, shift), standing, provider).party != certain.party
    ]
    doubtful = turning or list(found.possible)
    what = " ".join(f"“{shift.reason}”" for shift in doubtful)
    unknowns = tuple(_hidden(resource, {facet for shift in doubtful for facet in shift.when.facets}))
    facets = ", ".join(facet for facet, _ in unknowns)
    return Boundary(
        party="customer",
        model=certain.model,
        reason=f"Nobody could tell whether this holds: {what} ({facets}). Until it can be told, it is yours.",
        source=next((shift.sources[provider] for shift in doubtful), None),
        shifts=tuple(sorted(shift.id for shift in doubtful)),
        flags=frozenset({"boundary_uncertain"}),
        unknowns=unknowns,
    )


def _hidden(resource: Resource, facets: Iterable[str]) -> Iterator[tuple[str, Unknown]]:
    collected = resource.collected()
    for facet in sorted(facets):
        value = getattr(resource, facet) if facet in collected else _uncollected(facet)
        if isinstance(value, Unknown):
            yield facet, value


def _uncollected(facet: str) -> Unknown:
    return Unknown.because("unsupported", "snapshot", None, f"{facet} was not collected")


def _outcome(
    control: Control,
    by_type: ServiceModel,
    shifts: Sequence[Shift],
    standing: Mapping[tuple[str, ServiceModel], Boundary],
    provider: ProviderName,
) -> Boundary:
    """Whose it is when exactly these shifts hold. Their order is of no account."""
    model = model_under(by_type, shifts)
    base = standing[control.id, model]
    shifts = sorted(shifts, key=lambda shift: shift.id)
    for party in _BY_WEIGHT:
        layered = [shift for shift in shifts if shift.layers.get(control.layer) == party]
        # A control without a meaning under the model is only ever judged because a setting was found.
        if layered and not (party == "provider" and control.responsibility[model] == "none"):
            first = layered[0]
            return Boundary(
                party, model, first.reason, first.sources[provider], tuple(shift.id for shift in layered)
            )
    moved = [shift for shift in shifts if shift.model == model]
    if not moved:
        return base
    return replace(
        base,
        reason=f"{moved[0].reason} {base.reason}",
        source=moved[0].sources[provider],
        shifts=tuple(shift.id for shift in moved),
    )


def load_shifts(
    document: Document, texts: Sequence[ShiftText], layers: Mapping[str, object]
) -> tuple[tuple[Shift, ...], list[Problem]]:
    """The shifts as written under ``shifts``, and every mistake in them."""
    shifts: list[Shift] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for index, text in enumerate(texts):
        at = ("shifts", index)
        before = len(problems)
        if text.id in lines:
            problems.append(document.problem(f"{text.id}: already used in line {lines[text.id]}", *at, "id"))
        lines.setdefault(text.id, document.line(*at, "id"))
        if (text.model is None) == (text.layers is None):
            problems.append(document.problem(f"{text.id}: moves either the model or layers", *at))
        for layer in text.layers or ():
            if layer not in layers:
                hint = suggestion(layer, layers)
                problems.append(
                    document.problem(f"{text.id}: unknown layer {layer!r}{hint}", *at, "layers", layer)
                )
        if text.kind not in KINDS:
            hint = suggestion(text.kind, KINDS)
            problems.append(document.problem(f"{text.id}: no kind {text.kind!r}{hint}", *at, "kind"))
            continue
        try:
            when = compile_predicate(text.when, variable_of(text.kind), KINDS[text.kind])
        except ExpressionError as error:
            problems.append(located(document, error, text.when, *at, "when"))
            continue
        if any(token.kind == "name" and token.text == "now" for token in tokens(text.when)):
            problems.append(
                document.problem(f"{text.id}: whose it is does not depend on the time", *at, "when")
            )
        if len(problems) == before:
            shifts.append(
                Shift(text.id, text.kind, when, text.model, text.layers or {}, text.reason, text.sources)
            )
    return tuple(shifts), problems
