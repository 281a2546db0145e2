"""``gapscan permissions``: what to grant the identity that scans."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import Usage, exit_on_error

if TYPE_CHECKING:
    from pathlib import Path

    from scanner.model.inventory import Wanted


class SingleCloud(StrEnum):
    """Whose permissions."""

    aws = "aws"
    azure = "azure"
    gcp = "gcp"


def permissions(
    cloud: Annotated[SingleCloud, typer.Argument(help="Which cloud.")],
    rules: Annotated[
        list[str] | None,
        typer.Option("--rules", help="Rule pack: a folder or 'builtin'. Repeatable.", metavar="PACK"),
    ] = None,
    control: Annotated[
        list[str] | None, typer.Option(help="Only for these controls. Repeatable.", metavar="CONTROL")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Only for this rule. Repeatable.", metavar="RULE")
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(help="Only what would settle the unknowns of this JSON report.", metavar="REPORT"),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Bare names, one a line.")] = False,
) -> None:
    """Print the least-privilege policy or role for the chosen rules: an IAM policy, a custom role.

    It holds just what gapscan asks; any other operation is refused before it leaves the machine.
    """
    import sys
    from importlib import import_module
    from pathlib import Path

    with exit_on_error():
        grants = import_module(f"providers.{cloud.value}.permissions")
        needed = (
            _missing(Path(missing), cloud.value)
            if missing is not None
            else grants.permissions(_wanted(rules, control, rule))
        )
        if not needed:
            print(f"gapscan: no permission of {cloud.value} is missing", file=sys.stderr)
            return
        if names:
            typer.echo("\n".join(sorted(needed)))
            return
        typer.echo(grants.document(needed))
        for note in grants.notes(needed):
            print(note, file=sys.stderr)


def _wanted(packs: list[str] | None, controls: list[str] | None, rules: list[str] | None) -> Wanted:
    from scanner.catalogue.responsibility import load_catalogue
    from scanner.cli.plan import select
    from scanner.run.scan import wanted_by

    catalogue = load_catalogue()
    _, chosen, _ = select(catalogue, tuple(packs or ()), tuple(controls or ()), tuple(rules or ()))
    # The path of accounts is among it: an ownership file may select by it.
    return wanted_by(chosen, path=True, catalogue=catalogue)


def _missing(path: Path, cloud: str) -> frozenset[str]:
    """The permissions that would settle the unknowns of a report."""
    import json

    from pydantic import ValidationError

    from scanner.assess.baseline import read_report
    from scanner.base.yaml import DocumentError, Problem
    from scanner.report.model import Head

    document = read_report(path)
    document.pop("findings", None)
    try:
        head = Head.model_validate_json(json.dumps(document))
    except ValidationError as error:
        text = f"is damaged: {str(error).splitlines()[0]}"
        raise DocumentError([Problem(str(path), 1, text)]) from None
    if not any(target.provider == cloud for target in head.scan.targets):
        raise Usage(f"{path} is of no scan of {cloud}")
    settled = head.summary.unknowns.settled_by
    return frozenset(entry.permission for entry in settled if entry.provider == cloud)
