"""``gapscan ownership``: write, check, explain and maintain the ownership file."""

from __future__ import annotations

import typer

from scanner.cli.ownership.diff import diff
from scanner.cli.ownership.explain import explain
from scanner.cli.ownership.import_file import import_file
from scanner.cli.ownership.init import init
from scanner.cli.ownership.lint import lint
from scanner.cli.ownership.matrix import matrix
from scanner.cli.ownership.renew import renew

app = typer.Typer(
    help="Write, check, explain and maintain the ownership file.", no_args_is_help=True, rich_markup_mode=None
)

app.command("diff")(diff)
app.command("explain")(explain)
app.command("matrix")(matrix)
app.command("import")(import_file)
app.command("init")(init)
app.command("lint")(lint)
app.command("renew")(renew)
