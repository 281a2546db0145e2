"""A drafted ownership file: its lines, teams and omissions, and its YAML with comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from scanner.base.terminal import printable
from scanner.base.yaml import Problem


@dataclass(frozen=True)
class DraftLine:
    """A line of ``owners``."""

    text: Mapping[str, Any]
    comments: tuple[str, ...] = ()
    """Written above the line."""
    active: bool = True
    """If false, the line is commented out for the user to decide."""


@dataclass(frozen=True)
class Draft:
    """A draft of an ownership file."""

    source: str
    """The file that it was drafted from."""
    teams: Mapping[str, str | None]
    """Contacts by team; ``None``: for the user to add."""
    entries: tuple[DraftLine, ...]
    rows: int
    """The number of rows in the table."""
    left_out: tuple[Problem, ...]
    """Rows that could not be used."""
    warnings: tuple[Problem, ...]
    """Rows that are used but need a decision."""
    notes: tuple[str, ...] = ()
    """General remarks for the user."""

    @property
    def lines(self) -> int:
        """The number of lines in force."""
        return sum(1 for entry in self.entries if entry.active)


def render(draft: Draft) -> str:
    """The file as YAML."""
    return "".join(f"{line}\n" for line in _lines(draft))


def _lines(draft: Draft) -> Iterator[str]:
    yield _comment(f"Drafted from {draft.source} by gapscan ownership import: check every line.")
    yield from map(_comment, draft.notes)
    for title, problems in (("Left out", draft.left_out), ("To be decided", draft.warnings)):
        if problems:
            yield _comment(f"{title}:")
            yield from (_comment(f"  {problem}") for problem in problems)
    yield "version: 1"
    yield "teams:" if draft.teams else "teams: {}"
    for team, contact in draft.teams.items():
        if contact is None:
            yield f"  {_yaml({team: {}}, None)}  # add {{contact: …}}"
        else:
            yield f"  {_yaml({team: {'contact': contact}}, None)}"
    yield "owners:" if draft.lines else "owners: []"
    for entry in draft.entries:
        yield from (f"  {_comment(comment)}" for comment in entry.comments)
        line = f"- {_yaml([dict(entry.text)], True)[1:-1]}"
        yield f"  {line}" if entry.active else f"  {_comment(line)}"


def _comment(text: str) -> str:
    return f"# {printable(text)}"


def _yaml(value: Any, flow: bool | None) -> str:
    """The value as YAML; ``flow=None`` puts only the innermost collections in braces."""
    text = yaml.safe_dump(
        value, default_flow_style=flow, allow_unicode=True, sort_keys=False, width=float("inf")
    )
    return str(text).strip()
