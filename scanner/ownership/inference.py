"""Owners from tags, where the file says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from scanner.ownership.file import OwnershipFile
from scanner.ownership.schema import Inferred
from scanner.ownership.selection import HIDDEN, Facts

_SHOWN = 80


@dataclass(frozen=True)
class Guess:
    """What the tags tell. Neither team nor flag: they tell nothing."""

    team: str | None = None
    source: str | None = None
    unknown_team: bool = False
    """A tag names something that is no active team."""
    uncertain: bool = False
    """Tags that could not be read might name one."""


def infer(file: OwnershipFile, domain: str, facts: Facts, now: datetime) -> Guess:
    """The team that the first tag in the order of the settings names.

    A tag that is there settles it: if it names no active team, it is nobody, and no later source is asked.
    """
    for source in file.settings.inferred:
        if domain not in source.domains:
            continue
        on_resource = source.from_ == "resource_tag"
        tags = facts.tags if on_resource else facts.account_tags
        if tags is HIDDEN:
            return Guess(uncertain=True)
        values = dict(tags)
        for key in source.keys:
            value = values.get(key.lower(), "").strip()
            if value:
                noun = facts.kind if on_resource else "account"
                told = f"tag {key}={_printable(value)} on the {noun}"
                team = file.team(value)
                if team is None or not file.active(team, now):
                    return Guess(source=told, unknown_team=True)
                return Guess(team=team, source=told)
    return Guess()


def keys_of(sources: Iterable[Inferred], origin: str) -> frozenset[str]:
    """The keys, in lower case, that any source of an origin looks at."""
    return frozenset(key.lower() for source in sources if source.from_ == origin for key in source.keys)


def _printable(value: str) -> str:
    """A tag's value for people: anyone who can tag wrote it."""
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in value)
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
