"""The shared responsibility model: layers, service models, controls, and the responsible party on a resource.

The model is data: ``responsibility.yaml`` (layers, service models, the type table, domains, kinds) and
``controls/<domain>.yaml`` of a rule pack. This module loads and queries it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.base.yaml import Document, DocumentError, Problem, read, suggestion
from scanner.catalogue.boundary import (
    Boundary,
    Shift,
    ShiftText,
    applicable_shifts,
    decide,
    load_shifts,
    model_under,
    party_of,
    unknown_facets,
)
from scanner.catalogue.control import (
    SERVICE_MODELS,
    Control,
    EvidenceMode,
    Framework,
    Layer,
    Level,
    Party,
    ResponsibilityCell,
    ServiceModel,
    Severity,
    Text,
)
from scanner.model.resources.base import ProviderName, Resource

K = TypeVar("K", bound=str)
T = TypeVar("T")
_Id = Annotated[str, Field(pattern=r"^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$")]


class UnknownControl(KeyError):
    """A selector that matches no control.

    ``suggestion`` is ``; did you mean X?`` if a known name is similar, else empty.
    """

    def __init__(self, selector: str, suggestion: str = "") -> None:
        super().__init__(selector)
        self.selector = selector
        self.suggestion = suggestion

    def __str__(self) -> str:
        return f"no control matches {self.selector!r}{self.suggestion}"


_REASONS: Mapping[ResponsibilityCell, str] = {
    "customer": "this is your responsibility; the provider has no part in it.",
    "both": "each party has its own part; this one is your responsibility.",
    "provider": "this is the provider's responsibility.",
    "none": "no such setting is expected here, but one was found; what you can set is your responsibility.",
}
"""A cell of a control's row, explained to the customer."""


