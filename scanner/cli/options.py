"""Options that several commands share, each told in one place."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Cloud(StrEnum):
    """What to scan."""

    aws = "aws"
    azure = "azure"
    gcp = "gcp"
    all = "all"


Many = list[str] | None

CloudArgument = Annotated[
    Cloud,
    typer.Argument(help="A cloud; 'all': the targets of --config, else every cloud with credentials."),
]
Profile = Annotated[str | None, typer.Option(help="AWS: named profile.", metavar="NAME")]
Region = Annotated[Many, typer.Option(help="Only this region. Repeatable.", metavar="REGION")]
Subscription = Annotated[
    Many,
    typer.Option(help="Azure: subscription id. Repeatable. [default: all that can be seen]", metavar="ID"),
]
Project = Annotated[
    Many,
    typer.Option(help="Google Cloud: project id. Repeatable. [default: the credentials']", metavar="ID"),
]
Config = Annotated[str | None, typer.Option(help="gapscan.yaml with targets and settings.", metavar="FILE")]
Ownership = Annotated[
    str | None, typer.Option(help="ownership.yaml: who owns which control.", metavar="FILE")
]
Rules = Annotated[
    Many, typer.Option("--rules", help="Rule pack: a folder or 'builtin'. Repeatable.", metavar="PACK")
]
Control = Annotated[
    Many, typer.Option(help="Only these controls: id, glob or domain. Repeatable.", metavar="CONTROL")
]
Rule = Annotated[Many, typer.Option(help="Only this rule. Repeatable.", metavar="RULE")]
Report = Annotated[
    Many,
    typer.Option(
        help="text, json or ocsf, =PATH for a file. Repeatable. [default: text]", metavar="FORMAT[=PATH]"
    ),
]
Team = Annotated[
    str | None,
    typer.Option(help="Only what this team of the ownership file owns, by its id or alias.", metavar="TEAM"),
]
Where = Annotated[
    Many,
    typer.Option(
        help="Only these resources: account=…,path=/…,tags.env=…, or a named scope. Repeatable: any of them.",
        metavar="SELECTION",
    ),
]
States = Annotated[str | None, typer.Option(help="Report only findings in these states.", metavar="STATE,…")]
Gate = Annotated[
    str | None,
    typer.Option(help="ownership, posture, strict or none. [default: ownership]", metavar="PRESET"),
]
FailOn = Annotated[
    str | None, typer.Option(help="A gate spelled out, e.g. unowned:high,failing:critical.", metavar="…")
]
MaxUnknown = Annotated[
    int | None, typer.Option(min=0, help="Tolerated causes of unknowns. [default: 0]", metavar="N")
]
AllowIncomplete = Annotated[
    bool, typer.Option("--allow-incomplete", help="Exit 0 although not everything could be seen.")
]
BaselineReport = Annotated[
    str | None, typer.Option(help="An earlier JSON report: gate only on what is new.", metavar="REPORT")
]
Now = Annotated[
    str | None, typer.Option(help="Judge ages and expiries by this time (ISO 8601).", metavar="TIME")
]
Timeout = Annotated[
    float | None, typer.Option(min=0.1, help="Seconds to wait for an answer. [default: 30]", metavar="S")
]
Others = Annotated[
    Many,
    typer.Option(
        "--with",
        help="A snapshot of accounts that provide controls for these. Repeatable.",
        metavar="SNAPSHOT",
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="Text report: every line, none folded.")]
