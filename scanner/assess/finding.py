"""Findings: a rule on a resource, a required attestation, or a defect of the ownership file.

A finding's identity never changes: it does not depend on owner, state, severity, tags or the rule's wording,
so that one finding can be followed from unowned to owned to covered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

import msgspec

from scanner.assess.states import Evidence, State, standing
from scanner.catalogue.control import Control, Party, ServiceModel, Severity
from scanner.model.evidence import BlindSpot, Cause, Reason
from scanner.model.resources.base import ProviderName, Resource
from scanner.ownership.status import OwnershipStatus
from scanner.rule.rule import Outcome, Rule


class FoundResource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The resource that a finding is about; for a blind spot, the kind that could not be listed."""

    id: str
    kind: str
    name: str
    tags: dict[str, str] | None
    """``None`` if the tags could not be read."""

    def is_blind_spot(self, region: str | None) -> bool:
        """Whether it stands for a kind that could not be listed, given the region of its finding."""
        return self.id == _blind_spot_id(self.kind, region)


def _blind_spot_id(kind: str, region: str | None) -> str:
    return f"{kind}@{region or 'global'}"


class FoundUnknown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cause of an unknown, and the permission that would settle it."""

    facet: str | None
    """``None`` if a whole kind could not be listed, or the expression itself failed."""
    reason: Reason
    call: str
    permission: str | None
    message: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a report: evidence joined with responsibility and ownership.

    ``subject`` is ``evidence`` (a rule, or a required attestation, on a resource) or ``ownership`` (a defect
    of the ownership file, once per control and line; its provider, scope and resource are ``None``).
    """

    uid: str
    """Identity v1: 32 hexadecimal digits, see :func:`identity`."""
    subject: Literal["evidence", "ownership"]
    control: str
    rule: str | None
    """``None`` for attestations and ownership findings."""
    provider: ProviderName | None
    scope: str | None
    region: str | None
    service_model: ServiceModel | None
    """``None`` if it could not be determined, or does not apply."""
    resource: FoundResource | None
    verdict: Outcome | None
    unknowns: tuple[FoundUnknown, ...]
    observed: dict[str, Any]
    """The known facets that the rule read, as JSON values."""
    message: str
    party: Party | None
    ownership: OwnershipStatus | None
    owner: str | None
    owner_source: str | None
    """Where the owner is assigned: ``file:line`` or the tag."""
    proposed: str | None = None
    """Where there is no owner: the team of a drafted line, which owns nothing until it is accepted."""
    evidence: Evidence | None
    state: State | None
    flags: tuple[str, ...]
    severity: Severity
    priority: Severity
    at_gate: bool = False
    """Whether the gate stops it."""

    @property
    def short(self) -> str:
        """The first 8 digits of the uid, as reports show it."""
        return self.uid[:8]

    @property
    def listed(self) -> bool:
        """Whether a report lists it even where it lists no more than it must: see :func:`must_be_listed`."""
        return must_be_listed(self.state, self.evidence)

    def encoded(self) -> bytes:
        """The finding as one line of JSON, which begins with its uid."""
        return _ENCODER.encode(self)

    @staticmethod
    def decoded(line: bytes) -> Finding:
        """The finding of such a line. Raises :class:`msgspec.MsgspecError`, a :class:`ValueError`."""
        return _DECODER.decode(line)


def fields(finding: Finding, names: Iterable[str]) -> dict[str, Any]:
    """Some fields of a finding, as JSON values."""
    return {name: msgspec.to_builtins(getattr(finding, name)) for name in names}


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Finding)


def must_be_listed(state: State | None, evidence: Evidence | None) -> bool:
    """Whether a finding in this state is listed one by one, and not only counted in its coverage row.

    What is open is listed, and so is what wants a change of the ownership file although it passes.
    """
    if state is None or evidence is None or evidence not in ("pass", "n/a"):
        return True
    return state != "unclaimed" and standing(state, evidence) != "fine"


def identity(*, control: str, rule: str, provider: str, partition: str, scope: str, resource: str) -> str:
    """Identity v1 of a finding: a hash of its immutable fields.

    ``control`` and ``rule`` are their first-ever ids; ``resource`` is the canonical id, or the kind and
    region of a blind spot. The hash never changes, and does not depend on the report's schema.
    """
    place = json.dumps([provider, partition, scope, resource])[1:]
    return identity_of_verdict(control, rule, place.encode())


def identity_of_verdict(control: str, rule: str, place: bytes) -> str:
    """The same of one of many findings of a resource.

    ``place`` is the JSON text of the list of provider, partition, scope and resource, without its first
    bracket: it is the same for all of them.
    """
    return hashlib.sha256(_identity_prefix(control, rule) + place).hexdigest()[:32]


@cache
def _identity_prefix(control: str, rule: str) -> bytes:
    return f"{json.dumps(['gapscan.finding/v1', control, rule])[:-1]}, ".encode()


_FIRST_CODES = {"attestation_expired": "statement_expired"}
"""The first codes of defects that were renamed: identities are built on them."""


def of_defect(
    *, code: str, line_id: str, source: str, control: Control, message: str, severity: Severity
) -> Finding:
    """The finding of a defect in a line of the ownership file; ``source`` is its file and line."""
    return Finding(
        uid=identity(
            control=control.first_id,
            rule=f"ownership.{_FIRST_CODES.get(code, code)}",
            provider="",
            partition="",
            scope="",
            resource=line_id,
        ),
        subject="ownership",
        control=control.id,
        rule=None,
        provider=None,
        scope=None,
        region=None,
        service_model=None,
        resource=None,
        verdict=None,
        unknowns=(),
        observed={},
        message=message,
        party=None,
        ownership=None,
        owner=None,
        owner_source=source,
        evidence=None,
        state=None,
        flags=(code,),
        severity=severity,
        priority=severity,
    )


def found(item: Resource | BlindSpot) -> FoundResource:
    """The resource of a finding, from the resource or blind spot that was evaluated."""
    if isinstance(item, BlindSpot):
        return FoundResource(
            id=_blind_spot_id(item.kind, item.region),
            kind=item.kind,
            name=f"every {item.kind}" + (f" in {item.region}" if item.region else ""),
            tags=None,
        )
    tags = dict(item.tags) if isinstance(item.tags, Mapping) else None
    return FoundResource(id=item.id, kind=item.kind, name=item.name, tags=tags)


def found_unknown(facet: str | None, cause: Cause) -> FoundUnknown:
    """One cause of an unknown facet, or of an unknown verdict."""
    return FoundUnknown(facet, cause.reason, cause.call, cause.permission, cause.message)


def unknowns_of(rule: Rule, resource: Resource) -> tuple[FoundUnknown, ...]:
    """The unknown facets that the rule's verdict depends on."""
    return tuple(
        found_unknown(name, cause)
        for name, unknown in resource.unknowns().items()
        if name in rule.facets
        for cause in unknown.causes
    )
