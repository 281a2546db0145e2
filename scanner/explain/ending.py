"""What ends a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from scanner.assess.finding import Finding
from scanner.model.evidence import Reason
from scanner.report.model import RuleLine

_MENDED: Mapping[str, str] = MappingProxyType(
    {
        "conflict": "When one of the lines is narrowed, or overrides the other by `overrides: [id]`.",
        "contract_expired": "When the contract's new end is written, or the line relies on another one.",
        "exception_expired": "When the exception is renewed by its approver, or taken out.",
        "exception_invalid": "When the exception is put right, or taken out.",
        "lapsed": "When the line names an active team.",
        "misattributed": "When the line says `claim: customer`, or a contract that covers the control does.",
        "stale": "When the line has been looked at and its review date is moved (gapscan ownership renew).",
        "statement_expired": "When the statement is made anew.",
        "unreviewed": "When the line or the file has a review date (gapscan ownership renew).",
    }
)
"""By the code of a defect of the ownership file."""

_SEEN: Mapping[Reason, str] = MappingProxyType(
    {
        "denied": "When {permission} is granted and a scan has read it (gapscan permissions --missing).",
        "denied_by_organisation": "When the organisation's policy lets {call} through; no permission helps.",
        "throttled": "When a later scan gets an answer: the cloud's quota was used up.",
        "unsupported": "When the endpoint knows {call}; until then it can be an expected unknown.",
        "error": "When {call} is answered: {message}",
        "disabled": "When the region is switched on, or nothing can be in it any more.",
    }
)
"""By the reason of an unknown."""


def ends(finding: Finding, rule: RuleLine | None) -> Iterator[str]:
    """What would have to happen, in sentences."""
    if finding.subject == "ownership":
        for flag in finding.flags:
            yield _MENDED.get(flag, "When the line is put right.")
        return
    match finding.evidence:
        case "fail":
            yield "When it is fixed and a complete scan has seen it."
            if rule is not None and finding.provider is not None and finding.provider in rule.remediation:
                yield rule.remediation[finding.provider]
            yield from _failing(finding)
        case "missing":
            yield "When the team that answers for it states so (`statements` in the ownership file)."
            if finding.ownership == "nobody":
                yield "It needs an owner, too."
            elif finding.ownership != "owned":
                yield "Who owns it has to be settled, too."
        case "unknown":
            causes = [(one.reason, one.call, one.permission, one.message) for one in finding.unknowns]
            for reason, call, permission, message in dict.fromkeys(causes):
                told = {"call": call, "permission": permission or call, "message": message}
                yield _SEEN[reason].format(**told)
            yield "It never counts as a pass before."
        case "pass" | "unassessed":
            if finding.state in ("covered", "inherited", "assumed"):
                yield "Nothing is to be done while it stays so."
            elif finding.state == "unclaimed":
                yield "It passes; when somebody is named it is covered."
            else:
                yield "When the ownership of it is settled."
        case _:
            yield "It does not apply."


def _failing(finding: Finding) -> Iterator[str]:
    if finding.state == "accepted":
        yield "It is accepted by an exception while that lasts; then it counts again."
    elif finding.ownership == "owned":
        yield "Signing a line does not close it."
    elif finding.ownership == "nobody":
        yield "Naming an owner says who has to do it, and does not close it."
    else:
        yield "Settling who owns it says who has to do it, and does not close it."
