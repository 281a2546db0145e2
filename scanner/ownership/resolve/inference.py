"""Infers owners from tags and catalogs where no line of the file names one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.file.schema import InferenceSource
from scanner.ownership.resolve.selection import HIDDEN, Facts

_MAX_VALUE = 80


@dataclass(frozen=True)
class InferredOwner:
    """The owner that tags and catalogs name. Neither team nor flag: they name none."""

    team: str | None = None
    source: str | None = None
    unknown_team: bool = False
    """The name given is not that of an active team."""
    proposed: str | None = None
    """The name given is that of a team that is only proposed."""
    uncertain: bool = False
    """Unread tags may name an owner."""


def infer(file: OwnershipFile, domain: str, facts: Facts, now: datetime) -> InferredOwner:
    """The team that the first source, in the order of the settings, names.

    The first name found decides: if it is not an active team, there is no owner; later sources are ignored.
    """
    for source in file.settings.inferred:
        if domain not in source.domains:
            continue
        if source.from_ == "backstage":
            if facts.entry is not None:
                owner, place = facts.entry
                return _inferred(file, owner, f"catalog {place} (owner {_printable(owner)})", now)
        elif source.from_ != "contact":  # contacts are informed and own nothing
            on_resource = source.from_ == "resource_tag"
            tags = facts.tags if on_resource else facts.account_tags
            if tags is HIDDEN:
                return InferredOwner(uncertain=True)
            values = dict(tags)
            for key in source.keys:
                value = values.get(key.lower(), "").strip()
                if value:
                    holder = facts.kind if on_resource else "account"
                    return _inferred(file, value, f"tag {key}={_printable(value)} on the {holder}", now)
    return InferredOwner()


def _inferred(file: OwnershipFile, name: str, source: str, now: datetime) -> InferredOwner:
    team = file.team(name)
    if team is None or not file.active(team, now):
        proposed = team if team is not None and file.teams[team].proposed is not None else None
        return InferredOwner(source=source, unknown_team=True, proposed=proposed)
    return InferredOwner(team=team, source=source)


def keys_of(sources: Iterable[InferenceSource], origin: str) -> frozenset[str]:
    """The tag keys, in lower case, of all sources of an origin."""
    return frozenset(key.lower() for source in sources if source.from_ == origin for key in source.keys)


def _printable(value: str) -> str:
    """A tag value for display: shortened, unprintable characters replaced; anyone can set tags."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)
    return shown if len(shown) <= _MAX_VALUE else shown[:_MAX_VALUE] + "…"
