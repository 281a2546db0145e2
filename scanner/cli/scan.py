"""``gapscan scan``: read live accounts, judge them, report, and answer with an exit code."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import told

if TYPE_CHECKING:
    from scanner.cli.plan import Plan
    from scanner.scan import Collected, Interrupted


class Cloud(StrEnum):
    """What to scan."""

    aws = "aws"
    azure = "azure"
    gcp = "gcp"
    all = "all"


Many = list[str] | None


def scan(
    cloud: Annotated[
        Cloud,
        typer.Argument(help="A cloud; 'all': the targets of --config, else every cloud with credentials."),
    ],
    profile: Annotated[str | None, typer.Option(help="AWS: named profile.", metavar="NAME")] = None,
    region: Annotated[Many, typer.Option(help="AWS: only this region. Repeatable.", metavar="REGION")] = None,
    subscription: Annotated[
        Many,
        typer.Option(
            help="Azure: subscription id. Repeatable. [default: all that can be seen]", metavar="ID"
        ),
    ] = None,
    project: Annotated[
        Many,
        typer.Option(help="Google Cloud: project id. Repeatable. [default: the credentials']", metavar="ID"),
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="gapscan.yaml with targets and settings.", metavar="FILE")
    ] = None,
    ownership: Annotated[
        str | None, typer.Option(help="ownership.yaml: who owns which control.", metavar="FILE")
    ] = None,
    rules: Annotated[
        Many, typer.Option("--rules", help="Rule pack: a folder or 'builtin'. Repeatable.", metavar="PACK")
    ] = None,
    control: Annotated[
        Many, typer.Option(help="Only these controls: id, glob or domain. Repeatable.", metavar="CONTROL")
    ] = None,
    rule: Annotated[Many, typer.Option(help="Only this rule. Repeatable.", metavar="RULE")] = None,
    report: Annotated[
        Many,
        typer.Option(
            help="text or json, =PATH for a file. Repeatable. [default: text]", metavar="FORMAT[=PATH]"
        ),
    ] = None,
    states: Annotated[
        str | None, typer.Option(help="Report only findings in these states.", metavar="STATE,…")
    ] = None,
    gate: Annotated[
        str | None,
        typer.Option(help="ownership, posture, strict or none. [default: ownership]", metavar="PRESET"),
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(help="A gate spelled out, e.g. unowned:high,failing:critical.", metavar="…")
    ] = None,
    max_unknown: Annotated[
        int | None, typer.Option(min=0, help="Tolerated causes of unknowns. [default: 0]", metavar="N")
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Exit 0 although not everything could be seen.")
    ] = False,
    baseline: Annotated[
        str | None, typer.Option(help="An earlier JSON report: gate only on what is new.", metavar="REPORT")
    ] = None,
    now: Annotated[
        str | None, typer.Option(help="Judge ages and expiries by this time (ISO 8601).", metavar="TIME")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds to wait for an answer. [default: 30]", metavar="S")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Text report: every line, none folded.")] = False,
) -> None:
    """Scan live accounts: which controls are yours, who owns them, and does the configuration meet them?

    Credentials and endpoints come from each SDK's ordinary chain. Nothing is ever changed.
    """
    with told():
        from pathlib import Path

        from scanner.cli.plan import Options, plan

        options = Options(
            cloud=cloud.value,
            profile=profile,
            regions=tuple(region or ()),
            subscriptions=tuple(subscription or ()),
            projects=tuple(project or ()),
            config=Path(config) if config else None,
            ownership=Path(ownership) if ownership else None,
            rules=tuple(rules or ()),
            controls=tuple(control or ()),
            chosen_rules=tuple(rule or ()),
            reports=tuple(report or ()),
            states=states,
            gate=gate,
            fail_on=fail_on,
            max_unknown=max_unknown,
            allow_incomplete=allow_incomplete,
            baseline=Path(baseline) if baseline else None,
            now=now,
            timeout=timeout,
            everything=everything,
        )
        raise typer.Exit(_run(plan(options)))


def _run(plan: Plan) -> int:
    import signal
    import sys
    from importlib.metadata import version

    from scanner.cli.connect import CLOUDS, connectors, quieten
    from scanner.cli.progress import progress
    from scanner.report.build import Circumstances, build
    from scanner.report.output import Outputs
    from scanner.scan import Interrupted, assess, collect, wanted_by

    quieten()
    # A pipeline that gives up sends this one; it is to leave as little behind as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for line in plan.skipped:
        print(line, file=sys.stderr)
    wanted = wanted_by(plan.chosen, path=plan.ownership is not None and plan.ownership.uses_paths)
    with Outputs(plan.reports) as outputs:
        try:
            collected = collect(plan.requests, connectors(CLOUDS), wanted, plan.limits, progress())
        except Interrupted as interrupted:
            return _interrupted(interrupted)
        if all(report.form != "text" or report.path is not None for report in plan.reports):
            _tell_unreached(collected)
        criteria = plan.criteria(collected.finished)
        assessment = assess(collected.inventory, criteria)
        circumstances = Circumstances(
            version=version("gapscan"),
            arguments=tuple(sys.argv[1:]),
            gate=plan.gate.name,
            ownership_digest=plan.ownership.digest if plan.ownership is not None else None,
            ownership_commit=plan.commit,
            unfolded=plan.everything,
        )
        outputs.write(build(collected, assessment, criteria, circumstances, plan.states))
    return assessment.decision.exit


def _interrupted(interrupted: Interrupted) -> int:
    """Says what was not scanned."""
    import sys

    lines = [f"{request.provider} (not connected)" for request in interrupted.unconnected]
    lines += [
        f"{place.provider} {place.scope}" + (f" {place.region}" if place.region else "") + f": {place.kind}"
        for place in interrupted.places
    ]
    print("gapscan: interrupted, no report was written. Not scanned:", file=sys.stderr)
    print("\n".join(f"  {line}" for line in lines) or "  nothing was left", file=sys.stderr, flush=True)
    return 130


def _tell_unreached(collected: Collected) -> None:
    """On standard error, where no text report will say it on standard output."""
    import sys

    for target in collected.inventory.targets:
        if not target.reached:
            scope = f" {target.scope}" if target.scope else ""
            print(f"gapscan: {target.provider}{scope}: {target.message}", file=sys.stderr)
