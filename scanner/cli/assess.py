"""``gapscan assess``: judge a snapshot as a scan would have judged it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options as option
from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from scanner.cli.plan import Plan
    from scanner.run.scan import Collected


def assess(
    ctx: typer.Context,
    snapshot: Annotated[str, typer.Argument(help="A snapshot that gapscan collect wrote.")],
    config: Annotated[
        str | None,
        typer.Option(help="gapscan.yaml with settings; its targets do not matter.", metavar="FILE"),
    ] = None,
    ownership: option.Ownership = None,
    rules: option.Rules = None,
    control: option.Control = None,
    rule: option.Rule = None,
    team: option.Team = None,
    where: option.Where = None,
    report: option.Report = None,
    states: option.States = None,
    gate: option.Gate = None,
    fail_on: option.FailOn = None,
    max_unknown: option.MaxUnknown = None,
    allow_incomplete: option.AllowIncomplete = False,
    baseline: option.BaselineReport = None,
    now: Annotated[
        str | None,
        typer.Option(
            help="Judge ages and expiries by this time (ISO 8601). [default: the snapshot's]", metavar="TIME"
        ),
    ] = None,
    max_age: Annotated[
        str | None,
        typer.Option(help="Refuse a snapshot older than this, e.g. 90m, 24h or 7d.", metavar="AGE"),
    ] = None,
    everything: option.Everything = False,
    others: option.Others = None,
) -> None:
    """Judge a snapshot: the same findings and exit code as the scan that it stands for.

    Needs no credentials and no network. Ages and expiries are judged by the time when the snapshot was
    finished, unless --now says otherwise.
    """
    with exit_on_error():
        from datetime import UTC, datetime
        from pathlib import Path

        from scanner.cli.plan import given, plan

        oldest = _age(max_age)
        planned = plan(given(ctx.params))

        from scanner.cli.run import write_reports
        from scanner.report.output import Outputs

        collected = stored(Path(snapshot), planned)
        if oldest is not None:
            _refuse_old(snapshot, collected, oldest, planned.now or datetime.now(UTC))
        with Outputs(planned.reports) as outputs:
            raise typer.Exit(write_reports(planned, collected, outputs))


def stored(path: Path, plan: Plan) -> Collected:
    """What a snapshot holds, if it can be judged as planned."""
    from scanner.rule.evaluate import NotCollected
    from scanner.run.snapshot import read_snapshot

    collected = read_snapshot(path)
    if plan.uses_paths and "path" not in collected.inventory.collected.get("account", ()):
        raise NotCollected("scopes are selected by path, which was not collected of account")
    return collected


def _age(text: str | None) -> timedelta | None:
    import re
    from datetime import timedelta

    from scanner.cli.exits import Usage

    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise Usage(f"--max-age {text}: expected a number and a unit, such as 90m, 24h or 7d")
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    return timedelta(**{units[match[2]]: int(match[1])})


def _refuse_old(snapshot: str, collected: Collected, oldest: timedelta, now: datetime) -> None:
    from scanner.cli.exits import Usage

    age = now - collected.finished
    if age > oldest:
        hours = age.total_seconds() / 3600
        text = f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
        finished = collected.finished.strftime("%Y-%m-%d %H:%M UTC")
        raise Usage(
            f"{snapshot}: is {text} old (finished {finished}), older than --max-age allows: collect anew"
        )
