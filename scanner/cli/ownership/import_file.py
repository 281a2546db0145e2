"""``gapscan ownership import``: an ownership file from a table or from a provider's CAIQ."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from pathlib import Path

    from scanner.catalogue.responsibility import Catalogue
    from scanner.exchange.draft import Draft

_SHOWN = 50
"""Rows that are told one by one; the file has all of them."""


class TableFormat(StrEnum):
    """What the table is."""

    csv = "csv"
    caiq = "caiq"


class CloudName(StrEnum):
    """Whose answers a CAIQ has."""

    aws = "aws"
    azure = "azure"
    gcp = "gcp"


class CaiqModel(StrEnum):
    """The kind of service that a CAIQ is about."""

    iaas = "iaas"
    caas = "caas"
    faas = "faas"
    paas = "paas"
    saas = "saas"


def import_file(
    table: Annotated[str, typer.Argument(help="A CSV file or an .xlsx workbook.", metavar="CSV_OR_XLSX")],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="Which column says what: control, owner, responsible, consulted, informed, contact, "
            "where.account (or another key of where), where.tags.KEY. #3 is the third column. Repeatable.",
            metavar="FIELD=HEADER,…",
        ),
    ] = None,
    form: Annotated[
        TableFormat,
        typer.Option("--format", help="A table of owners, or a provider's CAIQ v4 (its ownership column)."),
    ] = TableFormat.csv,
    provider: Annotated[
        CloudName | None, typer.Option(help="CAIQ: the cloud whose answers they are.")
    ] = None,
    service_model: Annotated[
        CaiqModel | None, typer.Option(help="CAIQ: the kind of service it is about. [default: all]")
    ] = None,
    out: Annotated[str, typer.Option(help="File to write.", metavar="FILE")] = "ownership.yaml",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing unless every row can be used.")
    ] = False,
) -> None:
    """Draft an ownership file from a table that names controls and teams, or from a provider's CAIQ.

    Controls are named by our ids, or by ids of related requirements (CCM, NIST 800-53, ISO 27001, CIS,
    PCI DSS). Rows that cannot be used are told with their number, and so are rows that contradict each
    other. Of a CAIQ, only what both the provider and our model call the provider's is in force.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.exchange.table import find, read_tables

        path, target = Path(table), Path(out)
        if target.is_file() and not force:
            raise Usage(f"{out}: exists already: choose another --out, or replace it with --force")
        catalogue = load_catalogue()
        if form is TableFormat.caiq:
            from scanner.exchange.caiq import draft_of as draft_of_caiq

            if columns:
                raise Usage("--columns is for --format csv: the columns of a CAIQ are found by their headers")
            draft = draft_of_caiq(
                read_tables(path),
                catalogue,
                path,
                provider.value if provider else None,
                service_model.value if service_model else None,
            )
        else:
            from scanner.exchange.columns import parse_columns
            from scanner.exchange.owner_rows import draft_of

            if provider or service_model:
                raise Usage("--provider and --service-model are for --format caiq")
            wanted = parse_columns(columns or [])
            draft = draft_of(find(read_tables(path), wanted, path), catalogue, str(path))
        if strict and draft.left_out:
            raise Usage("\n".join([*map(str, draft.left_out), "nothing was written (--strict)"]))
        _write(draft, target, catalogue)
        _tell(draft, out)


def _write(draft: Draft, path: Path, catalogue: Catalogue) -> None:
    """Puts the file in place if it is a valid ownership file."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from scanner.base.files import replace_all
    from scanner.base.yaml import DocumentError
    from scanner.cli.exits import Usage
    from scanner.exchange.draft import render
    from scanner.ownership.file.load import load_ownership

    text = render(draft)
    with TemporaryDirectory() as folder:
        trial = Path(folder) / "ownership.yaml"
        trial.write_text(text, encoding="utf-8")
        try:
            load_ownership(trial, catalogue)
        except DocumentError as error:
            first = error.problems[0].message
            raise Usage(f"{draft.source}: its rows make no valid ownership file: {first}") from None
    replace_all({path: text})


def _tell(draft: Draft, out: str) -> None:
    import sys

    from scanner.base.terminal import printable

    for title, problems in (("left out", draft.left_out), ("to be decided", draft.warnings)):
        for problem in problems[:_SHOWN]:
            print(printable(f"{title}: {problem}"), file=sys.stderr)
        if len(problems) > _SHOWN:
            print(f"{title}: {len(problems) - _SHOWN:,} more, all of them in {out}", file=sys.stderr)
    print(
        f"{out}: {draft.lines:,} lines in force and {len(draft.teams):,} teams from {draft.rows:,} rows "
        f"(left out: {len(draft.left_out):,}, to be decided: {len(draft.warnings):,})"
    )
