"""``gapscan ownership init``: draft an ownership file from a snapshot."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli.exits import exit_on_error


def init(
    snapshot: Annotated[str, typer.Argument(help="A snapshot that gapscan collect wrote.")],
    out: Annotated[
        str, typer.Option("--out", help="Where to write the draft.", metavar="FILE")
    ] = "ownership.yaml",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Draft an ownership file: teams and lines from tags, account names and contacts.

    Each is a proposal that owns nothing until you remove its mark, `proposed`, which says what it rests on.
    Create a snapshot first: gapscan collect aws.
    """
    with exit_on_error():
        from datetime import UTC, datetime
        from pathlib import Path

        from scanner.base.counts import many
        from scanner.base.files import replace_all
        from scanner.base.terminal import printable
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.ownership.file.draft import draft
        from scanner.ownership.file.load import load_ownership
        from scanner.run.snapshot import read_snapshot

        path = Path(out)
        if path.exists() and not force:
            raise Usage(f"{out}: already exists: overwrite it with --force")
        catalogue = load_catalogue()
        collected = read_snapshot(Path(snapshot))
        domains = [domain for domain in catalogue.domains if domain != "plat"]
        text = draft(collected.inventory, domains, datetime.now(UTC).date())
        replace_all({path: text}, check=lambda new: load_ownership(new[path], catalogue))
        file = load_ownership(path, catalogue)
        lines, teams = many(len(file.proposals), "line"), many(len(file.teams), "team")
        print(printable(f"{out}: {lines} and {teams} proposed; none of them owns anything yet"))
        print("Correct what is wrong, and remove `proposed` from what is right.")
        print(printable(f"Next: gapscan ownership lint {out} --snapshot {snapshot}"))
