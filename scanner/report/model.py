"""The models of ``gapscan.report/v2``, its JSON Schema, and the report in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

import msgspec
from pydantic import Field

from scanner.assess.baseline import Baseline
from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.finding import Finding
from scanner.assess.metrics import Metrics
from scanner.assess.report_file import REPORT_SCHEMA
from scanner.assess.states import State
from scanner.base.models import FrozenModel
from scanner.catalogue.control import Severity
from scanner.model.evidence import Reason
from scanner.model.resources.base import ProviderName


class TargetLine(FrozenModel):
    """One scope that the scan was to reach."""

    provider: ProviderName
    scope: str | None
    """``None`` if the scope's id is unknown."""
    identity: str | None
    expected: bool
    """Named by the user: not reaching it makes the scan incomplete."""
    reached: bool
    message: str | None
    regions: tuple[str, ...] = ()
    """The regions that the scan was narrowed to; empty: all enabled regions."""


class ListedLine(FrozenModel):
    """The kinds that were listed to the end in a scope, and those that cannot exist there."""

    provider: ProviderName
    scope: str
    kinds: tuple[str, ...]


class Scan(FrozenModel):
    """How the scan was made."""

    id: str
    started: datetime
    finished: datetime
    now: datetime
    """The time that rules and expiry dates were evaluated at."""
    version: str
    complete: bool
    """False if something could not be read and was not expected, even if that was waived."""
    arguments: tuple[str, ...]
    gate: str
    rules_digest: str
    pack: tuple[str, ...]
    """Ids of every rule of the packs in use, chosen or not."""
    narrowed: tuple[str, ...]
    """The options that left something out; empty for a whole scan. The report says nothing about the rest."""
    ownership_digest: str | None
    ownership_commit: str | None
    """The commit of the ownership file's repository, if it is in one."""
    targets: tuple[TargetLine, ...]
    calls: Mapping[str, Mapping[str, int]]
    """Calls made, by provider and operation."""
    listed: tuple[ListedLine, ...] | None = None
    """What was looked at, so that its absence is a fact; ``None``: not recorded."""


class Controls(FrozenModel):
    """The controls of the catalogue by their result in one scope; every control is counted once."""

    elsewhere: int
    """Controls of organisation or tenant level: not assessed from one scope."""
    not_applicable: int
    providers: int
    """The provider's: inherited or assumed."""
    failing: int
    """The configuration does not meet them, whoever owns them."""
    unattested: int
    """Only an attestation is missing."""
    unknown: int
    """Something that decides could not be read."""
    partly_seen: int
    """What was evaluated passes, but some expected kinds were not evaluated."""
    not_checked: int
    """No rule covers them yet."""
    unnamed: int
    """Passing, without a clear owner."""
    accepted: int
    covered: int

    @property
    def yours(self) -> int:
        """The customer's, in this scope."""
        return self.total - self.elsewhere - self.not_applicable - self.providers

    @property
    def total(self) -> int:
        """Every control that was assessed here or left to another level."""
        return sum(getattr(self, name) for name in type(self).model_fields)


class ScopeSummary(FrozenModel):
    """One scanned scope. ``resources`` counts everything collected there, even in a narrowed report."""

    provider: ProviderName
    scope: str
    name: str
    regions: int
    resources: int
    controls: Controls
    directory: bool = False
    """A tenant, which is reached with its subscriptions and is no target of its own."""


class Settles(FrozenModel):
    """A permission, and the number of unknowns (causes) that it would settle."""

    provider: ProviderName
    permission: str
    unknowns: int


class Acknowledged(FrozenModel):
    """An entry of ``expected_unknowns``, and how often it matched in this scan."""

    call: str | None
    region: str | None
    scope: str | None
    reason: str
    owner: str
    expires: date
    in_force: bool
    """False if it has expired and acknowledged nothing."""
    causes: int
    """Causes that it acknowledged, or would acknowledge if it were in force."""


class Unknowns(FrozenModel):
    """What could not be read: causes are counted once for each call, scope and region."""

    causes: int
    budget: int
    """How many causes are tolerated (``--max-unknown``)."""
    settled_by: tuple[Settles, ...]
    """Permissions that would settle unknowns, most first."""
    regions_disabled: int
    """Disabled regions; outside the budget."""
    acknowledged: int
    """Causes among them that ``expected_unknowns`` acknowledges; outside the budget."""
    expected: tuple[Acknowledged, ...]
    """Every entry of ``expected_unknowns``."""


