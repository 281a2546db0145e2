"""``gapscan responsibility``: each party's part, boundary shifts, and the matrices that providers publish."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli.exits import Usage, exit_on_error

if TYPE_CHECKING:
    from scanner.catalogue.boundary import Shift
    from scanner.catalogue.control import Control, ServiceModel
    from scanner.catalogue.published import ComparedCell, Published, PublishedMatrix
    from scanner.catalogue.responsibility import Catalogue


class ModelArgument(StrEnum):
    """A service model."""

    on_prem = "on_prem"
    iaas = "iaas"
    caas = "caas"
    faas = "faas"
    paas = "paas"
    saas = "saas"


_CELL = 9
_HEAD = 15


def responsibility(
    service_model: Annotated[
        ModelArgument | None,
        typer.Option(help="All controls under one service model, with each party's obligations."),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            help="Show where a published matrix differs, and why: azure or google.", metavar="MATRIX"
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Show the responsible party by layer and service model, and the boundary shifts.

    A resource has the service model of its type unless its configuration changes it. Where both parties
    have a part, the states of a report are about yours.
    """
    with exit_on_error():
        from scanner.catalogue.published import load_published
        from scanner.catalogue.responsibility import load_catalogue

        if form not in ("text", "json"):
            raise Usage(f"--format {form}: expected text or json")
        catalogue = load_catalogue()
        published = load_published(catalogue)
        models: tuple[ServiceModel, ...] = tuple(
            model for model in catalogue.service_models if service_model in (None, model)
        )
        matrix = None if compare is None else _matrix(published, compare, service_model)
        if form == "json":
            import json

            record = _record(catalogue, published, models, service_model is not None, matrix)
            typer.echo(json.dumps(record, indent=1, ensure_ascii=False))
        elif matrix is not None:
            typer.echo("\n".join(_comparison(matrix, _compared(matrix, catalogue, models))))
        elif service_model is not None:
            typer.echo("\n".join(_one_model(catalogue, models[0])))
        else:
            typer.echo("\n".join(_overview(catalogue, models)))


def _matrix(published: Published, name: str, service_model: ModelArgument | None) -> PublishedMatrix:
    from scanner.base.yaml import suggestion

    matrix = published.matrix(name)
    if matrix is None:
        known = [matrix.id for matrix in published.matrices]
        note = next((note for note in published.notes if note.provider == name), None)
        if note is not None and name not in {matrix.provider for matrix in published.matrices}:
            raise Usage(f"--compare {name}: {note.says[0]} See {note.url}")
        same = next((matrix.id for matrix in published.matrices if matrix.provider == name), None)
        hint = f"; did you mean {same}?" if same else suggestion(name, known)
        raise Usage(f"--compare {name}: no such matrix: expected one of {', '.join(known)}{hint}")
    if service_model is not None and service_model not in matrix.models:
        columns = ", ".join(matrix.models)
        raise Usage(f"--compare {name}: that matrix has no column {service_model}, only {columns}")
    return matrix


def _compared(
    matrix: PublishedMatrix, catalogue: Catalogue, models: Sequence[ServiceModel]
) -> list[ComparedCell]:
    from scanner.catalogue.published import compare

    return [cell for cell in compare(matrix, catalogue) if cell.model in models]


def _overview(catalogue: Catalogue, models: Sequence[ServiceModel]) -> Iterator[str]:
    from scanner.cli.prose import PARTIES, entry, row

    yield "RESPONSIBILITY by layer and service model. Controls can differ: gapscan controls list."
    yield ""
    yield row([("", _HEAD), *((model, _CELL) for model in models)])
    indent = _HEAD + _CELL * len(models)
    for name, layer in catalogue.layers.items():
        head = row([(name, _HEAD), *((PARTIES[layer.default[model]], _CELL) for model in models)])
        yield from entry(head, layer.title, indent)
    yield ""
    for model, title in catalogue.service_models.items():
        yield row([(model, _HEAD), (title, 0)])
    yield ""
    yield from _shifts(catalogue.shifts)
    yield ""
    yield "More: --service-model M for the controls under it, --compare azure|google for published matrices."


def _shifts(shifts: Iterable[Shift]) -> Iterator[str]:
    from scanner.cli.prose import entry

    yield "BOUNDARY SHIFTS on a resource as configured now. Unknown counts as yours."
    for shift in shifts:
        yield ""
        yield f"  {shift.id}: {_effect(shift)}"
        yield from entry("    why", shift.reason, _HEAD)
        yield from entry("    when", " ".join(shift.when.source.split()), _HEAD)
        for provider, source in shift.sources.items():
            yield from entry(f"    {provider}", f"{source.title} {source.url}", _HEAD)


def _effect(shift: Shift) -> str:
    from scanner.cli.prose import PARTIES

    if shift.model is not None:
        return f"the {shift.kind} counts as {shift.model}"
    moved = ", ".join(f"{layer} → {PARTIES[party]}" for layer, party in shift.layers.items())
    return f"on the {shift.kind}: {moved}"


