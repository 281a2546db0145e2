"""What resolves a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from scanner.assess.finding import Finding
from scanner.model.evidence import Reason
from scanner.report.model import RuleLine

_FILE_DEFECTS: Mapping[str, str] = MappingProxyType(
    {
        "conflict": "Narrow one of the lines, or let it override the other with `overrides: [id]`.",
        "contract_expired": "Enter the contract's new end date, or rely on another contract.",
        "exception_expired": "Have the approver renew the exception, or remove it.",
        "exception_invalid": "Correct the exception, or remove it.",
        "lapsed": "Name an active team in the line.",
        "misattributed": "Set `claim: customer`, or name a contract that covers the control.",
        "stale": "Review the line and update its review date (gapscan ownership renew).",
        "attestation_expired": "Renew the attestation.",
        "unreviewed": "Give the line or the file a review date (gapscan ownership renew).",
    }
)
"""By the code of a defect of the ownership file."""

_UNKNOWNS: Mapping[Reason, str] = MappingProxyType(
    {
        "denied": "Grant {permission} and scan again (gapscan permissions --missing).",
        "denied_by_organisation": "Allow {call} in the organisation's policy; no permission helps.",
        "throttled": "Scan again later: the cloud's quota was used up.",
        "unsupported": "Wait until the endpoint supports {call}; until then it can be an expected unknown.",
        "error": "Scan again: {call} failed: {message}",
        "disabled": "Enable the region, or rule out that it holds resources.",
    }
)
"""By the reason of an unknown."""


def resolutions(finding: Finding, rule: RuleLine | None) -> Iterator[str]:
    """What has to be done to resolve the finding, in sentences."""
    if finding.subject == "ownership":
        for flag in finding.flags:
            yield _FILE_DEFECTS.get(flag, "Correct the line.")
        return
    if finding.state == "not_applicable":
        yield "None: it does not apply."
        return
    match finding.evidence:
        case "fail":
            yield "Fix it; the finding closes when a complete scan has read the fix."
            if rule is not None and finding.provider is not None and finding.provider in rule.remediation:
                yield rule.remediation[finding.provider]
            yield from _failing(finding)
        case "missing":
            yield "The accountable team must attest it (`attestations` in the ownership file)."
            if finding.ownership == "nobody":
                yield "It also needs an owner."
            elif finding.ownership != "owned":
                yield "Its ownership must be settled, too."
        case "unknown":
            causes = [(one.reason, one.call, one.permission, one.message) for one in finding.unknowns]
            for reason, call, permission, message in dict.fromkeys(causes):
                values = {"call": call, "permission": permission or call, "message": message}
                yield _UNKNOWNS[reason].format(**values)
            yield "Until then it never counts as a pass."
        case "pass" | "unassessed":
            if finding.state in ("covered", "inherited", "assumed"):
                yield "No action is needed while it stays so."
            elif finding.state == "unclaimed" and finding.evidence == "pass":
                yield "It passes; with an owner it is covered."
            elif finding.evidence == "unassessed":
                yield "No rule evaluated it; an owner alone does not cover it."
            else:
                yield "Settle its ownership."
        case _:
            yield "None: it does not apply."


def _failing(finding: Finding) -> Iterator[str]:
    if finding.state == "accepted":
        yield "An exception accepts it; it counts again when the exception expires."
    elif finding.ownership == "owned":
        yield "Approving an ownership line does not resolve it."
    elif finding.ownership == "nobody":
        yield "Assigning an owner says who must fix it, but does not resolve it."
    else:
        yield "Settling the ownership says who must fix it, but does not resolve it."
