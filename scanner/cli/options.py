"""Options that several commands share, each defined once, and the groups that commands take them in."""

from __future__ import annotations

from dataclasses import dataclass
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
    typer.Option(help="Only what this team owns, by its id or alias in the ownership file.", metavar="TEAM"),
]
Where = Annotated[
    Many,
    typer.Option(
        help="Only these resources: account=…,path=/…,tags.env=…, or a named scope. Repeatable: any of them.",
        metavar="SELECTION",
    ),
]
States = Annotated[str | None, typer.Option(help="Report only findings in these states.", metavar="STATE,…")]


class Listed(StrEnum):
    """The findings that a report lists."""

    open = "open"
    all = "all"


ListedFindings = Annotated[
    Listed,
    typer.Option(
        "--findings",
        help="List what is open or wants a change of ownership and count the rest, or list all.",
    ),
]
Gate = Annotated[
    str | None,
    typer.Option(help="ownership, posture, strict or none. [default: ownership]", metavar="PRESET"),
]
FailOn = Annotated[
    str | None, typer.Option(help="A gate spelled out, e.g. unowned:high,failing:critical.", metavar="…")
]
MaxUnknown = Annotated[
    int | None, typer.Option(min=0, help="Accepted causes of unknowns. [default: 0]", metavar="N")
]
AllowIncomplete = Annotated[
    bool, typer.Option("--allow-incomplete", help="Do not exit with 3 when something could not be read.")
]
BaselineReport = Annotated[
    str | None, typer.Option(help="An earlier JSON report: gate only on what is new.", metavar="REPORT")
]
Now = Annotated[
    str | None,
    typer.Option(
        help="Evaluate ages and expiries at this time (ISO 8601). [default: the end of the collection]",
        metavar="TIME",
    ),
]
Timeout = Annotated[
    float | None, typer.Option(min=0.1, help="Seconds to wait for an answer. [default: 30]", metavar="S")
]
Record = Annotated[
    str | None,
    typer.Option(
        help="Write the cloud's raw answers, without secrets, into this new folder.", metavar="FOLDER"
    ),
]
RecordNames = Annotated[
    bool, typer.Option("--record-names", help="Replace the names of resources in the recording.")
]
Replaying = Annotated[
    str | None,
    typer.Option(help="Take the answers from such a folder: no cloud, no credentials.", metavar="FOLDER"),
]
Others = Annotated[
    Many,
    typer.Option(
        "--with",
        help="A snapshot of accounts that provide common controls for these. Repeatable.",
        metavar="SNAPSHOT",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Assess scopes in this many processes. [default: the cores, if worth it]", metavar="N"
    ),
]
Everything = Annotated[bool, typer.Option("--all", help="Text report: list every line.")]


@dataclass(frozen=True)
class RuleOptions:
    """The configuration file, and which rules of which packs are wanted."""

    config: Config = None
    rules: Rules = None
    control: Control = None
    rule: Rule = None


@dataclass(frozen=True)
class ConnectionOptions:
    """What to connect to, and how patiently."""

    profile: Profile = None
    region: Region = None
    subscription: Subscription = None
    project: Project = None
    timeout: Timeout = None
    record: Record = None
    record_names: RecordNames = False
    replay: Replaying = None


@dataclass(frozen=True)
class AssessmentOptions:
    """How to assess what was read, and what to report."""

    ownership: Ownership = None
    team: Team = None
    where: Where = None
    report: Report = None
    states: States = None
    findings: ListedFindings = Listed.open
    gate: Gate = None
    fail_on: FailOn = None
    max_unknown: MaxUnknown = None
    allow_incomplete: AllowIncomplete = False
    baseline: BaselineReport = None
    now: Now = None
    everything: Everything = False
    others: Others = None
