"""``gapscan collect``: read live accounts into a snapshot, to be assessed later or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error
from scanner.cli.option_groups import with_option_groups
from scanner.cli.options import CloudArgument, ConnectionOptions, RuleOptions

if TYPE_CHECKING:
    from scanner.run.scan import Collected


@with_option_groups
def collect(
    cloud: CloudArgument,
    connection: ConnectionOptions,
    rules: RuleOptions,
    out: Annotated[
        str, typer.Option("--out", help="Where to write the snapshot.", metavar="FILE")
    ] = "gapscan-snapshot.ndjson.zst",
) -> None:
    """Read live accounts into a snapshot without assessing them: see gapscan assess.

    Reads every facet that gapscan knows, or only what the chosen rules need. The exit code is 0 when every
    scope was reached, 3 when one that you named was not, and 4 when none was (no snapshot is written).
    What could not be read in a scope is recorded in the snapshot; assess reports it.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.cli.requests import collection_request, configuration, select
        from scanner.run.scan import all_facets, wanted_by

        config, wanted = configuration(rules), all_facets()
        if rules.control or rules.rule or rules.rules:
            chosen = select(config, rules)
            if rules.control or rules.rule:
                wanted = wanted_by(chosen.rules, True, chosen.catalogue)
        reading = collection_request(cloud, config, rules, connection, wanted)

        from scanner import __version__
        from scanner.assess.gate import INCOMPLETE, INTERRUPTED, NOTHING, OK
        from scanner.cli.run import print_unreached, read_clouds
        from scanner.run.new_snapshot import NewSnapshot

        with NewSnapshot(Path(out)) as snapshot:
            collected = read_clouds(reading, unwritten="snapshot")
            if collected is None:
                raise typer.Exit(INTERRUPTED)
            print_unreached(collected)
            targets = collected.inventory.targets
            if not any(target.reached for target in targets):
                raise typer.Exit(NOTHING)
            snapshot.write(collected, __version__)
        print(f"{out}: {_summary(collected)}")
        missed = any(target.expected and not target.reached for target in targets)
        raise typer.Exit(INCOMPLETE if missed else OK)


def _summary(collected: Collected) -> str:
    """The snapshot in numbers, including what could not be read."""
    from scanner.base.counts import many

    inventory = collected.inventory
    unknown = sum(len(resource.unknowns()) for resource in inventory.resources)
    reached = sum(1 for target in inventory.targets if target.reached)
    numbers = (
        (len(inventory.resources), "resource"),
        (reached, "scope"),
        (unknown, "unknown facet"),
        (len(inventory.blind_spots), "blind spot"),
    )
    return " · ".join(many(number, word) for number, word in numbers)
