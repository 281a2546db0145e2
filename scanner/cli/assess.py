"""``gapscan assess``: assess a snapshot as a scan would have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error
from scanner.cli.option_groups import with_option_groups
from scanner.cli.options import AssessmentOptions, Jobs, RuleOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from scanner.assess.request import AssessmentRequest
    from scanner.run.scan import Collected


@with_option_groups
def assess(
    snapshots: Annotated[
        list[str],
        typer.Argument(
            help="Snapshots that gapscan collect wrote: files, folders of them, or patterns.",
            metavar="SNAPSHOT…",
        ),
    ],
    rules: RuleOptions,
    assessment: AssessmentOptions,
    jobs: Jobs = None,
    max_age: Annotated[
        str | None,
        typer.Option(
            help="Refuse a snapshot that is older, e.g. 90m, 24h or 7d, or in the future.", metavar="AGE"
        ),
    ] = None,
) -> None:
    """Assess snapshots: the findings and exit code of the scan that they stand for together.

    Needs no credentials and no network; the targets of --config do not matter. Of a scope that is in several
    snapshots the newest counts.
    """
    with exit_on_error():
        from datetime import UTC, datetime

        from scanner.cli.progress import assessed_scopes
        from scanner.cli.requests import assessment_request, configuration, reports_of

        oldest = _age(max_age)
        config = configuration(rules)
        request = assessment_request(config, rules, assessment)
        reports = reports_of(config, assessment)

        from scanner.cli.run import write_assessment
        from scanner.report.output import Outputs
        from scanner.run.assess_snapshots import assess_snapshots

        def check(path: Path, collected: Collected) -> None:
            _refuse_pathless(collected, request)
            if oldest is not None:
                _refuse_old(str(path), collected, oldest, request.now or datetime.now(UTC))

        with Outputs(reports) as outputs:
            joint = assess_snapshots(
                _files(snapshots), request, jobs, check=check, note=_note, done=assessed_scopes()
            )
            raise typer.Exit(write_assessment(joint.collected, joint.assessment, joint.request, outputs))


def _files(names: Sequence[str]) -> list[Path]:
    """The snapshots that are named; every one of a folder. Raises ``Usage`` if there are none."""
    import glob
    from pathlib import Path

    from scanner.cli.exits import Usage

    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = sorted(path.glob("*.zst"))
            if not inside:
                raise Usage(f"{name}: there is no snapshot (*.zst) in the folder")
        elif any(sign in name for sign in "*?[") and not path.exists():
            inside = [Path(one) for one in sorted(glob.iglob(name, recursive=True))]  # noqa: PTH207  (absolute patterns)
            if not inside:
                raise Usage(f"{name}: no file matches")
        else:
            inside = [path]
        found += inside
    return found


def _note(line: str) -> None:
    import sys

    from scanner.base.terminal import printable

    print(printable(f"gapscan: {line}"), file=sys.stderr)


def stored(path: Path, request: AssessmentRequest) -> Collected:
    """The contents of a snapshot, if they can be assessed as requested."""
    from scanner.run.snapshot import read_snapshot

    collected = read_snapshot(path)
    _refuse_pathless(collected, request)
    return collected


def _refuse_pathless(collected: Collected, request: AssessmentRequest) -> None:
    from scanner.rule.evaluate import NotCollected

    if request.uses_paths and "path" not in collected.inventory.collected.get("account", ()):
        raise NotCollected("scopes are selected by path, which was not collected of account")


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
