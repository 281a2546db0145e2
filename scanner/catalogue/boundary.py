"""The responsibility boundary between customer and provider on a resource, as currently configured.

The same service can be operated in different ways: a function's runtime is updated by the provider or by the
customer; a database is a managed service or a machine that the customer can sign in to. What shifts the
boundary is data (``shifts`` of ``responsibility.yaml``), each with a reason and the provider's documentation
page. An unknown facet never makes the provider responsible.
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
"""How the party of a finding was determined.

``boundary_uncertain``: a facet that could shift the boundary here is unknown, so the customer counts as
responsible. ``model_unresolved``: the service model of the resource type is not known; likewise.
``promoted``: the provider is responsible, but a setting that the customer can see fails; likewise.
"""

PROMOTED = "But a setting that you can see fails: if you can set it, it is your responsibility."
"""Why the customer is responsible for a failure of a provider-side control."""

_PRECEDENCE: tuple[Party, ...] = ("customer", "provider")
"""If shifts disagree, the customer is responsible."""

_TIMELESS = datetime(1970, 1, 1, tzinfo=UTC)
"""The boundary does not depend on the time: shifts may not use ``now``."""


class SourcePage(FrozenModel):
    """The page of the provider's documentation that states it."""

    title: Text
    url: Annotated[str, Field(pattern=r"^https://\S+$")]


class ShiftText(FrozenModel):
    """A shift as written in ``responsibility.yaml``."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    kind: str
    """The kind of resource on which the boundary shifts."""
    when: Text
    """The condition, in the rule language."""
    model: ServiceModel | None = None
    """The service model, overriding that of the resource type."""
    layers: Annotated[dict[str, Party], Field(min_length=1)] | None = None
    """The party responsible for these layers, overriding the service model."""
    reason: Text
    """Why, in one sentence that is true if the condition holds."""
    sources: Annotated[dict[ProviderName, SourcePage], Field(min_length=1)]
    """The page that states it, by provider. The shift does not apply on clouds without a source."""


@dataclass(frozen=True)
class Shift:
    """A configuration that shifts the boundary."""

    id: str
    kind: str
    when: Predicate
    model: ServiceModel | None
    layers: Mapping[str, Party]
    """Empty if it changes the service model."""
    reason: str
    sources: Mapping[ProviderName, SourcePage]

    def applies(self, resource: Resource) -> Observed[bool]:
        """Whether its condition holds on a resource of its kind; unknown if a facet was not collected."""
        if missing := sorted(self.when.facets - resource.collected()):
            return join(_uncollected(facet) for facet in missing)
        return self.when.evaluate(resource, _TIMELESS)


@dataclass(frozen=True)
class Boundary:
    """Which party is responsible for a control on a resource, and why."""

    party: Party
    model: ServiceModel | None
    """The service model as far as known; ``None`` if the resource type is not known."""
    reason: str
    """One or two sentences for people."""
    source: SourcePage | None = None
    """The page of the provider's documentation that states it, if configuration decided."""
    shifts: tuple[str, ...] = ()
    """Ids of the shifts that decided, or that could have."""
    flags: frozenset[Flag] = frozenset()
    unknowns: tuple[tuple[str, Unknown], ...] = ()
    """The unknown facets that matter here; they make it ``boundary_uncertain``."""

    @property
    def uncertain(self) -> bool:
        """Whether an unknown facet could make the other party responsible."""
        return bool(self.unknowns)

    def promoted(self) -> Boundary:
        """The boundary if a rule fails: the customer is responsible for failures of visible settings."""
        if self.party == "customer":
            return self
        return replace(
            self,
            party="customer",
            reason=f"{self.reason} {PROMOTED}",
            flags=self.flags | {"promoted"},
        )


@dataclass(frozen=True)
class ApplicableShifts:
    """The shifts of one resource: those whose condition holds, and those whose condition is unknown."""

    certain: tuple[Shift, ...]
    possible: tuple[Shift, ...]

    def outcomes(self) -> Iterator[tuple[Shift, ...]]:
        """Every possible set of shifts that apply to the resource."""
        for size in range(len(self.possible) + 1):
            for some in combinations(self.possible, size):
                yield (*self.certain, *some)


def applicable_shifts(shifts: Sequence[Shift], resource: Resource) -> ApplicableShifts:
    """The shifts that apply, or may apply, to a resource, from those of its kind."""
    results = [(shift, shift.applies(resource)) for shift in shifts if resource.provider in shift.sources]
    return ApplicableShifts(
        certain=tuple(shift for shift, applies in results if applies is True),
        possible=tuple(shift for shift, applies in results if isinstance(applies, Unknown)),
    )


