"""``gapscan ownership``: write, check, explain and maintain the ownership file."""

from __future__ import annotations

import typer

from scanner.cli.deferred import CommandGroup


class _Commands(CommandGroup):
    deferred = (
        ("diff", "scanner.cli.ownership.diff:diff", "Show which controls lose, change or gain their owner."),
        (
            "explain",
            "scanner.cli.ownership.explain:explain",
            "Explain an owner: the lines that match, which one won and why, and what would change it.",
        ),
        (
            "matrix",
            "scanner.cli.ownership.matrix:matrix",
            "Show who owns which control where: all owners and the worst state of each.",
        ),
        (
            "import",
            "scanner.cli.ownership.import_file:import_file",
            "Draft an ownership file from a table of controls and teams, or from a provider's CAIQ.",
        ),
        (
            "init",
            "scanner.cli.ownership.init:init",
            "Draft an ownership file: teams and lines from tags, account names and contacts.",
        ),
        (
            "lint",
            "scanner.cli.ownership.lint:lint",
            "Check the file: errors (exit code 2), and defects of its lines today (exit code 1).",
        ),
        (
            "renew",
            "scanner.cli.ownership.renew:renew",
            "Set the review date and approval of the lines that match all options.",
        ),
    )


app = typer.Typer(
    cls=_Commands,
    help="Write, check, explain and maintain the ownership file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
