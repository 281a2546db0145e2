"""The join: responsibility × ownership × verdicts → findings and coverage rows. Pure; knows no clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from scanner.evaluate import Verdict
from scanner.evidence import BlindSpot
from scanner.finding import Finding, FoundUnknown, found, identity, observed, unknowns_of
from scanner.ownership import Ownership, Resolver, Subject
from scanner.provider import Inventory
from scanner.resources import Account, ProviderName, Tenant
from scanner.responsibility import Catalogue, Control, Party, Severity
from scanner.rows import OUTCOMES, Gathered, Row, RowKey, Rows
from scanner.rule import Pack, Rule
from scanner.spool import Spool
from scanner.states import (
    Claim,
    Evidence,
    Judgement,
    State,
    judge,
    priority,
    worst,
)
from scanner.subjects import Scope, Subjects


@dataclass(frozen=True)
class Coverage:
    """Every finding, sorted by uid, and every row."""

    scopes: Mapping[tuple[str, str], Scope]
    """Those that were seen, by provider and id."""
    findings: Spool
    states: Mapping[State, int]
    """Findings of evidence by state."""
    defects: int
    """Findings of ownership."""
    rows: tuple[Row, ...]
    not_judged: Mapping[tuple[str, str], tuple[str, ...]]
    """By provider and scope: controls of organisation or tenant level, which are judged only there."""


@dataclass(frozen=True)
class _Judged:
    """One piece of evidence with its owner and state."""

    party: Party
    ownership: Ownership
    evidence: Evidence
    judgement: Judgement

    def row(self, control: Control, place: Subject) -> RowKey:
        return RowKey(
            control.id,
            place.provider,
            place.scope,
            self.ownership.owner,
            self.party,
            self.ownership.status,
        )

    def told(self) -> dict[str, Any]:
        """What the finding says of it."""
        return {
            "party": self.party,
            "ownership": self.ownership.status,
            "owner": self.ownership.owner,
            "owner_source": self.ownership.source,
            "evidence": self.evidence,
            "state": self.judgement.state,
            "flags": tuple(sorted(self.ownership.flags | self.judgement.flags)),
        }


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
    subjects: Subjects
    _rows: Rows = field(default_factory=Rows, init=False)
    _findings: Spool = field(default_factory=Spool, init=False)
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
                    elsewhere.append(control.id)
                else:
                    self._scope_level(control, scope)
            not_judged[provider, name] = tuple(elsewhere)
        defects = tuple(self._defects())
        for finding in defects:
            self._findings.add(finding)
        return Coverage(
            findings=self._findings,
            states=dict(sorted(self._states.items())),
            defects=len(defects),
            rows=tuple(self._row(key, gathered) for key, gathered in self._rows),
            scopes=self.subjects.scopes,
            not_judged=not_judged,
        )

    def _verdict(self, verdict: Verdict) -> None:
        control = self.catalogue.controls[verdict.rule.text.control]
        subject = verdict.subject
        resource = None if isinstance(subject, BlindSpot) else subject
        party: Party = "customer" if resource is None else self.catalogue.party(control, resource)
        place = self.subjects.of(subject)
        what = found(subject)
        evidence: Evidence = verdict.outcome
        if control.evidence == "hybrid" and party == "customer" and evidence != "n/a":
            # Configuration and statement are both wanted: without the one the other covers nothing.
            attested: Evidence = "missing" if self.resolver.statement(control.id, place) is None else "pass"
            evidence = worst([evidence, attested])
        judged = self._judge(control, place, party, evidence, may_become=True)
        rule = verdict.rule
        unknowns: tuple[FoundUnknown, ...] = ()
        if verdict.unknown is not None:
            unknowns = unknowns_of(rule, resource) if resource is not None else ()
            unknowns = unknowns or tuple(
                FoundUnknown(facet=None, **cause.model_dump()) for cause in verdict.unknown.causes
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
                service_model=self.catalogue.service_model(resource) if resource is not None else None,
                resource=what,
                verdict=verdict.outcome,
                unknowns=unknowns,
                observed=observed(rule, resource) if resource is not None else {},
                message=self._message(verdict, what.name, unknowns),
                severity=rule.text.severity,
                priority=self._priority(rule.text.severity, judged, place),
                **judged.told(),
            )
        )
        self._rows.row(judged.row(control, place)).counts[verdict.outcome] += 1
        self._gather(control, place, judged)

    def _message(self, verdict: Verdict, name: str, unknowns: Sequence[FoundUnknown]) -> str:
        rule = verdict.rule
        if verdict.outcome == "fail" and not isinstance(verdict.subject, BlindSpot):
            return rule.message.render(verdict.subject, self.now)
        if verdict.outcome == "unknown":
            why = "; ".join(dict.fromkeys(f"{unknown.call} {unknown.reason}" for unknown in unknowns))
            return f"{name}: could not tell ({why})"
        return f"{name}: {rule.text.title}" if verdict.outcome == "pass" else f"{name}: does not apply"

    def _scope_level(self, control: Control, scope: Scope) -> None:
        """What is told of a control at the scope: its statement, and the kinds that no rule examined."""
        account = scope.account
        place = self.subjects.of(account)
        party = self.catalogue.party_at_scope(control, account.provider, scope.models)
        rows = self._rows.of(control.id, account.provider, account.scope)
        if party is None:
            if not rows:
                self._gather(control, place, self._judge(control, place, "customer", "n/a"))
            return
        unassessed = self._unassessed(control, scope, party)
        if control.evidence != "auto" and party == "customer":
            self._gather(control, place, self._statement(control, account, place))
        elif not rows:
            self._gather(
                control, place, self._judge(control, place, party, "unassessed" if unassessed else "n/a")
            )
        if unassessed:
            # What nobody looked at is unseen whoever owns the rest: no owner's row may look complete.
            for key in self._rows.of(control.id, account.provider, account.scope):
                claim = Claim(
                    ownership=key.ownership,
                    exception_in_force=False,
                    declared_not_applicable=False,
                    party=key.party,
                    certificate_in_date=self.resolver.certificate(control.id, account.provider),
                    may_become_customers=False,
                )
                self._rows.row(key).add("unassessed", judge(claim, "unassessed").state)

    def _unassessed(self, control: Control, scope: Scope, party: Party) -> bool:
        """Whether some kind that the control expects here, or some rule of it, was left out."""
        provider = scope.account.provider
        rules = self._rules_of.get((control.id, provider), ())
        examined = {rule.text.for_ for rule in rules}
        if control.evidence == "statement" and not rules:
            return party == "provider"
        if any(rule.id not in self._chosen for rule in rules):
            return True
        expected = control.kinds.get(provider, ())
        if not expected and not rules:
            return True
        return any(
            kind not in examined
            and (kind in scope.kinds or not self.inventory.complete(provider, scope.account.scope, kind))
            for kind in expected
        )

    @cached_property
    def _rules_of(self) -> dict[tuple[str, ProviderName], list[Rule]]:
        rules: dict[tuple[str, ProviderName], list[Rule]] = defaultdict(list)
        for rule in self.pack.rules.values():
            for provider in rule.text.providers:
                rules[rule.text.control, provider].append(rule)
        return rules

    @cached_property
    def _chosen(self) -> frozenset[str]:
        return frozenset(rule.id for rule in self.chosen)

    @cached_property
    def _kinds_of(self) -> Mapping[str, set[str]]:
        kinds: dict[str, set[str]] = defaultdict(set)
        for rule in self.chosen:
            kinds[rule.text.control].add(rule.text.for_)
        return kinds

    def _statement(self, control: Control, account: Account | Tenant, place: Subject) -> _Judged:
        """Whether a person attested the control; makes the finding of the statement."""
        statement = self.resolver.statement(control.id, place)
        judged = self._judge(control, place, "customer", "missing" if statement is None else "pass")
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
                priority=self._priority(control.severity, judged, place),
                **judged.told(),
            )
        )
        return judged

    def _judge(
        self, control: Control, place: Subject, party: Party, evidence: Evidence, *, may_become: bool = False
    ) -> _Judged:
        # If a setting that the customer can see fails, it is the customer's to set.
        owes: Party = "customer" if evidence == "fail" else party
        ownership = self.resolver.resolve(control.id, place, owes)
        claim = Claim(
            ownership=ownership.status,
            exception_in_force=ownership.exception is not None,
            declared_not_applicable=ownership.not_applicable is not None,
            party=party,
            certificate_in_date=self.resolver.certificate(control.id, place.provider),
            may_become_customers=may_become,
        )
        return _Judged(owes, ownership, evidence, judge(claim, evidence))

    def _priority(self, severity: Severity, judged: _Judged, place: Subject) -> Severity:
        return priority(
            severity,
            judged.judgement.state,
            judged.evidence,
            sensitive=self.resolver.sensitive(place),
            ownership_file=self.resolver.file is not None,
        )

    def _keep(self, finding: Finding) -> None:
        self._findings.add(finding)
        if finding.state is not None:
            self._states[finding.state] += 1

    def _gather(self, control: Control, place: Subject, judged: _Judged) -> None:
        self._rows.row(judged.row(control, place)).add(judged.evidence, judged.judgement.state)

    def _row(self, key: RowKey, gathered: Gathered) -> Row:
        expected = self.catalogue.controls[key.control].kinds.get(key.provider, ())
        chosen = self._kinds_of[key.control]
        return Row(
            **key._asdict(),
            evidence=gathered.evidence,
            state=gathered.state,
            kinds_seen=tuple(kind for kind in expected if kind in chosen),
            kinds_expected=expected,
            counts={outcome: gathered.counts[outcome] for outcome in OUTCOMES},
        )

    def _defects(self) -> Iterator[Finding]:
        """Findings of ownership: what is wrong with the file, once for each line and control."""
        for defect in self.resolver.defects():
            for control in defect.controls:
                yield Finding(
                    uid=identity(
                        control=self.catalogue.controls[control].first_id,
                        rule=f"ownership.{defect.code}",
                        provider="",
                        partition="",
                        scope="",
                        resource=defect.line_id,
                    ),
                    subject="ownership",
                    control=control,
                    rule=None,
                    provider=None,
                    scope=None,
                    region=None,
                    service_model=None,
                    resource=None,
                    verdict=None,
                    unknowns=(),
                    observed={},
                    message=defect.message,
                    party=None,
                    ownership=None,
                    owner=None,
                    owner_source=f"{defect.file}:{defect.line}",
                    evidence=None,
                    state=None,
                    flags=(defect.code,),
                    severity=defect.severity,
                    priority=defect.severity,
                )
