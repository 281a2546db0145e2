"""``gapscan ownership matrix``: controls × scopes or teams, with owners and states."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from scanner.exchange.matrix import OwnershipMatrix
    from scanner.report.model import Head


class MatrixFormat(StrEnum):
    """The format of the matrix."""

    text = "text"
    csv = "csv"
    json = "json"
    oscal = "oscal"


class Across(StrEnum):
    """The columns of the matrix."""

    scope = "scope"
    team = "team"


def matrix(
    report: Annotated[
        str | None, typer.Option(help="A JSON report of a scan or an assessment.", metavar="REPORT")
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(help="A snapshot to assess with the built-in rules instead.", metavar="SNAPSHOT"),
    ] = None,
    ownership: Annotated[
        str | None, typer.Option(help="ownership.yaml to assess the snapshot with.", metavar="FILE")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="gapscan.yaml to assess the snapshot with.", metavar="FILE")
    ] = None,
    form: Annotated[
        MatrixFormat,
        typer.Option("--format", help="Text for people, CSV, JSON, or an OSCAL 1.1 system security plan."),
    ] = MatrixFormat.text,
    by: Annotated[Across, typer.Option(help="Controls × scopes, or × teams.")] = Across.scope,
    out: Annotated[
        str | None, typer.Option(help="File to write. [default: standard output]", metavar="FILE")
    ] = None,
) -> None:
    """Show who owns which control where: all owners and the worst state of each.

    OSCAL says "satisfied" only where every part of a control in a scope is owned and passes. The exit code
    is 0 whatever the states are.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.cli.exits import Usage
        from scanner.exchange.matrix import matrix as matrix_of

        if (report is None) == (snapshot is None):
            raise Usage("give either --report or --snapshot")
        if report is not None and (ownership is not None or config is not None):
            raise Usage("--ownership and --config are for --snapshot: a report is already assessed")
        if form is MatrixFormat.oscal and by is Across.team:
            raise Usage("--by team is not for --format oscal, which has a component for each scope")
        if report is not None:
            head = _reported(Path(report))
        else:
            head = _assessed(
                Path(str(snapshot)), Path(ownership) if ownership else None, Path(config) if config else None
            )
        _write(matrix_of(head, by.value), form, Path(out) if out else None)


def _write(made: OwnershipMatrix, form: MatrixFormat, path: Path | None) -> None:
    import os
    import sys

    from scanner.exchange.writing import writing

    if path is not None:
        with writing(path) as file:
            _render(made, form, file)
        return
    try:
        _render(made, form, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader closed standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _render(made: OwnershipMatrix, form: MatrixFormat, out: TextIO) -> None:
    if form is MatrixFormat.oscal:
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.exchange.oscal import render

        render(made, load_catalogue(), out)
        return
    from importlib import import_module

    import_module(f"scanner.exchange.matrix_{form.value}").render(made, out)


def _reported(path: Path) -> Head:
    from scanner.assess.report_file import ReportFile
    from scanner.report.saved import saved_head

    return saved_head(ReportFile(path))


def _assessed(path: Path, ownership: Path | None, config: Path | None) -> Head:
    from scanner.assess.assessment import assess
    from scanner.cli.assess import stored
    from scanner.cli.options import AssessmentOptions, RuleOptions
    from scanner.cli.requests import assessment_request, configuration
    from scanner.report.build import build

    rules = RuleOptions(config=str(config) if config else None)
    options = AssessmentOptions(ownership=str(ownership) if ownership else None)
    request = assessment_request(configuration(rules), rules, options)
    collected = stored(path, request)
    request = request.at(collected.finished)
    return build(collected, assess(collected.inventory, request), request).head
