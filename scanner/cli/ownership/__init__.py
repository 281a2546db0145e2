"""``gapscan ownership``: write, check, explain and maintain the ownership file."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Write, check, explain and maintain the ownership file.", no_args_is_help=True, rich_markup_mode=None
)
