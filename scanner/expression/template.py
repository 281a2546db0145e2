"""Messages of rules: text with expressions in braces."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from scanner.expression.check import check
from scanner.expression.errors import ExpressionError
from scanner.expression.exact import exact
from scanner.expression.lexer import MAX_SOURCE
from scanner.expression.parse import parse_placeholder
from scanner.expression.predicate import facets_of
from scanner.expression.typed import Typed
from scanner.expression.types import ListOf, MapOf, ObjectType, Type, required
from scanner.model.evidence import Unknown
from scanner.model.resources.base import Resource

NOT_SEEN = "(not seen)"
"""The text for an unknown value."""

_TEXT = re.compile(r"(?:[^{}]|\{\{|\}\})+")


@dataclass(frozen=True)
class Template:
    """A message with placeholders, checked against one kind of resource."""

    source: str
    """As written."""
    facets: frozenset[str]
    """The facets that it reads, without header fields."""
    _parts: tuple[str | Typed, ...] = field(repr=False)

    def render(self, resource: Resource, now: datetime) -> str:
        """The message for a resource; unknown values appear as ``(not seen)``.

        Raises :class:`AttributeError` if a facet that it reads was not collected.
        """
        return "".join(
            part if isinstance(part, str) else shown(part(resource, now)) for part in self._compiled
        )

    def __reduce__(self) -> tuple[type[Template], tuple[str, frozenset[str], tuple[str | Typed, ...]]]:
        """Without the compiled functions: they are compiled again where they are used."""
        return Template, (self.source, self.facets, self._parts)

    @cached_property
    def _compiled(self) -> tuple[str | Callable[[Resource, datetime], Any], ...]:
        return tuple(part if isinstance(part, str) else exact(part) for part in self._parts)


def compile_template(source: str, variable: str, model: type[Resource]) -> Template:
    """A message for resources of ``model``: ``'{bucket.name} can be read by anyone'``; ``{{`` is a brace.

    Raises :class:`ExpressionError`; offsets count from the beginning of the message.
    """
    if len(source) > MAX_SOURCE:
        raise ExpressionError(f"longer than {MAX_SOURCE} characters", 0)
    parts: list[str | Typed] = []
    facets: frozenset[str] = frozenset()
    offset = 0
    try:
        while offset < len(source):
            plain = _TEXT.match(source, offset)
            if plain:
                parts.append(plain.group().replace("{{", "{").replace("}}", "}"))
                offset = plain.end()
                continue
            if source[offset] == "}":
                raise ExpressionError("'}' without '{'; write '}}' for a brace", offset)
            node, end = parse_placeholder(source, offset + 1)
            root = check(node, variable, model)
            if not _showable(root.type):
                raise ExpressionError(
                    f"{root.type} cannot be shown as a whole; use one of its fields", node.offset
                )
            parts.append(root)
            facets |= facets_of(root)
            offset = end + 1
    except RecursionError as error:
        raise ExpressionError("nested too deeply", offset) from error
    return Template(source, facets, tuple(parts))


def shown(value: Any) -> str:
    """A value formatted for people."""
    match value:
        case Unknown():
            return NOT_SEEN
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case datetime():
            return value.isoformat("T", "minutes").replace("+00:00", "Z")
        case timedelta():
            return _duration_text(value)
        case Mapping():
            return ", ".join(f"{key}={shown(inner)}" for key, inner in sorted(value.items())) or "none"
        case tuple() | list() | frozenset():
            return ", ".join(shown(item) for item in value) or "none"
    return str(value)


def _duration_text(value: timedelta) -> str:
    sign = "-" if value < timedelta() else ""
    seconds = abs(value) // timedelta(seconds=1)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    units = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s"))
    return sign + (" ".join(f"{count} {unit}" for count, unit in units if count) or "0 s")


def _showable(kind: Type) -> bool:
    kind = required(kind)
    if isinstance(kind, ListOf):
        return _showable(kind.element)
    if isinstance(kind, MapOf):
        return _showable(kind.value)
    return not isinstance(kind, ObjectType)
