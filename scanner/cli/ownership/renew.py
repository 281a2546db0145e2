"""``gapscan ownership renew``: set review dates of lines, by team, path or id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanner.ownership.file.file import Line, OwnershipFile
    from scanner.ownership.file.schema import OwnerText

Many = list[str] | None


def renew(
    ownership: Annotated[str, typer.Argument(help="The ownership file.")],
    approval: Annotated[
        str, typer.Option(help="Where the review was agreed: a ticket, a pull request.", metavar="REF")
    ],
    team: Annotated[Many, typer.Option(help="Lines of this team. Repeatable.", metavar="TEAM")] = None,
    path: Annotated[
        Many, typer.Option(help="Lines of this path in the hierarchy and below.", metavar="PATH")
    ] = None,
    line: Annotated[
        Many, typer.Option("--id", help="The line with this id. Repeatable.", metavar="ID")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every line.")] = False,
    on: Annotated[
        str | None, typer.Option(help="The day of the review. [default: today]", metavar="DAY")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes without writing them.")
    ] = False,
) -> None:
    """Set the review date and approval of the lines that match all options.

    Only these two values change; comments, order and everything else stay as they are.
    """
    with exit_on_error():
        from datetime import UTC, date, datetime
        from pathlib import Path

        from scanner.base.files import replace_all
        from scanner.base.terminal import printable
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.ownership.file.load import load_ownership
        from scanner.ownership.file.renew import renewed

        if not (team or path or line or everything):
            raise Usage("select lines with --team, --path, --id or --all")
        if not approval.strip():
            raise Usage("--approval is empty: name a ticket or a pull request")
        try:
            today = datetime.now(UTC).date()
            day = date.fromisoformat(on) if on is not None else today
        except ValueError:
            raise Usage(f"--on {on}: expected a day such as 2026-11-22") from None
        if day > today:
            raise Usage(f"--on {on}: is in the future; today is {today.isoformat()} (UTC)")
        root, catalogue = Path(ownership), load_catalogue()
        file = load_ownership(root, catalogue)
        chosen = _chosen(file, team or [], path or [], line or [])
        found = [one for one in file.owners if chosen(one)]
        if not found:
            raise Usage(f"{ownership}: no line matches")
        texts = renewed(root, file, chosen, day, approval)
        for one in found:
            before = one.text.reviewed.isoformat() if one.text.reviewed else "no date of its own"
            change = f"{before} → {day.isoformat()} ({one.text.accountable})"
            print(printable(f"{one.file}:{one.number}: {change}"))
        if not dry_run:
            replace_all(texts)


def _chosen(
    file: OwnershipFile, teams: list[str], paths: list[str], ids: list[str]
) -> Callable[[Line[OwnerText]], bool]:
    from scanner.base.yaml import suggestion
    from scanner.cli.exits import Usage
    from scanner.ownership.resolve.selection import parts

    known = {line.text.id for line in file.owners if line.text.id is not None}
    for id in ids:
        if id not in known:
            raise Usage(f"--id {id}: no line has this id{suggestion(id, known)}")
    wanted = set()
    for name in teams:
        if (team := file.team(name)) is None:
            raise Usage(f"--team {name}: no such team{suggestion(name, file.teams)}")
        wanted.add(team)
    places = [parts(path) for path in paths]

    def chosen(line: Line[OwnerText]) -> bool:
        at = [clause.path for clause in line.clauses if clause.path is not None]
        return (
            (not wanted or file.accountable(line) in wanted)
            and (not places or any(path[: len(place)] == place for path in at for place in places))
            and (not ids or line.text.id in ids)
        )

    return chosen