@dataclass(frozen=True)
class Catalogue:
    """All controls, and the tables that determine the responsible party."""

    controls: Mapping[str, Control]
    domains: Mapping[str, str]
    """Titles by domain id."""
    layers: Mapping[str, Layer]
    kinds: Mapping[str, str]
    """Titles of all kinds that controls refer to, including those not yet collected on any cloud."""
    service_models: Mapping[ServiceModel, str]
    """Titles by service model."""
    types: tuple[tuple[str, ServiceModel], ...]
    """Patterns of resource types (``*``: any text) and their service model; the first match wins."""
    shifts: tuple[Shift, ...]
    """Configurations that shift the boundary; their order does not matter."""

    def __reduce__(self) -> tuple[Callable[..., Catalogue], tuple[dict[str, Any]]]:
        """As plain dictionaries: views of them do not travel between processes."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return _restored, (
            {name: dict(one) if isinstance(one, Mapping) else one for name, one in values.items()},
        )

    def select(self, selector: str) -> frozenset[str]:
        """The ids of the controls that a selector matches: an id or former id, a glob, a domain or ``*``.

        Raises :class:`UnknownControl` if there are none. A domain is always valid, even an empty one.
        """
        if selector == "*":
            return frozenset(self.controls)
        if selector in self.domains:
            return frozenset(id for id, control in self.controls.items() if control.domain == selector)
        if any(sign in selector for sign in "*?["):
            found = frozenset(id for name, id in self._names.items() if fnmatchcase(name, selector))
        else:
            found = frozenset(id for id in [self._names.get(selector)] if id)
        if not found:
            known = [*self._names, *self.domains]
            raise UnknownControl(selector, suggestion(selector, known))
        return found

    def model_of_type(self, type_: str) -> ServiceModel | None:
        """The service model of a resource type without shifts; ``None`` if the type is not known."""
        match = self._type_table.fullmatch(type_)
        return self.types[match.lastindex - 1][1] if match and match.lastindex else None

    def service_model(self, resource: Resource) -> ServiceModel | None:
        """The service model of the resource as configured, as far as known; ``None`` if its type is not."""
        by_type = self.model_of_type(resource.type)
        if by_type is None or resource.kind not in self._shifts_of:
            return by_type
        return model_under(by_type, applicable_shifts(self._shifts_of[resource.kind], resource).certain)

    def models_of_type(self, type_: str) -> frozenset[ServiceModel]:
        """The service model of a resource type without shifts; ``iaas`` if the type is not known."""
        return frozenset({self.model_of_type(type_) or "iaas"})

    def models_in_use(self, resource: Resource) -> frozenset[ServiceModel]:
        """The possible service models of the resource: more than one if a deciding facet is unknown.

        A type that is not known counts as ``iaas``.
        """
        by_type = self.model_of_type(resource.type)
        if by_type is None or resource.kind not in self._shifts_of:
            return self.models_of_type(resource.type)
        found = applicable_shifts(self._shifts_of[resource.kind], resource)
        return frozenset(model_under(by_type, shifts) for shifts in found.outcomes())

    @property
    def shifting_kinds(self) -> frozenset[str]:
        """The kinds whose boundary depends on how a resource is configured, and not on its type alone."""
        return frozenset(self._shifts_of)

    def grounds(self, resource: Resource) -> Hashable:
        """All that the boundary depends on of a resource beside its type: equal grounds, equal boundaries."""
        if resource.kind not in self._shifts_of:
            return None
        found = applicable_shifts(self._shifts_of[resource.kind], resource)
        unknowns = unknown_facets(resource, {name for shift in found.possible for name in shift.when.facets})
        return (
            tuple(shift.id for shift in found.certain),
            tuple(shift.id for shift in found.possible),
            tuple(unknowns),
        )

    def boundary(self, control: Control, resource: Resource) -> Boundary:
        """Which party is responsible for the control on a resource as currently configured, and why.

        Layers that a shift assigns come first, then the control's own row under the service model, then the
        layer's default. The customer is responsible if both parties have a part (states are computed for
        the customer's), if the service model is unresolved, if a deciding facet is unknown, and if the
        control does not apply under the service model but a rule still found a setting.
        """
        by_type = self.model_of_type(resource.type)
        if by_type is None:
            reason = (
                f"The service model of {resource.type} is not known, so it counts as your responsibility."
            )
            return Boundary("customer", None, reason, flags=frozenset({"model_unresolved"}))
        if resource.kind not in self._shifts_of:
            return self._default_boundaries[control.id, by_type]
        found = applicable_shifts(self._shifts_of[resource.kind], resource)
        if not found.certain and not found.possible:
            return self._default_boundaries[control.id, by_type]
        return decide(control, by_type, found, self._default_boundaries, resource)

    def default_boundary(self, control: Control, model: ServiceModel) -> Boundary:
        """Which party is responsible for the control under a service model without shifts, and why."""
        return self._default_boundaries[control.id, model]

    def party(self, control: Control, resource: Resource) -> Party:
        """The party responsible for the control on a resource: that of :meth:`boundary`."""
        return self.boundary(control, resource).party

    def facets(self, kind: str) -> frozenset[str]:
        """The facets of a kind that shifts depend on; they are collected for every resource of it."""
        return frozenset().union(*(shift.when.facets for shift in self._shifts_of.get(kind, ())))

    def party_at_scope(
        self, control: Control, provider: ProviderName, service_models_in_use: frozenset[ServiceModel]
    ) -> Party | None:
        """The party responsible for the control at a scope: the customer if any model in use there says so.

        ``None`` if it does not apply under any of them, or if no kind on that cloud is evidence for it and it
        requires no attestation. An empty set (no model in use is known) counts as every cloud model.
        """
        if control.evidence == "auto" and not control.kinds.get(provider):
            return None
        models = service_models_in_use or frozenset(SERVICE_MODELS) - {"on_prem"}
        cells = {control.responsibility[model] for model in models}
        if cells & {"customer", "both"}:
            return "customer"
        return "provider" if "provider" in cells else None

    @cached_property
    def _shifts_of(self) -> Mapping[str, tuple[Shift, ...]]:
        ordered = sorted(self.shifts, key=lambda shift: shift.id)
        kinds = {shift.kind for shift in ordered}
        return {kind: tuple(shift for shift in ordered if shift.kind == kind) for kind in kinds}

    @cached_property
    def _default_boundaries(self) -> Mapping[tuple[str, ServiceModel], Boundary]:
        return {
            (control.id, model): Boundary(
                party_of(cell), model, f"{self.service_models[model]} ({model}): {_REASONS[cell]}"
            )
            for control in self.controls.values()
            for model, cell in control.responsibility.items()
        }

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """The current id of every id and former id."""
        return {name: id for id, control in self.controls.items() for name in (id, *control.aliases)}

    @cached_property
    def _type_table(self) -> re.Pattern[str]:
        """The type table as one pattern: alternatives are tried in order, so the first line wins."""
        patterns = [pattern.split("*") for pattern, _ in self.types]
        return re.compile("|".join(f"({'.*'.join(map(re.escape, parts))})" for parts in patterns) or r"(?!)")


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Reads ``responsibility.yaml`` and ``controls/*.yaml`` of a folder; ``None``: the built-in ones.

    Raises :class:`~scanner.base.yaml.DocumentError` with every error, each with file and line.
    """
    root = folder or Path(str(files("rules")))
    shown = folder or Path("rules")
    base = read(root / "responsibility.yaml", str(shown / "responsibility.yaml"))
    tables = base.validate(_Tables)
    shifts, problems = load_shifts(base, tables.shifts, tables.layers)
    problems += _table_problems(base, tables)
    controls: dict[str, Control] = {}
    places: dict[str, str] = {}
    paths = sorted((root / "controls").glob("*.yaml"))
    if not paths:
        problems.append(Problem(str(shown / "controls"), 1, "contains no controls (*.yaml)"))
    for path in paths:
        try:
            document = read(path, str(shown / "controls" / path.name))
            written = document.validate(_ControlsFile)
        except DocumentError as error:
            problems.extend(error.problems)
            continue
        if path.stem not in tables.domains:
            hint = suggestion(path.stem, tables.domains)
            problems.append(document.problem(f"the file name {path.stem!r} is not a domain{hint}"))
            continue
        for index, entry in enumerate(written.controls):
            at = _Place(document, ("controls", index))
            problems.extend(_entry_problems(at, entry, path.stem, tables, places))
            if entry.layer in tables.layers:
                controls[entry.id] = _control(entry, path.stem, tables)
    if problems:
        raise DocumentError(problems)
    return Catalogue(
        controls=_frozen(sorted(controls.items())),
        domains=_frozen(tables.domains.items()),
        layers=_frozen(tables.layers.items()),
        kinds=_frozen(tables.kinds.items()),
        service_models=_frozen(tables.service_models.items()),
        types=tuple((line.match, line.model) for line in tables.types),
        shifts=shifts,
    )