def _one_model(catalogue: Catalogue, model: ServiceModel) -> Iterator[str]:
    from scanner.base.counts import many
    from scanner.cli.prose import entry

    groups = _groups(catalogue, model)
    counts = {cell: len(controls) for cell, controls in groups.items()}
    yield f"{model}: {catalogue.service_models[model]}"
    yield (
        f"{many(len(catalogue.controls), 'control')}: {counts['customer']} yours alone, "
        f"{counts['both']} of both parties, {counts['provider']} the provider's, "
        f"{counts['none']} not applicable"
    )
    for cell, title in (
        ("customer", "YOURS ALONE"),
        ("both", "BOTH PARTIES"),
        ("provider", "THE PROVIDER'S"),
    ):
        if groups[cell]:
            yield ""
            yield title
        for control in groups[cell]:
            yield f"  {control.id}  ({control.severity}, {control.level})"
            if cell != "provider":
                yield from entry("    you", control.obligations["customer"] or control.title, _HEAD)
            if control.obligations["provider"] and cell != "customer":
                yield from entry("    provider", control.obligations["provider"], _HEAD)
    if groups["none"]:
        yield ""
        yield from entry("NOT APPLICABLE", ", ".join(control.id for control in groups["none"]), _HEAD)
    shifts = _shifts_under(catalogue, model)
    if shifts:
        yield ""
        yield from _shifts(shifts)


def _groups(catalogue: Catalogue, model: ServiceModel) -> dict[str, list[Control]]:
    groups: dict[str, list[Control]] = {"customer": [], "both": [], "provider": [], "none": []}
    for control in catalogue.controls.values():
        groups[control.responsibility[model]].append(control)
    return groups


def _shifts_under(catalogue: Catalogue, model: ServiceModel) -> list[Shift]:
    """The shifts that give a resource this model, and those of layers of both parties under it."""
    return [
        shift
        for shift in catalogue.shifts
        if shift.model == model
        or any(catalogue.layers[layer].default[model] == "both" for layer in shift.layers)
    ]


def _comparison(matrix: PublishedMatrix, cells: Sequence[ComparedCell]) -> Iterator[str]:
    from scanner.cli.prose import WIDTH, entry, row

    rows = list(dict.fromkeys(cell.row for cell in cells))
    models = list(dict.fromkeys(cell.model for cell in cells))
    found = {(cell.row, cell.model): cell for cell in cells}
    differing = [cell for cell in cells if cell.why is not None]
    yield f"{matrix.publisher}: {matrix.title} ({matrix.date.isoformat()})"
    yield matrix.url
    yield from textwrap.wrap(matrix.form, WIDTH)
    yield ""
    table = [["", *models], *([name, *(_cell_text(found[name, model]) for model in models)] for name in rows)]
    widths = [max(len(line[column]) for line in table) + 2 for column in range(len(models) + 1)]
    for line in table:
        yield row(zip(line, widths, strict=True))
    yield ""
    yield f"{len(differing)} of {len(cells)} cells differ from ours."
    for name in rows:
        whys: dict[str, list[str]] = {}
        for cell in differing:
            if cell.row == name and cell.why is not None:
                whys.setdefault(cell.why, []).append(cell.model)
        for why, where in whys.items():
            about = ", ".join(next(cell.about for cell in differing if cell.row == name))
            yield ""
            yield f"  {name}, {', '.join(where)} (here: {about})"
            yield from entry("   ", why, 4)


def _cell_text(cell: ComparedCell) -> str:
    """The published cell, and ours where it differs."""
    from scanner.cli.prose import PARTIES

    ours = f" (ours: {PARTIES[cell.ours]})" if cell.why is not None else ""
    return f"{PARTIES[cell.published]}{ours}"


def _record(
    catalogue: Catalogue,
    published: Published,
    models: Sequence[ServiceModel],
    controls: bool,
    matrix: PublishedMatrix | None,
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "schema": "gapscan.responsibility/v1",
        "service_models": {model: catalogue.service_models[model] for model in models},
        "layers": [
            {"id": name, "title": layer.title, "default": {model: layer.default[model] for model in models}}
            for name, layer in catalogue.layers.items()
        ],
        "shifts": [
            {
                "id": shift.id,
                "kind": shift.kind,
                "when": shift.when.source,
                "model": shift.model,
                "layers": dict(shift.layers),
                "reason": shift.reason,
                "sources": {name: source.model_dump() for name, source in shift.sources.items()},
            }
            for shift in catalogue.shifts
        ],
        "notes": [note.model_dump() for note in published.notes],
    }
    if controls:
        record["controls"] = [
            {
                "id": control.id,
                "title": control.title,
                "layer": control.layer,
                "level": control.level,
                "severity": control.severity,
                "party": control.responsibility[models[0]],
                "obligations": dict(control.obligations),
            }
            for control in catalogue.controls.values()
        ]
    if matrix is not None:
        record["comparison"] = {
            **matrix.model_dump(mode="json", include={"id", "provider", "publisher", "title", "url", "date"}),
            "form": matrix.form,
            "cells": [
                {
                    "row": cell.row,
                    "service_model": cell.model,
                    "published": cell.published,
                    "ours": cell.ours,
                    "about": cell.about,
                    "differs": cell.why is not None,
                    "why": cell.why,
                }
                for cell in _compared(matrix, catalogue, models)
            ],
        }
    return record