class GateLine(FrozenModel):
    """The counts of one named scope's gate, or of the default gate."""

    scope: str
    """The name of the scope; ``default``: wherever no named one matches."""
    gate: str
    judged: int
    """Findings of evidence that the gate applies to."""
    uncertain: int
    """Of these, findings where another gate may apply too because a tag or path could not be read: any of
    the gates stops them."""
    findings: int
    """Of these, the findings at the gate."""
    failing_not_gated: int


class GateResult(FrozenModel):
    """The result of the gate."""

    name: str
    """The gate; with named scopes, the default gate and then theirs."""
    findings: int
    by_severity: Mapping[Severity, int]
    failing_not_gated: Mapping[Severity, int]
    """Findings with failing evidence that are not at the gate."""
    new_rule: int
    """Failing findings of rules that the baseline did not have."""
    baseline: str | None
    scopes: tuple[GateLine, ...] = ()
    """By named scope in the order of gapscan.yaml, then the default; empty if one gate applies to all."""


class FailingResources(FrozenModel):
    """The number of resources of which something fails; one can be in several."""

    unowned: int
    """A failure has no owner."""
    misplaced: int
    """A failure is misattributed or contested."""
    owned: int
    accepted: int
    """An exception accepts a failure."""


class Unseen(FrozenModel):
    """A call that told nothing of some resources, and how many they are."""

    call: str
    reason: Reason
    message: str | None
    """What it said; ``None`` if a permission would settle it."""
    resources: int


class Summary(FrozenModel):
    """The summary of the scan."""

    states: Mapping[State, int]
    """Findings of evidence by state, whether they are listed or only counted."""
    listed: Literal["open", "all"]
    """Which findings are listed: those that are open or want a change of the ownership file, or all."""
    failing: FailingResources
    unseen: tuple[Unseen, ...]
    """Most resources first."""
    scopes: tuple[ScopeSummary, ...]
    unknowns: Unknowns
    gate: GateResult
    ownership_defects: int
    metrics: Metrics | None = None
    """Metrics of ownership, visibility and coverage, before ``--states`` narrows the report."""
    exit: int
    """The exit code of the scan."""


class RuleLine(FrozenModel):
    """The texts of a rule, for readers of its findings."""

    title: str
    control: str
    severity: Severity
    rationale: str
    remediation: Mapping[ProviderName, str]
    refs: Mapping[str, tuple[str, ...]]
    """Ids of requirements that the rule answers, by benchmark."""
    related: Mapping[str, tuple[str, ...]] = {}
    """Ids of requirements that it touches."""


class SpotLine(FrozenModel):
    """A blind spot: a kind of resource that could not be listed in a scope or region."""

    provider: ProviderName
    scope: str
    region: str | None
    kind: str
    reason: Reason
    call: str
    permission: str | None
    message: str
    expected: bool
    """Outside the budget: a disabled region, or an expected unknown."""


class Head(FrozenModel):
    """A report without its findings."""

    schema_: Literal["gapscan.report/v2"] = Field(alias="schema")
    scan: Scan
    summary: Summary
    rules: Mapping[str, RuleLine]
    blind_spots: tuple[SpotLine, ...]
    coverage: tuple[CoverageRow, ...]


class Findings(Protocol):
    """Findings sorted by uid, to be iterated as often as needed."""

    def __iter__(self) -> Iterator[Finding]: ...

    def lines(self) -> Iterator[bytes]:
        """The same as lines of JSON, as they are in the report."""


@dataclass(frozen=True)
class Report:
    """A report, ready to be rendered."""

    head: Head
    findings: Findings
    baseline: Baseline | None = None
    """The earlier report that the scan was compared with."""
    closed: Iterable[Finding] = ()
    """Findings that were open in the baseline and whose resource is verifiably gone, sorted by uid."""
    unfolded: bool = False
    """The text report shows every line (``--all``)."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``gapscan.report/v2``."""
    schema = Head.model_json_schema(by_alias=True, mode="serialization")
    (finding,), of_finding = msgspec.json.schema_components((Finding,), ref_template="#/$defs/{name}")
    schema["$defs"] = dict(sorted({**schema["$defs"], **of_finding}.items()))
    schema["properties"]["findings"] = {"items": finding, "title": "Findings", "type": "array"}
    schema["required"] = [*schema["required"], "findings"]
    schema |= {"title": "ReportDocument", "description": "The whole JSON report, one finding a line."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": REPORT_SCHEMA, **schema}