def model_under(by_type: ServiceModel, shifts: Sequence[Shift]) -> ServiceModel:
    """The service model with these shifts: the one in which the provider operates least."""
    models = [shift.model for shift in shifts if shift.model is not None]
    return min(models, key=SERVICE_MODELS.index) if models else by_type


def party_of(cell: ResponsibilityCell) -> Party:
    """The responsible party: the customer if they have any part (states are about that part)."""
    return "provider" if cell == "provider" else "customer"


def decide(
    control: Control,
    by_type: ServiceModel,
    found: ApplicableShifts,
    defaults: Mapping[tuple[str, ServiceModel], Boundary],
    resource: Resource,
) -> Boundary:
    """The boundary over all possible sets of shifts: the customer is responsible if any of them says so.

    ``defaults``: the boundary of each control under each service model without shifts.
    """
    provider = resource.provider
    outcomes = [_outcome(control, by_type, shifts, defaults, provider) for shifts in found.outcomes()]
    certain = outcomes[0]
    if len({outcome.party for outcome in outcomes}) == 1:
        return certain
    # Report the shifts that would change the party on their own; if only several together would, all of them.
    decisive = [
        shift
        for shift in found.possible
        if _outcome(control, by_type, (*found.certain, shift), defaults, provider).party != certain.party
    ]
    uncertain = decisive or list(found.possible)
    what = " ".join(f"“{shift.reason}”" for shift in uncertain)
    unknowns = tuple(unknown_facets(resource, {facet for shift in uncertain for facet in shift.when.facets}))
    facets = ", ".join(facet for facet, _ in unknowns)
    return Boundary(
        party="customer",
        model=certain.model,
        reason=f"Unknown whether this applies: {what} ({facets}). Until known, this is your responsibility.",
        source=next((shift.sources[provider] for shift in uncertain), None),
        shifts=tuple(sorted(shift.id for shift in uncertain)),
        flags=frozenset({"boundary_uncertain"}),
        unknowns=unknowns,
    )


def unknown_facets(resource: Resource, facets: Iterable[str]) -> Iterator[tuple[str, Unknown]]:
    """Those of the facets that are unknown on a resource, or were not collected."""
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
    defaults: Mapping[tuple[str, ServiceModel], Boundary],
    provider: ProviderName,
) -> Boundary:
    """The boundary if exactly these shifts apply. Their order does not matter."""
    model = model_under(by_type, shifts)
    base = defaults[control.id, model]
    shifts = sorted(shifts, key=lambda shift: shift.id)
    for party in _PRECEDENCE:
        layered = [shift for shift in shifts if shift.layers.get(control.layer) == party]
        # A control with no meaning under the model is only evaluated because a setting was found.
        if layered and not (party == "provider" and control.responsibility[model] == "none"):
            first = layered[0]
            return Boundary(
                party, model, first.reason, first.sources[provider], tuple(shift.id for shift in layered)
            )
    changed = [shift for shift in shifts if shift.model == model]
    if not changed:
        return base
    return replace(
        base,
        reason=f"{changed[0].reason} {base.reason}",
        source=changed[0].sources[provider],
        shifts=tuple(shift.id for shift in changed),
    )


def load_shifts(
    document: Document, texts: Sequence[ShiftText], layers: Mapping[str, object]
) -> tuple[tuple[Shift, ...], list[Problem]]:
    """The shifts as written under ``shifts``, and every error in them."""
    shifts: list[Shift] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for index, text in enumerate(texts):
        at = ("shifts", index)
        before = len(problems)
        if text.id in lines:
            problems.append(document.problem(f"{text.id}: already used on line {lines[text.id]}", *at, "id"))
        lines.setdefault(text.id, document.line(*at, "id"))
        if (text.model is None) == (text.layers is None):
            problems.append(document.problem(f"{text.id}: must set either model or layers", *at))
        for layer in text.layers or ():
            if layer not in layers:
                hint = suggestion(layer, layers)
                problems.append(
                    document.problem(f"{text.id}: unknown layer {layer!r}{hint}", *at, "layers", layer)
                )
        if text.kind not in KINDS:
            hint = suggestion(text.kind, KINDS)
            problems.append(document.problem(f"{text.id}: unknown kind {text.kind!r}{hint}", *at, "kind"))
            continue
        try:
            when = compile_predicate(text.when, variable_of(text.kind), KINDS[text.kind])
        except ExpressionError as error:
            problems.append(located(document, error, text.when, *at, "when"))
            continue
        if any(token.kind == "name" and token.text == "now" for token in tokens(text.when)):
            problems.append(document.problem(f"{text.id}: a shift cannot use 'now'", *at, "when"))
        if len(problems) == before:
            shifts.append(
                Shift(text.id, text.kind, when, text.model, text.layers or {}, text.reason, text.sources)
            )
    return tuple(shifts), problems
