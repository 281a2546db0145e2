"""``gapscan scan``: read live accounts, assess them, report, and answer with an exit code."""

from __future__ import annotations

import typer

from scanner.cli.exits import exit_on_error
from scanner.cli.option_groups import with_option_groups
from scanner.cli.options import AssessmentOptions, CloudArgument, ConnectionOptions, Jobs, RuleOptions


@with_option_groups
def scan(
    cloud: CloudArgument,
    connection: ConnectionOptions,
    rules: RuleOptions,
    assessment: AssessmentOptions,
    jobs: Jobs = None,
) -> None:
    """Scan live accounts: which controls are yours, who owns them, and does the configuration meet them?

    Credentials and endpoints come from each SDK's default chain. gapscan only reads.
    """
    with exit_on_error():
        from scanner.cli.requests import assessment_request, collection_request, configuration, reports_of

        config = configuration(rules)
        request = assessment_request(config, rules, assessment, regions=connection.region)
        reports = reports_of(config, assessment)

        from scanner.run.scan import wanted_by

        wanted = wanted_by(request.chosen, request.uses_paths, request.catalogue)
        reading = collection_request(cloud, config, rules, connection, wanted)

        from scanner.assess.gate import INTERRUPTED
        from scanner.cli.run import read_clouds, write_reports
        from scanner.report.output import Outputs

        with Outputs(reports) as outputs:
            collected = read_clouds(reading, unwritten="report")
            code = INTERRUPTED if collected is None else write_reports(collected, request, outputs, jobs)
        raise typer.Exit(code)
