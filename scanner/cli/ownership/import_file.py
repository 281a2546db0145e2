"""``gapscan ownership import``: an ownership file from a table or a provider's CAIQ."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from pathlib import Path

    from scanner.catalogue.responsibility import Catalogue
    from scanner.exchange.draft import Draft

_LISTED = 50
"""Maximum rows listed in the output; the file lists all of them."""


class TableFormat(StrEnum):
    """What the table contains."""

    csv = "csv"
    caiq = "caiq"


class CloudName(StrEnum):
    """The provider that answered a CAIQ."""

    aws = "aws"
    azure = "azure"
    gcp = "gcp"


class CaiqModel(StrEnum):
    """The service model that a CAIQ is about."""

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
            help="The column of each field: control, owner, responsible, consulted, informed, contact, "
            "where.account (or another key of where), where.tags.KEY. #3 is the third column. Repeatable.",
            metavar="FIELD=HEADER,…",
        ),
    ] = None,
    form: Annotated[
        TableFormat,
        typer.Option("--format", help="A table of owners, or a provider's CAIQ v4 (its ownership column)."),
    ] = TableFormat.csv,
    provider: Annotated[CloudName | None, typer.Option(help="CAIQ: the cloud that answered.")] = None,
    service_model: Annotated[
        CaiqModel | None, typer.Option(help="CAIQ: the service model. [default: all]")
    ] = None,
    out: Annotated[str, typer.Option(help="File to write.", metavar="FILE")] = "ownership.yaml",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing unless every row can be used.")
    ] = False,
) -> None:
    """Draft an ownership file from a table of controls and teams, or from a provider's CAIQ.

    Controls are identified by gapscan's ids or by ids of related requirements (CCM, NIST 800-53, ISO 27001,
    CIS, PCI DSS). Unusable and conflicting rows are reported by number. Of a CAIQ, only lines that both the
    provider and gapscan's model call the provider's are in force.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.exchange.table import find, read_tables

        path, target = Path(table), Path(out)
        if target.is_file() and not force:
            raise Usage(f"{out}: already exists: choose another --out, or overwrite it with --force")
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
        _print_result(draft, out)


def _write(draft: Draft, path: Path, catalogue: Catalogue) -> None:
    """Writes the file if it is a valid ownership file. Raises ``Usage`` if not."""
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
            raise Usage(f"{draft.source}: its rows do not make a valid ownership file: {first}") from None
    replace_all({path: text})


def _print_result(draft: Draft, out: str) -> None:
    import sys

    from scanner.base.counts import many
    from scanner.base.terminal import printable

    for title, problems in (("left out", draft.left_out), ("to be decided", draft.warnings)):
        for problem in problems[:_LISTED]:
            print(printable(f"{title}: {problem}"), file=sys.stderr)
        if len(problems) > _LISTED:
            print(f"{title}: {len(problems) - _LISTED:,} more, all listed in {out}", file=sys.stderr)
    print(
        f"{out}: {many(draft.lines, 'line')} in force and {many(len(draft.teams), 'team')} "
        f"from {many(draft.rows, 'row')} "
        f"(left out: {len(draft.left_out):,}, to be decided: {len(draft.warnings):,})"
    )
