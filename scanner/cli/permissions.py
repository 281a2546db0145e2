"""``gapscan permissions``: the permissions that the scanning identity needs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import Usage, exit_on_error

if TYPE_CHECKING:
    from pathlib import Path

    from scanner.model.inventory import Wanted


class SingleCloud(StrEnum):
    """The cloud whose permissions to print."""

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
        typer.Option(help="Only those that resolve the unknowns of this JSON report.", metavar="REPORT"),
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Only names, one per line.")] = False,
) -> None:
    """Print the least-privilege IAM policy or custom role for the chosen rules.

    It has only the permissions of the calls that gapscan makes; gapscan blocks all other calls itself.
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
    from scanner.cli.options import RuleOptions
    from scanner.cli.requests import select
    from scanner.run.config import Config
    from scanner.run.scan import wanted_by

    selected = select(Config(version=1), RuleOptions(rules=packs, control=controls, rule=rules))
    # Includes the path of accounts: an ownership file may select by it.
    return wanted_by(selected.rules, path=True, catalogue=selected.catalogue)


def _missing(path: Path, cloud: str) -> frozenset[str]:
    """The permissions that would resolve the unknowns of a report."""
    from scanner.assess.report_file import ReportFile
    from scanner.report.saved import saved_head

    head = saved_head(ReportFile(path), rows=False)
    if not any(target.provider == cloud for target in head.scan.targets):
        raise Usage(f"{path} is not from a scan of {cloud}")
    settled = head.summary.unknowns.settled_by
    return frozenset(entry.permission for entry in settled if entry.provider == cloud)
