"""The join: responsibility × ownership × verdicts → findings and coverage rows. Pure; knows no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from scanner.assess.common_controls import CommonControls
from scanner.assess.coverage_rows import OUTCOMES, CoverageKey, CoverageRow, CoverageRows, RowEvidence
from scanner.assess.finding import Finding, FoundUnknown, found, identity, observed, of_defect, unknowns_of
from scanner.assess.finding_store import FindingStore
from scanner.assess.judged_control import Judge, JudgedControl
from scanner.assess.kind_coverage import KindCoverage
from scanner.assess.narrowing import UNSEEN_HOLDERS, Narrowing
from scanner.assess.observer import AssessmentObserver
from scanner.assess.states import (
    Claim,
    Evidence,
    State,
    judge,
    worst,
)
from scanner.assess.targets import OwnershipTargets, Scope
from scanner.catalogue.control import Control, Party
from scanner.catalogue.responsibility import Catalogue
from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Inventory
from scanner.model.resources.account import Account
from scanner.model.resources.identity import Tenant
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.rule.evaluate import Verdict
from scanner.rule.rules import Outcome, Pack, Rule


@dataclass(frozen=True)
class Coverage:
    """Every finding, sorted by uid, and every row."""

    scopes: Mapping[tuple[str, str], Scope]
    """Those that were seen, by provider and id."""
    findings: FindingStore
    states: Mapping[State, int]
    """Findings of evidence by state."""
    defects: int
    """Findings of ownership."""
    rows: tuple[CoverageRow, ...]
    not_judged: Mapping[tuple[str, str], tuple[str, ...]]
    """By provider and scope: controls of organisation or tenant level, which are judged only there."""
    blind_spots: tuple[BlindSpot, ...]
    """Those of the inventory that may hold something of what the assessment is narrowed to."""


_SpotKey = tuple[str, str, str | None, str]


@dataclass(frozen=True)
class Join:
    """Joins one inventory's verdicts with responsibility and ownership."""

    inventory: Inventory
    chosen: Sequence[Rule]
    pack: Pack
    catalogue: Catalogue
    resolver: Resolver
    controls: frozenset[str]
    """The controls that were asked for; all of them unless the scan is narrowed."""
    now: datetime
    """The scan's time."""
    subjects: OwnershipTargets
    narrowing: Narrowing | None = None
    watchers: Sequence[AssessmentObserver] = ()
    elsewhere: Sequence[CoverageRow] = ()
    """Rows of other scopes, which may provide controls for these."""
    _narrowed: CoverageRows = field(default_factory=CoverageRows, init=False)
    """The rows of what the assessment is narrowed to, if it is."""
    _kept_spots: set[_SpotKey] = field(default_factory=set, init=False)
    _rows: CoverageRows = field(default_factory=CoverageRows, init=False)
    _findings: FindingStore = field(default_factory=FindingStore, init=False)
    _states: Counter[State] = field(default_factory=Counter, init=False)

    def cover(self, verdicts: Iterable[Verdict]) -> Coverage:
        """Every finding and row that the verdicts make."""
        for verdict in verdicts:
            self._verdict(verdict)
        not_judged: dict[tuple[str, str], tuple[str, ...]] = {}
        chosen = [control for control in self.catalogue.controls.values() if control.id in self.controls]
        for scope in self.subjects.scopes.values():
            provider, name = scope.account.provider, scope.account.scope
            elsewhere = []
            for control in chosen:
                known = bool(self._rows.of(control.id, provider, name))
                if isinstance(scope.account, Tenant):
                    # A directory answers for its own level and for what was found in it.
                    if known or control.level == "tenant":
                        self._scope_level(control, scope)
                elif control.level in ("organisation", "tenant") and not known:
                    if self._meant_at(control, scope):
                        elsewhere.append(control.id)
                else:
                    self._scope_level(control, scope)
            not_judged[provider, name] = tuple(elsewhere)
        self._provided.settle((self._rows,) if self.narrowing is None else (self._rows, self._narrowed))
        self._tell_provided()
        defects = tuple(self._defects())
        for finding in defects:
            self._keep(finding, None, None)
        told = tuple(self._row(key, gathered) for key, gathered in self._told_rows)
        spots = tuple(spot for spot in self.inventory.blind_spots if self._may_hold(spot))
        left = {(row.provider, row.scope) for row in told} | {(spot.provider, spot.scope) for spot in spots}
        return Coverage(
            findings=self._findings,
            states=dict(sorted(self._states.items())),
            defects=len(defects),
            rows=told,
            scopes={
                key: scope
                for key, scope in self.subjects.scopes.items()
                if self.narrowing is None or key in left or not_judged[key]
            },
            not_judged=not_judged,
            blind_spots=spots,
        )

    @cached_property
    def _examined(self) -> KindCoverage:
        return KindCoverage(self.inventory, self.chosen, self.pack, self.subjects)

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self.resolver, self.narrowing)

    @cached_property
    def _provided(self) -> CommonControls:
        return CommonControls(self.elsewhere)

    def _elsewhere(self, control: Control, place: OwnershipTarget) -> bool:
        """Whether another scope provides the control here, by the ownership file."""
        ownership = self.resolver.resolve(control.id, place)
        return self._provided.note(control.id, place.provider, place.scope, ownership)

    def _tell_provided(self) -> None:
        """What the rows have that another scope provides, now that it is known."""
        for key, gathered in self._told_rows:
            if gathered.provided_by is None:
                continue
            place = self.subjects.of(self.subjects.scopes[key.provider, key.scope].account)
            ownership = self.resolver.resolve(key.control, place)
            for evidence, state in sorted(gathered.pieces):
                for watcher in self.watchers:
                    watcher.gathered(key.control, place, key.party, evidence, state, ownership)

    def _wants_statement(self, control: Control, place: OwnershipTarget) -> bool:
        """Whether a person has to attest the control here, and has not."""
        scope = self.subjects.scopes.get((place.provider, place.scope))
        # Only what the scope itself gets from elsewhere has its state from there.
        places = [place] if scope is None else [place, self.subjects.of(scope.account)]
        by = {self.resolver.resolve(control.id, one).provided_by for one in places}
        own = scope is None or bool(by & {None, (place.provider, place.scope.lower())})
        return own and self.resolver.statement(control.id, place) is None

    def _verdict(self, verdict: Verdict) -> None:
        control = self.catalogue.controls[verdict.rule.text.control]
        subject = verdict.subject
        resource = None if isinstance(subject, BlindSpot) else subject
        boundary = None if resource is None else self.catalogue.boundary(control, resource)
        party: Party = "customer" if boundary is None else boundary.party
        place = self.subjects.of(subject)
        what = found(subject)
        evidence: Evidence = verdict.outcome
        if control.evidence == "hybrid" and party == "customer" and evidence != "n/a":
            # Configuration and statement are both wanted: without the one the other covers nothing.
            attested: Evidence = "missing" if self._wants_statement(control, place) else "pass"
            evidence = worst([evidence, attested])
        flags: frozenset[str] = frozenset()
        if boundary is not None:
            if boundary.uncertain and evidence in ("pass", "missing"):
                # A failure is the customer's in any case; of anything else nobody knows for whom it counts.
                evidence = "unknown"
            flags = (boundary.promoted() if evidence == "fail" else boundary).flags
        judged = self._judge.of(control, place, party, evidence, may_become=True, flags=flags)
        if not self._gather(control, place, judged, verdict.outcome):
            return
        if isinstance(subject, BlindSpot):
            self._kept_spots.add((subject.provider, subject.scope, subject.region, subject.kind))
        rule = verdict.rule
        unknowns: tuple[FoundUnknown, ...] = ()
        if verdict.unknown is not None:
            unknowns = unknowns_of(rule, resource) if resource is not None else ()
            unknowns = unknowns or tuple(
                FoundUnknown(facet=None, **cause.model_dump()) for cause in verdict.unknown.causes
            )
        if boundary is not None:
            unknowns += tuple(
                FoundUnknown(facet=facet, **cause.model_dump())
                for facet, unknown in boundary.unknowns
                for cause in unknown.causes
                if facet not in rule.facets or verdict.unknown is None
            )
        self._keep(
            Finding(
                uid=identity(
                    control=control.first_id,
                    rule=rule.first_id,
                    provider=subject.provider,
                    partition=self.subjects.partition(subject),
                    scope=subject.scope,
                    resource=what.id,
                ),
                subject="evidence",
                control=control.id,
                rule=rule.id,
                provider=place.provider,
                scope=subject.scope,
                region=subject.region,
                service_model=boundary.model if boundary is not None else None,
                resource=what,
                verdict=verdict.outcome,
                unknowns=unknowns,
                observed=observed(rule, resource) if resource is not None else {},
                message=self._message(verdict, what.name, unknowns, evidence),
                severity=rule.text.severity,
                priority=self._judge.priority(rule.text.severity, judged, place),
                **judged.told(),
            ),
            place,
            judged.ownership,
        )

    def _message(
        self, verdict: Verdict, name: str, unknowns: Sequence[FoundUnknown], evidence: Evidence
    ) -> str:
        rule = verdict.rule
        if verdict.outcome == "fail" and not isinstance(verdict.subject, BlindSpot):
            return rule.message.render(verdict.subject, self.now)
        why = "; ".join(dict.fromkeys(f"{unknown.call} {unknown.reason}" for unknown in unknowns))
        if verdict.outcome == "unknown":
            return f"{name}: could not tell ({why})"
        if verdict.outcome == "pass" and evidence == "unknown":
            return f"{name}: {rule.text.title}, but nobody could tell whose part that is ({why})"
        return f"{name}: {rule.text.title}" if verdict.outcome == "pass" else f"{name}: does not apply"

    def _scope_level(self, control: Control, scope: Scope) -> None:
        """What is told of a control at the scope: its statement, and the kinds that no rule examined."""
        account = scope.account
        place = self.subjects.of(account)
        models = self._examined.models(control, scope)
        party = self.catalogue.party_at_scope(control, account.provider, models)
        rows = self._rows.of(control.id, account.provider, account.scope)
        if party is None:
            if not rows:
                self._gather(control, place, self._judge.of(control, place, "customer", "n/a"))
            return
        unassessed = self._examined.unassessed(control, scope, party)
        if self._elsewhere(control, place):
            if not any(map(self._provided.takes, rows)):
                judged = self._judge.of(control, place, party, "unassessed")
                self._gather(control, place, judged, settled=False)
        elif control.evidence != "auto" and party == "customer":
            self._statement(control, account, place)
        elif not rows:
            self._gather(
                control, place, self._judge.of(control, place, party, "unassessed" if unassessed else "n/a")
            )
        if unassessed:
            # What nobody looked at is unseen whoever owns the rest: no owner's row may look complete.
            for key in self._rows.of(control.id, account.provider, account.scope):
                if self._provided.takes(key):
                    continue
                claim = Claim(
                    ownership=key.ownership,
                    exception_in_force=False,
                    declared_not_applicable=False,
                    party=key.party,
                    certificate_in_date=self.resolver.certificate(control.id, account.provider),
                    may_become_customers=False,
                )
                state = judge(claim, "unassessed").state
                kept = key in self._told_rows.of(*key[:3])
                for table in self._tables(kept):
                    table.row(key).add("unassessed", state)
                if kept:
                    for watcher in self.watchers:
                        watcher.gathered(control.id, place, key.party, "unassessed", state, None)

    def _statement(self, control: Control, account: Account | Tenant, place: OwnershipTarget) -> None:
        """Whether a person attested the control; makes the finding of the statement."""
        statement = self.resolver.statement(control.id, place)
        judged = self._judge.of(control, place, "customer", "missing" if statement is None else "pass")
        if not self._gather(control, place, judged):
            return
        told = (
            f"no statement in date says that this is done: {control.obligations['customer'] or control.title}"
            if statement is None
            else f"attested by {statement.by} until {statement.expires.isoformat()}"
        )
        self._keep(
            Finding(
                uid=identity(
                    control=control.first_id,
                    rule="",
                    provider=account.provider,
                    partition=account.partition,
                    scope=account.scope,
                    resource=account.id,
                ),
                subject="evidence",
                control=control.id,
                rule=None,
                provider=account.provider,
                scope=account.scope,
                region=None,
                service_model=None,
                resource=found(account),
                verdict=None,
                unknowns=(),
                observed={},
                message=told,
                severity=control.severity,
                priority=self._judge.priority(control.severity, judged, place),
                **judged.told(),
            ),
            place,
            judged.ownership,
        )

    def _keep(self, finding: Finding, place: OwnershipTarget | None, ownership: Ownership | None) -> None:
        self._findings.add(finding)
        if finding.state is not None:
            self._states[finding.state] += 1
        for watcher in self.watchers:
            watcher.found(finding, place, ownership)

    def _gather(
        self,
        control: Control,
        place: OwnershipTarget,
        judged: JudgedControl,
        outcome: Outcome | None = None,
        *,
        settled: bool = True,
    ) -> bool:
        """Adds to the row; whether it is of what the assessment is narrowed to.

        What is not ``settled`` gets its state from another scope, and is told of then.
        """
        key = judged.row(control, place)
        kept = judged.fit != "no"
        for rows in self._tables(kept):
            row = rows.row(key)
            row.add(judged.evidence, judged.judgement.state)
            if outcome is not None:
                row.counts[outcome] += 1
        if kept and settled:
            for watcher in self.watchers:
                watcher.gathered(
                    control.id, place, judged.party, judged.evidence, judged.judgement.state, judged.ownership
                )
        return kept

    @property
    def _told_rows(self) -> CoverageRows:
        return self._rows if self.narrowing is None else self._narrowed

    def _tables(self, kept: bool) -> tuple[CoverageRows, ...]:
        """Where something is counted. A narrowed scope is judged by all that is in it all the same."""
        return (self._rows, self._narrowed) if kept and self.narrowing is not None else (self._rows,)

    def _meant_at(self, control: Control, scope: Scope) -> bool:
        """Whether the assessment is narrowed to something that the control at a scope is part of."""
        if self.narrowing is None:
            return True
        place = self.subjects.of(scope.account)
        return self.narrowing.fit(control.id, place, self.resolver.resolve(control.id, place)) != "no"

    def _may_hold(self, spot: BlindSpot) -> bool:
        if self.narrowing is None or (spot.provider, spot.scope, spot.region, spot.kind) in self._kept_spots:
            return True
        judged = spot.cause.reason != "disabled" and self._examined.examines(spot.kind)
        # No rule has a verdict on what a region or an account that is out of sight holds.
        unjudged = spot.kind in UNSEEN_HOLDERS or not judged
        return unjudged and self.narrowing.may_hold(self.subjects.of(spot))

    def _row(self, key: CoverageKey, gathered: RowEvidence) -> CoverageRow:
        control = self.catalogue.controls[key.control]
        expected = self._examined.expected(control, key.provider, key.scope)
        return CoverageRow(
            **key._asdict(),
            evidence=gathered.evidence,
            state=gathered.state,
            kinds_seen=self._examined.seen(control, expected),
            kinds_expected=expected,
            counts={outcome: gathered.counts[outcome] for outcome in OUTCOMES},
            provided_by=gathered.provided_by,
        )

    def _defects(self) -> Iterator[Finding]:
        """Findings of ownership: what is wrong with the file, once for each line and control."""
        missing = () if self.narrowing is not None else self.resolver.undocumented(self.subjects.services)
        for defect in (*self.resolver.defects(), *missing):
            if self.narrowing is not None and not self.narrowing.concerns(defect.file, defect.line):
                continue
            for control in defect.controls:
                yield of_defect(
                    code=defect.code,
                    line_id=defect.line_id,
                    source=f"{defect.file}:{defect.line}",
                    control=self.catalogue.controls[control],
                    message=defect.message,
                    severity=defect.severity,
                )
