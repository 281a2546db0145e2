"""Findings of evidence: of a rule on a resource or blind spot, and of an attestation at a scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scanner.assess.finding import Finding, FoundUnknown, found, identity, observed, unknowns_of
from scanner.assess.judged_control import JudgedControl
from scanner.assess.states import Evidence
from scanner.catalogue.boundary import Boundary
from scanner.catalogue.control import Control, Severity
from scanner.model.evidence import BlindSpot
from scanner.model.resources.account import Account
from scanner.model.resources.identity import Tenant
from scanner.ownership.file.schema import AttestationText
from scanner.ownership.resolve.selection import OwnershipTarget
from scanner.rule.evaluate import Verdict


def rule_finding(
    verdict: Verdict,
    control: Control,
    boundary: Boundary | None,
    assessed: JudgedControl,
    *,
    target: OwnershipTarget,
    partition: str,
    priority: Severity,
    now: datetime,
) -> Finding:
    """The finding of a verdict; ``boundary`` is ``None`` for a blind spot."""
    rule, subject = verdict.rule, verdict.subject
    resource = None if isinstance(subject, BlindSpot) else subject
    what = found(subject)
    unknowns = _unknowns(verdict, boundary)
    return Finding(
        uid=identity(
            control=control.first_id,
            rule=rule.first_id,
            provider=subject.provider,
            partition=partition,
            scope=subject.scope,
            resource=what.id,
        ),
        subject="evidence",
        control=control.id,
        rule=rule.id,
        provider=target.provider,
        scope=subject.scope,
        region=subject.region,
        service_model=boundary.model if boundary is not None else None,
        resource=what,
        verdict=verdict.outcome,
        unknowns=unknowns,
        observed=observed(rule, resource) if resource is not None else {},
        message=_message(verdict, what.name, unknowns, assessed.evidence, now),
        severity=rule.text.severity,
        priority=priority,
        **assessed.fields(),
    )


def attestation_finding(
    control: Control,
    account: Account | Tenant,
    attestation: AttestationText | None,
    assessed: JudgedControl,
    priority: Severity,
) -> Finding:
    """The finding of a control's attestation at a scope; ``None``: none is in date."""
    if attestation is None:
        duty = control.obligations["customer"] or control.title
        message = f"no attestation in date says that this is done: {duty}"
    else:
        message = f"attested by {attestation.by} until {attestation.expires.isoformat()}"
    return Finding(
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
        message=message,
        severity=control.severity,
        priority=priority,
        **assessed.fields(),
    )


def _unknowns(verdict: Verdict, boundary: Boundary | None) -> tuple[FoundUnknown, ...]:
    """What the verdict lacked, and what responsibility lacked beside it."""
    rule, subject = verdict.rule, verdict.subject
    unknowns: tuple[FoundUnknown, ...] = ()
    if verdict.unknown is not None:
        if not isinstance(subject, BlindSpot):
            unknowns = unknowns_of(rule, subject)
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
    return unknowns


def _message(
    verdict: Verdict, name: str, unknowns: Sequence[FoundUnknown], evidence: Evidence, now: datetime
) -> str:
    rule = verdict.rule
    if verdict.outcome == "fail" and not isinstance(verdict.subject, BlindSpot):
        return rule.message.render(verdict.subject, now)
    why = "; ".join(dict.fromkeys(f"{unknown.call} {unknown.reason}" for unknown in unknowns))
    if verdict.outcome == "unknown":
        return f"{name}: could not be determined ({why})"
    if verdict.outcome == "pass" and evidence == "unknown":
        return f"{name}: {rule.text.title}, but the responsible party could not be determined ({why})"
    return f"{name}: {rule.text.title}" if verdict.outcome == "pass" else f"{name}: does not apply"
