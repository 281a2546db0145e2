"""Owners from tags and catalogs, where the file says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.file.schema import InferenceSource
from scanner.ownership.resolve.selection import HIDDEN, Facts

_SHOWN = 80


@dataclass(frozen=True)
class Guess:
    """What tags and catalogs tell. Neither team nor flag: they tell nothing."""

    team: str | None = None
    source: str | None = None
    unknown_team: bool = False
    """Something is named that is no active team."""
    uncertain: bool = False
    """Tags that could not be read might name one."""


def infer(file: OwnershipFile, domain: str, facts: Facts, now: datetime) -> Guess:
    """The team that the first source in the order of the settings names.

    A name that is there settles it: if it is no active team, it is nobody, and no later source is asked.
    """
    for source in file.settings.inferred:
        if domain not in source.domains:
            continue
        if source.from_ == "backstage":
            told = facts.entry
            if told is not None:
                return _named(file, told[0], f"catalog {told[1]} (owner {_printable(told[0])})", now)
        elif source.from_ != "contact":  # who is merely informed owns nothing
            on_resource = source.from_ == "resource_tag"
            tags = facts.tags if on_resource else facts.account_tags
            if tags is HIDDEN:
                return Guess(uncertain=True)
            values = dict(tags)
            for key in source.keys:
                value = values.get(key.lower(), "").strip()
                if value:
                    noun = facts.kind if on_resource else "account"
                    return _named(file, value, f"tag {key}={_printable(value)} on the {noun}", now)
    return Guess()


def _named(file: OwnershipFile, name: str, source: str, now: datetime) -> Guess:
    team = file.team(name)
    if team is None or not file.active(team, now):
        return Guess(source=source, unknown_team=True)
    return Guess(team=team, source=source)


def keys_of(sources: Iterable[InferenceSource], origin: str) -> frozenset[str]:
    """The keys, in lower case, that any source of an origin looks at."""
    return frozenset(key.lower() for source in sources if source.from_ == origin for key in source.keys)


def _printable(value: str) -> str:
    """A tag's value for people: anyone who can tag wrote it."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in value)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
