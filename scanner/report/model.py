"""What a report holds: the models behind ``gapscan.report/v1``, its schema, and the report in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from scanner.assess.baseline import REPORT_SCHEMA, Baseline
from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.finding import Finding
from scanner.assess.metrics import Metrics
from scanner.assess.states import State
from scanner.base.models import FrozenModel
from scanner.catalogue.control import Severity
from scanner.model.evidence import Reason
from scanner.model.resources.base import ProviderName


class TargetLine(FrozenModel):
    """One scope that was to be scanned."""

    provider: ProviderName
    scope: str | None
    """``None`` when not even the scope's id could be told."""
    identity: str | None
    expected: bool
    """Named by the user: not reaching it makes the scan incomplete."""
    reached: bool
    message: str | None
    regions: tuple[str, ...] = ()
    """The regions that the scan was narrowed to; empty: all that the scope can use."""


class Scan(FrozenModel):
    """How the scan was made."""

    id: str
    started: datetime
    finished: datetime
    now: datetime
    """The time that rules and expiries were judged by."""
    version: str
    complete: bool
    """False when something unexpected could not be seen, also where that was waived."""
    arguments: tuple[str, ...]
    gate: str
    rules_digest: str
    pack: tuple[str, ...]
    """Ids of every rule of the packs in use, chosen or not."""
    narrowed: tuple[str, ...]
    """The options that left something out; empty for a whole scan. Nothing in the report is about that."""
    ownership_digest: str | None
    ownership_commit: str | None
    """The commit of the repository that holds the ownership file, where it is in one."""
    targets: tuple[TargetLine, ...]
    calls: Mapping[str, Mapping[str, int]]
    """Calls made, by provider and operation."""


class Controls(FrozenModel):
    """Where the controls of the catalogue stand in one scope; every control is counted once."""

    elsewhere: int
    """Of organisation or tenant level: not judged from one scope."""
    not_applicable: int
    providers: int
    """The provider's: inherited or assumed."""
    failing: int
    """The configuration does not meet them, whoever owns them."""
    unattested: int
    """Only a statement of a person is missing."""
    unknown: int
    """Something could not be seen that decides."""
    partly_seen: int
    """What was seen is fine, but some kinds were not looked at."""
    not_checked: int
    """No rule sees them yet."""
    unnamed: int
    """Met, and nobody is named."""
    accepted: int
    covered: int

    @property
    def yours(self) -> int:
        """The customer's, in this scope."""
        return self.total - self.elsewhere - self.not_applicable - self.providers

    @property
    def total(self) -> int:
        """Every control that was judged or left to another level."""
        return sum(getattr(self, name) for name in type(self).model_fields)


class ScopeSummary(FrozenModel):
    """One scanned scope. ``resources`` are all that were seen there, also in a narrowed report."""

    provider: ProviderName
    scope: str
    name: str
    regions: int
    resources: int
    controls: Controls


class Settles(FrozenModel):
    """A permission, and how many unknowns (causes) it would settle."""

    provider: ProviderName
    permission: str
    unknowns: int


class Acknowledged(FrozenModel):
    """An entry of ``expected_unknowns``, and what it excused in this scan."""

    call: str | None
    region: str | None
    scope: str | None
    reason: str
    owner: str
    expires: date
    in_force: bool
    """False when it has expired: it excused nothing."""
    causes: int
    """Causes that it excused, or would excuse if it were in force."""


class Unknowns(FrozenModel):
    """What was not seen: causes are counted once for each call, scope and region."""

    causes: int
    budget: int
    """How many causes are tolerated (``--max-unknown``)."""
    settled_by: tuple[Settles, ...]
    """Permissions that would settle unknowns, most first."""
    regions_disabled: int
    """Regions that are switched off; outside the budget."""
    acknowledged: int
    """Causes among them that an entry of ``expected_unknowns`` excuses; outside the budget."""
    expected: tuple[Acknowledged, ...]
    """Every entry of ``expected_unknowns``."""


class GateLine(FrozenModel):
    """What the gate of one named scope, or the default, was held against."""

    scope: str
    """The name of the scope; ``default``: wherever no named one fits."""
    gate: str
    judged: int
    """Findings of evidence that it was held against."""
    uncertain: int
    """Of these, findings where another gate might hold too, since a tag or path could not be read: any of
    the gates stops them."""
    findings: int
    """Of these, what stands at the gate."""
    failing_not_gated: int


class GateResult(FrozenModel):
    """What stands at the gate."""

    name: str
    """The gate; with named scopes the default, then theirs."""
    findings: int
    by_severity: Mapping[Severity, int]
    failing_not_gated: Mapping[Severity, int]
    """Findings whose configuration fails and that the gate lets pass."""
    new_rule: int
    """Failing findings of rules that the baseline did not have."""
    baseline: str | None
    scopes: tuple[GateLine, ...] = ()
    """By named scope in the order of gapscan.yaml, then the default; empty where one gate is for all."""


class Summary(FrozenModel):
    """The scan in numbers."""

    states: Mapping[State, int]
    """Findings of evidence by state, before ``--states`` narrows the report."""
    scopes: tuple[ScopeSummary, ...]
    unknowns: Unknowns
    gate: GateResult
    ownership_defects: int
    metrics: Metrics | None = None
    """Ownership, visibility and coverage in numbers, before ``--states`` narrows the report."""
    exit: int
    """The exit code that the findings call for."""


class RuleLine(FrozenModel):
    """What a reader of a finding needs to know of its rule."""

    title: str
    control: str
    severity: Severity
    rationale: str
    remediation: Mapping[ProviderName, str]
    refs: Mapping[str, tuple[str, ...]]


class SpotLine(FrozenModel):
    """A kind of resource that could not be listed somewhere."""

    provider: ProviderName
    scope: str
    region: str | None
    kind: str
    reason: Reason
    call: str
    permission: str | None
    message: str
    expected: bool
    """Known beforehand, so outside the budget: a region that is switched off, or an expected unknown."""


class Head(FrozenModel):
    """A report without its findings."""

    schema_: Literal["gapscan.report/v1"] = Field(alias="schema")
    scan: Scan
    summary: Summary
    rules: Mapping[str, RuleLine]
    blind_spots: tuple[SpotLine, ...]
    coverage: tuple[CoverageRow, ...]


class ReportDocument(Head):
    """The JSON report, whole. Its JSON Schema is published in the documentation."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """A report on its way to a renderer; ``findings`` can be iterated as often as needed."""

    head: Head
    findings: Iterable[Finding]
    """Sorted by uid."""
    baseline: Baseline | None = None
    """The earlier report that the scan was measured against."""
    closed: Iterable[Finding] = ()
    """What the baseline had open and is verifiably no longer there, sorted by uid."""
    unfolded: bool = False
    """The reader wants every line (``--all``)."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``gapscan.report/v1``."""
    schema = ReportDocument.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": REPORT_SCHEMA, **schema}
