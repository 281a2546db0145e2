"""``gapscan assess``: assess a snapshot as a scan would have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error
from scanner.cli.option_groups import with_option_groups
from scanner.cli.options import AssessmentOptions, RuleOptions

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from scanner.assess.request import AssessmentRequest
    from scanner.run.scan import Collected


@with_option_groups
def assess(
    snapshot: Annotated[str, typer.Argument(help="A snapshot that gapscan collect wrote.")],
    rules: RuleOptions,
    assessment: AssessmentOptions,
    max_age: Annotated[
        str | None,
        typer.Option(
            help="Refuse a snapshot that is older, e.g. 90m, 24h or 7d, or in the future.", metavar="AGE"
        ),
    ] = None,
) -> None:
    """Assess a snapshot: the findings and exit code of the scan that it stands for.

    Needs no credentials and no network; the targets of --config do not matter.
    """
    with exit_on_error():
        from datetime import UTC, datetime
        from pathlib import Path

        from scanner.cli.requests import assessment_request, configuration, reports_of

        oldest = _age(max_age)
        config = configuration(rules)
        request = assessment_request(config, rules, assessment)
        reports = reports_of(config, assessment)

        from scanner.cli.run import write_reports
        from scanner.report.output import Outputs

        collected = stored(Path(snapshot), request)
        if oldest is not None:
            _refuse_old(snapshot, collected, oldest, request.now or datetime.now(UTC))
        with Outputs(reports) as outputs:
            raise typer.Exit(write_reports(collected, request, outputs))


def stored(path: Path, request: AssessmentRequest) -> Collected:
    """The contents of a snapshot, if they can be assessed as requested."""
    from scanner.rule.evaluate import NotCollected
    from scanner.run.snapshot import read_snapshot

    collected = read_snapshot(path)
    if request.uses_paths and "path" not in collected.inventory.collected.get("account", ()):
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


_SKEW = 5
"""Minutes by which the clocks of two machines may differ."""


def _refuse_old(snapshot: str, collected: Collected, oldest: timedelta, now: datetime) -> None:
    from datetime import timedelta

    from scanner.cli.exits import Usage

    age = now - collected.finished
    if age < -timedelta(minutes=_SKEW):
        finished = collected.finished.strftime("%Y-%m-%d %H:%M UTC")
        raise Usage(f"{snapshot}: finished {finished}, in the future: no --max-age can be checked")
    if age > oldest:
        hours = age.total_seconds() / 3600
        text = f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
        finished = collected.finished.strftime("%Y-%m-%d %H:%M UTC")
        raise Usage(
            f"{snapshot}: is {text} old (finished {finished}), older than --max-age allows: collect anew"
        )
