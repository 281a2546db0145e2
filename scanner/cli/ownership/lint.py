"""``gapscan ownership lint``: check the ownership file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scanner.catalogue.control import Severity
    from scanner.model.evidence import BlindSpot
    from scanner.model.inventory import Inventory
    from scanner.model.resources.base import Resource
    from scanner.ownership.file.file import OwnershipFile

    _Row = tuple[str, int, Severity, str, str, list[str]]
    """File, line, severity, code, message and controls."""


def lint(
    ownership: Annotated[str, typer.Argument(help="The ownership file.")],
    snapshot: Annotated[
        str | None,
        typer.Option(help="Also report lines that match nothing in this snapshot.", metavar="SNAPSHOT"),
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(
            help="Exit with 1 from this severity on: low to critical, or never.", metavar="SEVERITY"
        ),
    ] = "medium",
    now: Annotated[
        str | None,
        typer.Option(
            help="Evaluate ages and expiries at this time (ISO 8601). [default: now]",
            metavar="TIME",
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Check the file: errors (exit code 2), and defects of its lines today (exit code 1).

    Defects are missing teams, overdue reviews, expired contracts, exceptions and attestations, and
    conflicting lines; with a snapshot also lines that match nothing. Proposals own nothing; they are
    listed, and are no defects.
    """
    with exit_on_error():
        import json
        from datetime import UTC, datetime
        from pathlib import Path

        from scanner.assess.states import SEVERITIES
        from scanner.base.terminal import printable
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.cli.moment import moment
        from scanner.ownership.file.load import load_ownership
        from scanner.ownership.resolve.resolver import Resolver
        from scanner.run.snapshot import read_snapshot

        if fail_on not in (*SEVERITIES, "never"):
            raise Usage(f"--fail-on {fail_on}: expected {', '.join(SEVERITIES)} or never")
        if form not in ("text", "json"):
            raise Usage(f"--format {form}: expected text or json")
        catalogue = load_catalogue()
        file = load_ownership(Path(ownership), catalogue)
        resolver = Resolver(file, catalogue, moment(now) or datetime.now(UTC))
        defects = [*resolver.defects(), *resolver.wrong_claims()]
        lines: list[_Row] = [
            (one.file, one.line, one.severity, one.code, one.message, list(one.controls)) for one in defects
        ]
        if snapshot is not None:
            lines += _idle(file, read_snapshot(Path(snapshot)).inventory)
        proposals = list(_proposals(file))
        worst = max((SEVERITIES.index(line[2]) for line in lines), default=-1)
        found = len(lines)
        lines = sorted([*lines, *proposals])
        if form == "json":
            names = ("file", "line", "severity", "code", "message", "controls")
            print(json.dumps([dict(zip(names, line, strict=True)) for line in lines], indent=2))
        else:
            for name, number, severity, code, message, controls in lines:
                where = f"{name}:{number}: {severity}"
                print(printable(f"{where}: {message} [{code}, {_controls(controls)}]"))
            print(printable(_summary(file, found)))
        raise typer.Exit(1 if fail_on != "never" and worst >= SEVERITIES.index(fail_on) else 0)


def _controls(controls: list[str]) -> str:
    return controls[0] if len(controls) == 1 else f"{len(controls)} controls"


def _summary(file: OwnershipFile, defects: int) -> str:
    from scanner.base.counts import many

    text = f"{len(file.files)} files" if len(file.files) > 1 else file.file
    found = "no defects" if not defects else many(defects, "defect")
    teams = sum(1 for team in file.teams.values() if team.proposed is None)
    parts = [many(len(file.owners), "line"), many(teams, "team")]
    if proposals := len(file.proposals) + len(file.teams) - teams:
        parts.append(f"{many(proposals, 'proposal')} to accept")
    return f"{text}: {', '.join(parts)}: {found}"


def _proposals(file: OwnershipFile) -> Iterator[_Row]:
    """The proposed lines, each with what it rests on."""
    for line in file.proposals:
        who = line.text.accountable or "the provider"
        message = f"{who} is proposed and owns nothing yet: {line.text.proposed}"
        yield line.file, line.number, "low", "proposed", message, sorted(line.controls)


def _idle(file: OwnershipFile, inventory: Inventory) -> Iterator[_Row]:
    """Lines whose ``where`` certainly matches no resource of the snapshot."""
    from itertools import chain

    from scanner.assess.targets import ResourceTargets
    from scanner.ownership.file.usage import unused_lines

    targets = ResourceTargets.reading(inventory)
    every: Iterable[Resource | BlindSpot] = chain(inventory.resources, inventory.blind_spots)
    for line in unused_lines(file, map(targets.of, every)):
        text = f"matches nothing in the snapshot: {line.where}"
        yield line.file, line.number, "low", "idle", text, sorted(line.controls)
