"""A part: everything that one assessment of some scopes counted, without what other scopes decide.

Parts are plain data: they travel between processes and can be stored. Their findings do not; they are in a
sorted run of their own (:mod:`scanner.assess.finding_store`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from scanner.assess.common_controls import Link
from scanner.assess.coverage_rows import CoverageKey, RowEvidence
from scanner.assess.gate import GateCounts
from scanner.assess.metrics import MetricCounts
from scanner.assess.states import State
from scanner.assess.unseen_calls import UnseenCall, limit_messages
from scanner.model.resources.base import ProviderName
from scanner.ownership.file.lint import Defect

PART_SCHEMA = "gapscan.part/v1"

FailingSection = Literal["unowned", "misplaced", "owned", "accepted"]
"""Where reports tell of failing resources: without an owner, with a wrong or contested one, owned, or
accepted by an exception."""


class PartError(Exception):
    """A part that another version of gapscan made. The message says what to do."""

    exit_code = 2


class ScopeCounts(msgspec.Struct, frozen=True):
    """One scanned scope."""

    provider: ProviderName
    scope: str
    name: str
    regions: int
    resources: int
    directory: bool = False
    """A tenant, which is reached with its subscriptions and is no target of its own."""


class PartSpot(msgspec.Struct, frozen=True):
    """A blind spot."""

    provider: str
    scope: str
    region: str | None
    kind: str
    reason: str
    call: str
    permission: str | None
    message: str


class Part(msgspec.Struct):
    """What the assessment of some scopes counted; parts of different scopes can be added up."""

    version: str
    """The version of gapscan that made it."""
    schema: str = PART_SCHEMA
    scopes: dict[tuple[str, str], ScopeCounts] = {}
    services: dict[str, set[str]] = {}
    """The cloud services in use, by provider."""
    rows: dict[CoverageKey, RowEvidence] = {}
    reported: dict[CoverageKey, RowEvidence] | None = None
    """The rows of what the assessment is narrowed to; ``None``: all of them."""
    expected: dict[tuple[str, ProviderName, str], tuple[str, ...]] = {}
    """By control, provider and scope: the kinds that the control expects evidence from and that may exist."""
    links: tuple[Link, ...] = ()
    elsewhere: dict[tuple[str, str], tuple[str, ...]] = {}
    """By provider and scope: controls of organisation or tenant level, which are assessed only there."""
    states: dict[State, int] = {}
    """Findings of evidence by state."""
    gate: GateCounts = msgspec.field(default_factory=GateCounts)
    metrics: MetricCounts = msgspec.field(default_factory=MetricCounts)
    failing: dict[FailingSection, int] = {}
    """Resources of which something fails; one can be in several sections."""
    unseen: dict[UnseenCall, int] = {}
    """Resources of which a call told nothing."""
    spots: tuple[PartSpot, ...] = ()
    """The blind spots that may hold something of what the assessment is narrowed to."""
    defects: tuple[Defect, ...] = ()
    """Those of the ownership file that only resources show."""

    def encoded(self) -> bytes:
        """The part as bytes, to be sent or stored."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def decoded(data: bytes, version: str) -> Part:
        """The part of these bytes. Raises :class:`PartError` if it is not of this version of gapscan."""
        try:
            part = msgspec.msgpack.decode(data, type=Part)
        except msgspec.MsgspecError as error:
            raise PartError(
                f"a part of an assessment is damaged ({error}): assess its snapshot again"
            ) from None
        if (part.schema, part.version) != (PART_SCHEMA, version):
            made = f"gapscan {part.version} ({part.schema})"
            raise PartError(
                f"a part was made by {made}, this is {version} ({PART_SCHEMA}): assess its snapshot again"
            )
        return part

    def add(self, other: Part) -> None:
        """Adds what other scopes counted."""
        self.scopes |= other.scopes
        self.expected |= other.expected
        self.elsewhere |= other.elsewhere
        self.links += other.links
        self.spots += other.spots
        self.defects += other.defects
        for provider, services in other.services.items():
            self.services.setdefault(provider, set()).update(services)
        for mine, theirs in ((self.rows, other.rows), (self.reported, other.reported)):
            if mine is not None and theirs is not None:
                for key, evidence in theirs.items():
                    mine.setdefault(key, RowEvidence()).merge(evidence)
        for state, number in other.states.items():
            self.states[state] = self.states.get(state, 0) + number
        for section, number in other.failing.items():
            self.failing[section] = self.failing.get(section, 0) + number
        for call, number in other.unseen.items():
            self.unseen[call] = self.unseen.get(call, 0) + number
        limit_messages(self.unseen)
        self.gate.add(other.gate)
        self.metrics.add(other.metrics)
