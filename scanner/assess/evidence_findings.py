"""Findings of evidence: of a rule on a resource or blind spot, and of an attestation at a scope."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from scanner.assess.finding import (
    Finding,
    FoundResource,
    FoundUnknown,
    found,
    found_unknown,
    identity,
    identity_of_verdict,
    unknowns_of,
)
from scanner.assess.judged_control import JudgedControl
from scanner.assess.verdict_classes import VerdictClass
from scanner.catalogue.control import Control, Severity
from scanner.model.evidence import BlindSpot, Unknown
from scanner.model.resources.account import Account
from scanner.model.resources.base import Resource
from scanner.model.resources.identity import Tenant
from scanner.ownership.file.schema import AttestationText
from scanner.rule.rule import Rule


class SubjectFindings:
    """The findings of one resource or blind spot; what they share is determined once, when one is made."""

    def __init__(self, subject: Resource | BlindSpot, partition: str, now: datetime) -> None:
        self.subject = subject
        self._partition = partition
        self._now = now

    def uid(self, control: Control, rule: Rule) -> str:
        """The uid of the finding of a rule: see :func:`~scanner.assess.finding.identity`."""
        return identity_of_verdict(control.first_id, rule.first_id, self._place)

    def of(self, one: VerdictClass, unknown: Unknown | None, uid: str, at_gate: bool) -> Finding:
        """The finding of a verdict of a class. ``unknown``: why the outcome is unknown."""
        unknowns = self._unknowns(one, unknown)
        return Finding(
            uid=uid,
            resource=self._found,
            unknowns=unknowns,
            observed={name: self._record[name] for name in one.observed if name in self._record},
            message=self._message(one, unknowns),
            at_gate=at_gate,
            **one.shared,
        )

    @cached_property
    def _found(self) -> FoundResource:
        return found(self.subject)

    @cached_property
    def _place(self) -> bytes:
        subject = self.subject
        return json.dumps([subject.provider, self._partition, subject.scope, self._found.id])[1:].encode()

    @cached_property
    def _record(self) -> dict[str, Any]:
        """The known facets, as JSON values."""
        subject = self.subject
        if isinstance(subject, BlindSpot):
            return {}
        known = subject.collected() - subject.unknowns().keys()
        return subject.model_dump(mode="json", include=set(known))

    def _unknowns(self, one: VerdictClass, unknown: Unknown | None) -> tuple[FoundUnknown, ...]:
        """What the verdict lacked, and what responsibility lacked beside it."""
        rule, subject, boundary = one.rule, self.subject, one.boundary
        unknowns: tuple[FoundUnknown, ...] = ()
        if unknown is not None:
            if not isinstance(subject, BlindSpot):
                unknowns = unknowns_of(rule, subject)
            unknowns = unknowns or tuple(found_unknown(None, cause) for cause in unknown.causes)
        if boundary is not None:
            unknowns += tuple(
                found_unknown(facet, cause)
                for facet, lacking in boundary.unknowns
                for cause in lacking.causes
                if facet not in rule.facets or unknown is None
            )
        return unknowns

    def _message(self, one: VerdictClass, unknowns: Sequence[FoundUnknown]) -> str:
        rule, subject, evidence = one.rule, self.subject, one.assessed.evidence
        name = self._found.name
        if one.outcome == "fail" and not isinstance(subject, BlindSpot):
            return rule.message.render(subject, self._now)
        why = "; ".join(dict.fromkeys(f"{unknown.call} {unknown.reason}" for unknown in unknowns))
        if one.outcome == "unknown":
            return f"{name}: could not be determined ({why})"
        if one.outcome == "pass" and evidence == "unknown":
            return f"{name}: {rule.text.title}, but the responsible party could not be determined ({why})"
        return f"{name}: {rule.text.title}" if one.outcome == "pass" else f"{name}: does not apply"


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
