"""``gapscan collect``: read live accounts into a snapshot, to be judged later or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options as option
from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from scanner.run.scan import Collected


def collect(
    ctx: typer.Context,
    cloud: option.CloudArgument,
    out: Annotated[
        str, typer.Option("--out", help="Where the snapshot goes.", metavar="FILE")
    ] = "gapscan-snapshot.ndjson.zst",
    profile: option.Profile = None,
    region: option.Region = None,
    subscription: option.Subscription = None,
    project: option.Project = None,
    config: option.Config = None,
    rules: option.Rules = None,
    control: option.Control = None,
    rule: option.Rule = None,
    timeout: option.Timeout = None,
) -> None:
    """Read live accounts into a snapshot. Nothing is judged: see gapscan assess.

    Takes every fact that gapscan knows, unless narrowed to what some rules read. The exit code is 0 when
    every scope was reached, 3 when one that you named was not, 4 when none was (no snapshot is written).
    What could not be seen in a scope is in the snapshot, and assess answers for it.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.cli.plan import given, plan

        planned = plan(given(ctx.params))

        from importlib.metadata import version

        from scanner.assess.gate import INCOMPLETE, INTERRUPTED, NOTHING, OK
        from scanner.cli.run import read_clouds, tell_unreached
        from scanner.run.scan import everything, wanted_by
        from scanner.run.snapshot import NewSnapshot

        wanted = wanted_by(planned.chosen, True, planned.catalogue) if control or rule else everything()
        with NewSnapshot(Path(out)) as snapshot:
            collected = read_clouds(planned, wanted, "snapshot")
            if collected is None:
                raise typer.Exit(INTERRUPTED)
            tell_unreached(collected)
            targets = collected.inventory.targets
            if not any(target.reached for target in targets):
                raise typer.Exit(NOTHING)
            snapshot.write(collected, version("gapscan"))
        print(f"{out}: {_summary(collected)}")
        missed = any(target.expected and not target.reached for target in targets)
        raise typer.Exit(INCOMPLETE if missed else OK)


def _summary(collected: Collected) -> str:
    """The snapshot in numbers, what was not seen among them."""
    inventory = collected.inventory
    unknown = sum(len(resource.unknowns()) for resource in inventory.resources)
    reached = sum(1 for target in inventory.targets if target.reached)
    numbers = (
        (len(inventory.resources), "resource"),
        (reached, "scope"),
        (unknown, "unknown fact"),
        (len(inventory.blind_spots), "blind spot"),
    )
    return " · ".join(f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in numbers)