class _TypeLine(FrozenModel):
    match: Text
    model: ServiceModel


class _Tables(FrozenModel):
    """``responsibility.yaml``."""

    service_models: dict[ServiceModel, Text]
    layers: dict[str, Layer]
    domains: dict[str, Text]
    kinds: dict[str, Text]
    types: tuple[_TypeLine, ...]
    shifts: tuple[ShiftText, ...] = ()


class _Obligations(FrozenModel):
    customer: Text | None = None
    provider: Text | None = None


class _Entry(FrozenModel):
    """A control as written. ``responsibility`` has only the differences from the layer's default."""

    id: _Id
    title: Text
    layer: str
    level: Level
    severity: Severity
    responsibility: dict[ServiceModel, ResponsibilityCell] = Field(default_factory=dict)
    obligations: _Obligations
    evidence: EvidenceMode
    kinds: dict[ProviderName, tuple[str, ...]] = Field(default_factory=dict)
    refs: dict[Framework, tuple[Text, ...]] = Field(default_factory=dict)
    aliases: tuple[_Id, ...] = ()


class _ControlsFile(FrozenModel):
    """``controls/<domain>.yaml``."""

    controls: tuple[_Entry, ...]


@dataclass(frozen=True)
class _Place:
    """A node of a document, for messages about its content."""

    document: Document
    loc: tuple[str | int, ...]

    def problem(self, message: str, *loc: str | int) -> Problem:
        return self.document.problem(message, *self.loc, *loc)

    def __str__(self) -> str:
        return f"{self.document.file}:{self.document.line(*self.loc)}"


def _control(entry: _Entry, domain: str, tables: _Tables) -> Control:
    row: dict[ServiceModel, ResponsibilityCell] = {
        **tables.layers[entry.layer].default,
        **entry.responsibility,
    }
    return Control(
        id=entry.id,
        title=entry.title,
        domain=domain,
        layer=entry.layer,
        level=entry.level,
        severity=entry.severity,
        responsibility=row,
        obligations={"customer": entry.obligations.customer, "provider": entry.obligations.provider},
        evidence=entry.evidence,
        kinds=entry.kinds,
        refs=entry.refs,
        aliases=entry.aliases,
    )


def _table_problems(base: Document, tables: _Tables) -> Iterator[Problem]:
    for model in SERVICE_MODELS:
        if model not in tables.service_models:
            yield base.problem(f"service_models: {model} is missing", "service_models")
        for name, layer in tables.layers.items():
            if model not in layer.default:
                yield base.problem(f"layers.{name}.default: {model} is missing", "layers", name, "default")
    for index, line in enumerate(tables.types):
        for earlier, other in enumerate(tables.types[:index]):
            if fnmatchcase(line.match, other.match):
                first = f"line {base.line('types', earlier)} ({other.match})"
                message = f"types: {line.match} is never reached: {first} matches first"
                yield base.problem(message, "types", index)
                break


def _entry_problems(
    at: _Place, entry: _Entry, domain: str, tables: _Tables, places: dict[str, str]
) -> Iterator[Problem]:
    if not entry.id.startswith(f"{domain}."):
        yield at.problem(f"{entry.id}: control ids in this file must start with '{domain}.'", "id")
    for name in (entry.id, *entry.aliases):
        if name in places:
            place = "id" if name == entry.id else "aliases"
            yield at.problem(f"{name}: already used in {places[name]}", place)
        places.setdefault(name, str(at))
    for provider, kinds in entry.kinds.items():
        for index, kind in enumerate(kinds):
            if kind not in tables.kinds:
                hint = suggestion(kind, tables.kinds)
                yield at.problem(f"{entry.id}: unknown kind {kind!r}{hint}", "kinds", provider, index)
    if entry.layer not in tables.layers:
        hint = suggestion(entry.layer, tables.layers)
        yield at.problem(f"{entry.id}: unknown layer {entry.layer!r}{hint}", "layer")
        return
    cells = {**tables.layers[entry.layer].default, **entry.responsibility}.values()
    parties: tuple[Party, ...] = get_args(Party)
    for party in parties:
        if not getattr(entry.obligations, party) and {party, "both"} & set(cells):
            yield at.problem(f"{entry.id}: obligations.{party} is missing", "obligations")


def _restored(values: Mapping[str, Any]) -> Catalogue:
    views: dict[str, Any] = {
        name: _frozen(one.items()) if isinstance(one, dict) else one for name, one in values.items()
    }
    return Catalogue(**views)


def _frozen(items: Iterable[tuple[K, T]]) -> Mapping[K, T]:
    return MappingProxyType(dict(items))
