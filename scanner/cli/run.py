"""What scans, collections and assessments have in common: reading the clouds, and judging what was read."""

from __future__ import annotations

import sys
from importlib.metadata import version

from scanner.base.terminal import printable
from scanner.cli.connect import CLOUDS, connectors, quieten
from scanner.cli.plan import Plan
from scanner.cli.progress import progress
from scanner.model.inventory import Wanted
from scanner.report.build import Circumstances, build
from scanner.report.model import Report
from scanner.report.output import Outputs
from scanner.run.scan import Collected, Interrupted, assess, collect


def read_clouds(plan: Plan, wanted: Wanted, lost: str) -> Collected | None:
    """Everything that the plan asks to read; ``None`` where the user ended it.

    ``lost`` is what will not be written then.
    """
    quieten()
    for line in plan.skipped:
        print(line, file=sys.stderr)
    try:
        return collect(plan.requests, connectors(CLOUDS), wanted, plan.limits, progress())
    except Interrupted as interrupted:
        _tell_interrupted(interrupted, lost)
        return None


def judge(plan: Plan, collected: Collected) -> Report:
    """The report of what was read."""
    criteria = plan.criteria(collected.finished)
    assessment = assess(collected.inventory, criteria)
    circumstances = Circumstances(
        version=version("gapscan"),
        arguments=tuple(sys.argv[1:]),
        gate=criteria.terms.name,
        ownership_digest=plan.ownership.digest if plan.ownership is not None else None,
        ownership_commit=plan.commit,
        narrowed=plan.narrowed,
        unfolded=plan.everything,
    )
    return build(collected, assessment, criteria, circumstances, plan.states)


def write_reports(plan: Plan, collected: Collected, outputs: Outputs) -> int:
    """Judges what was read and writes every report; the exit code."""
    if all(wanted.form != "text" or wanted.path is not None for wanted in plan.reports):
        tell_unreached(collected)
    made = judge(plan, collected)
    outputs.write(made)
    return made.head.summary.exit


def tell_unreached(collected: Collected) -> None:
    """On standard error, where no text report will say it on standard output."""
    for target in collected.inventory.targets:
        if not target.reached:
            scope = f" {target.scope}" if target.scope else ""
            print(printable(f"gapscan: {target.provider}{scope}: {target.message}"), file=sys.stderr)


def _tell_interrupted(interrupted: Interrupted, lost: str) -> None:
    """Says what was not read."""
    lines = [f"{request.provider} (not connected)" for request in interrupted.unconnected]
    lines += [
        f"{place.provider} {place.scope}" + (f" {place.region}" if place.region else "") + f": {place.kind}"
        for place in interrupted.places
    ]
    print(f"gapscan: interrupted, no {lost} was written. Not scanned:", file=sys.stderr)
    print(
        "\n".join(f"  {printable(line)}" for line in lines) or "  nothing was left",
        file=sys.stderr,
        flush=True,
    )
