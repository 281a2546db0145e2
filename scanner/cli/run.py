"""What scans, collections and assessments have in common: reading the clouds, and reporting what was read."""

from __future__ import annotations

import sys

from scanner.assess.reduce import Assessment
from scanner.assess.request import AssessmentRequest
from scanner.base.counts import many
from scanner.base.terminal import printable
from scanner.cli.connect import CLOUDS, connectors, quieten
from scanner.cli.progress import assessed_scopes, progress
from scanner.report.build import build
from scanner.report.output import Outputs
from scanner.run.assess_snapshots import assess_collected
from scanner.run.scan import Collected, CollectionRequest, Interrupted, collect


def read_clouds(request: CollectionRequest, unwritten: str) -> Collected | None:
    """Reads everything that is requested, and writes the recording; ``None`` where the user interrupted it.

    ``unwritten`` is what will not be written then.
    """
    quieten()
    for line in request.skipped:
        print(line, file=sys.stderr)
    try:
        collected = collect(request, connectors(CLOUDS), progress())
    except Interrupted as interrupted:
        _print_interrupted(interrupted, unwritten)
        return None
    _write_recording(request, collected)
    return collected


def write_reports(
    collected: Collected, request: AssessmentRequest, outputs: Outputs, jobs: int | None = None
) -> int:
    """Assesses what was read and writes every report; returns the assessment's exit code."""
    joint = assess_collected(collected, request, jobs, done=assessed_scopes())
    return write_assessment(joint.collected, joint.assessment, joint.request, outputs)


def write_assessment(
    collected: Collected, assessment: Assessment, request: AssessmentRequest, outputs: Outputs
) -> int:
    """Writes every report; returns the assessment's exit code."""
    if not outputs.prints_text:
        print_unreached(collected)
    outputs.write(build(collected, assessment, request))
    return assessment.exit


def print_unreached(collected: Collected) -> None:
    """On standard error, where no text report will say it on standard output."""
    for target in collected.inventory.targets:
        if not target.reached:
            scope = f" {target.scope}" if target.scope else ""
            print(printable(f"gapscan: {target.provider}{scope}: {target.message}"), file=sys.stderr)


def _write_recording(request: CollectionRequest, collected: Collected) -> None:
    """Writes the recording, if there is one and a scope was reached. Raises ``Unwritable``."""
    recorder = next((one.recorder for one in request.connections if one.recorder is not None), None)
    if recorder is None:
        return
    if not any(target.reached for target in collected.inventory.targets):
        print("gapscan: no scope was reached, so no recording was written", file=sys.stderr)
        return
    recorder.write()
    answers = many(recorder.count, "answer")
    line = f"gapscan: {recorder.folder}: {answers} recorded; look through the files before you send them"
    print(printable(line), file=sys.stderr)


def _print_interrupted(interrupted: Interrupted, unwritten: str) -> None:
    """Lists what was not read."""
    lines = [f"{request.provider} (not connected)" for request in interrupted.unconnected]
    lines += [
        f"{place.provider} {place.scope}" + (f" {place.region}" if place.region else "") + f": {place.kind}"
        for place in interrupted.places
    ]
    print(f"gapscan: interrupted, no {unwritten} was written. Not scanned:", file=sys.stderr)
    print(
        "\n".join(f"  {printable(line)}" for line in lines) or "  nothing was left",
        file=sys.stderr,
        flush=True,
    )
