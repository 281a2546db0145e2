"""``gapscan scan``: read live accounts, judge them, report, and answer with an exit code."""

from __future__ import annotations

import typer

from scanner.cli import options as option
from scanner.cli.exits import exit_on_error


def scan(
    ctx: typer.Context,
    cloud: option.CloudArgument,
    profile: option.Profile = None,
    region: option.Region = None,
    subscription: option.Subscription = None,
    project: option.Project = None,
    config: option.Config = None,
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
    now: option.Now = None,
    timeout: option.Timeout = None,
    everything: option.Everything = False,
    others: option.Others = None,
) -> None:
    """Scan live accounts: which controls are yours, who owns them, and does the configuration meet them?

    Credentials and endpoints come from each SDK's ordinary chain. Nothing is ever changed.
    """
    with exit_on_error():
        from scanner.cli.plan import given, plan

        planned = plan(given(ctx.params))

        from scanner.cli.run import read_clouds, write_reports
        from scanner.report.output import Outputs
        from scanner.run.scan import wanted_by

        wanted = wanted_by(planned.chosen, planned.uses_paths, planned.catalogue)
        with Outputs(planned.reports) as outputs:
            collected = read_clouds(planned, wanted, "report")
            code = 130 if collected is None else write_reports(planned, collected, outputs)
        raise typer.Exit(code)
