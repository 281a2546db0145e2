"""Reading YAML that people write: every error is reported with file, line and a suggestion.

Used for rules, controls, ownership and configuration. A document is parsed once with the line of every
node, and then validated against a pydantic model (extra keys forbidden).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from scanner.base.files import read_at_most
from scanner.base.terminal import printable

ModelT = TypeVar("ModelT", bound=BaseModel)
Loc = tuple[Union[str, int], ...]  # noqa: UP007

MAX_NODES = 2_000_000
"""Limit on the nodes of a document after expanding aliases; protects against anchor bombs."""

MAX_BYTES = 10_000_000
"""The largest file that is read; files written by people are far smaller."""

MAX_DEPTH = 64
"""Nesting of mappings and lists."""

_LONGEST_VALUE = 1_000
"""Limit on the characters of an integer."""

_LOOKAHEAD = 600
"""Characters that a parser reads past the point where it rejects a text that is nested too deeply."""

_SHALLOW = 10_000
"""Texts up to this many characters cannot be nested deeply enough to crash the parser."""

_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

_EXPECTED = {
    "string_type": "text",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "frozen_set_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date such as 2026-11-22",
    "date_parsing": "a date such as 2026-11-22",
    "date_from_datetime_parsing": "a date such as 2026-11-22",
}
"""The expected value, by pydantic's error type."""


@dataclass(frozen=True, order=True)
class Problem:
    """One error in a file."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        # A name in the file may hold line breaks: they must not begin a line of their own.
        return printable(f"{self.file}:{self.line}: {' '.join(self.message.splitlines())}")


class DocumentError(Exception):
    """One or more errors in files that the user wrote. ``str()`` has one line for each."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Document:
    """A parsed file: plain values, and the line of each."""

    file: str
    value: Any
    lines: Mapping[Loc, int]
    raw: Mapping[Loc, str]
    """The source text of scalars."""

    def line(self, *loc: str | int) -> int:
        """The line of a node (1-based), or of its nearest existing ancestor."""
        place: Loc = loc
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def problem(self, message: str, *loc: str | int) -> Problem:
        """An error at a node."""
        return Problem(self.file, self.line(*loc), message)

    def error(self, message: str, *loc: str | int) -> DocumentError:
        """An error at a node, as an exception."""
        return DocumentError([self.problem(message, *loc)])

    def validate(self, model: type[ModelT], context: Any = None) -> ModelT:
        """The document as a model. Raises :class:`DocumentError` with every error."""
        if not isinstance(self.value, dict):
            raise self.error(f"expected a mapping of {', '.join(model.model_fields)}")
        try:
            return model.model_validate(self.value, context=context)
        except ValidationError as error:
            raise DocumentError(self._problems(model, error)) from None

    def _problems(self, model: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
        found = [(self._written(problem), problem) for problem in error.errors(include_url=False)]
        for loc, problem in found:
            # For a union, report only the member that matched furthest.
            if problem["type"].endswith("_type") and any(
                other[: len(loc)] == loc and len(other) > len(loc) for other, _ in found
            ):
                continue
            yield self.problem(self._message(model, loc, problem), *loc)

    def _written(self, problem: Any) -> Loc:
        """The part of pydantic's location that exists in the file (pydantic adds names of union members)."""
        written: Loc = ()
        for step in problem["loc"]:
            if (*written, step) in self.lines:
                written = (*written, step)
        return (*written, problem["loc"][-1]) if problem["type"] == "missing" else written

    def _message(self, model: type[BaseModel], loc: Loc, problem: Any) -> str:
        name = ".".join(str(step) for step in loc) or "the document"
        kind = problem["type"]
        if kind == "extra_forbidden":
            known = _fields_at(model, loc[:-1])
            return f"{name}: unknown key{suggestion(str(loc[-1]), known)}"
        if kind == "missing":
            return f"{name}: missing"
        if kind == "string_type" and isinstance(problem["input"], (int, float, bool)):
            return f'{name}: expected text: write it in quotes: "{self.raw.get(loc, problem["input"])}"'
        if kind == "literal_error":
            expected = problem["ctx"]["expected"].replace(" or ", ", ")
            allowed = [part.strip(" '") for part in expected.split(",")]
            given = str(problem["input"])
            return f"{name}: {given!r} is not one of {', '.join(allowed)}{suggestion(given, allowed)}"
        if kind in ("too_short", "string_too_short") and problem["ctx"]["min_length"] == 1:
            return f"{name}: is empty"
        if kind in ("value_error", "assertion_error"):
            return f"{name}: {problem['ctx']['error']}"
        if (expected := _EXPECTED.get(kind)) is not None:
            return f"{name}: expected {expected}"
        text = problem["msg"][0].lower() + problem["msg"][1:]
        return f"{name}: {text}"


def suggestion(given: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` if a known name is similar to the given one, else an empty string."""
    close = difflib.get_close_matches(given, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def read(path: Path, name: str | None = None) -> Document:
    """Reads a YAML file; messages refer to it as ``name``. Raises :class:`DocumentError`."""
    label = name or str(path)
    return parse(_content(path, label), label)


def read_all(path: Path) -> tuple[Document, ...]:
    """Reads a YAML file with several documents. Raises :class:`DocumentError`."""
    label = str(path)
    return tuple(_document(node, label) for node in _nodes(_content(path, label), label) if node is not None)


def parse(text: str, name: str) -> Document:
    """Parses YAML text. Raises :class:`DocumentError`."""
    nodes = _nodes(text, name)
    if len(nodes) > 1:
        line = nodes[1].start_mark.line + 1
        raise DocumentError([Problem(name, line, "not valid YAML: expected a single document")])
    if not nodes or nodes[0] is None:
        raise DocumentError([Problem(name, 1, "is empty")])
    return _document(nodes[0], name)


def parse_bytes(content: bytes, name: str) -> Document:
    """Parses YAML in UTF-8. Raises :class:`DocumentError`."""
    return parse(_decoded(content, name), name)


def read_bytes(path: Path, label: str) -> bytes:
    """The content of a file of at most :data:`MAX_BYTES`. Raises :class:`DocumentError`."""
    try:
        content, size = read_at_most(path, MAX_BYTES), path.stat().st_size
    except FileNotFoundError:
        raise DocumentError([Problem(label, 1, "no such file")]) from None
    except OSError as error:
        raise DocumentError([Problem(label, 1, f"cannot be read: {error.strerror}")]) from None
    if content is None:
        limit = f"the limit is {MAX_BYTES / 1e6:.0f} MB: split the file"
        message = f"is {size / 1e6:.0f} MB; {limit}" if size else f"is too large; {limit}"
        raise DocumentError([Problem(label, 1, message)])
    return content


def _content(path: Path, label: str) -> str:
    return _decoded(read_bytes(path, label), label)


def _decoded(content: bytes, label: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError([Problem(label, 1, f"is not UTF-8 text (byte {error.start})")]) from None


def _nodes(text: str, name: str) -> list[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if len(text) > _SHALLOW:
            _check_depth(text, name, loader)
        return list(yaml.compose_all(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            # Parsers have their own limits and messages; ours take precedence.
            with suppress(yaml.YAMLError):
                _check_depth(text[: max(0, mark.index - _LOOKAHEAD)], name, loader)
        line = mark.line + 1 if mark else 1
        raise DocumentError([Problem(name, line, f"not valid YAML: {error.problem or error}")]) from None
    except yaml.YAMLError as error:
        raise DocumentError([Problem(name, 1, f"not valid YAML: {error}")]) from None
    except RecursionError:
        raise DocumentError([Problem(name, 1, "nested too deeply, or contains itself")]) from None


def _check_depth(text: str, name: str, loader: Any) -> None:
    """Composing recurses in C without a limit: a file of brackets would crash the process."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH + 1:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise DocumentError([Problem(name, line, "nested too deeply, or contains itself")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _document(node: Any, name: str) -> Document:
    builder = _Builder(name)
    value = builder.build(node, ())
    if builder.problems:
        raise DocumentError(builder.problems)
    return Document(name, value, builder.lines, builder.raw)


class _Builder:
    """Builds plain values from YAML nodes, with their lines; rejects duplicate keys and custom tags."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Loc, int] = {}
        self.raw: dict[Loc, str] = {}
        self.problems: list[Problem] = []
        self._scalars = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()

    def build(self, node: Any, loc: Loc) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(loc, line)
        if len(self.lines) > MAX_NODES:
            raise DocumentError([Problem(self.name, line, "too large after expanding its aliases")])
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, loc, line)
        if node.tag not in _COLLECTIONS:
            self.problems.append(Problem(self.name, line, f"the tag {node.tag} is not allowed"))
            return None
        if id(node) in self._open or len(loc) > MAX_DEPTH:
            raise DocumentError([Problem(self.name, line, "nested too deeply, or contains itself")])
        self._open.add(id(node))
        value: Any
        if isinstance(node, yaml.SequenceNode):
            value = [self.build(child, (*loc, index)) for index, child in enumerate(node.value)]
        else:
            value = self._mapping(node, loc)
        self._open.discard(id(node))
        return value

    def _mapping(self, node: Any, loc: Loc) -> dict[Any, Any]:
        value: dict[Any, Any] = {}
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(self.name, line, "a key must be plain text"))
                continue
            key = self._scalar(key_node, (*loc, "<key>"), line)
            if not isinstance(key, str):
                message = f'key {key_node.value}: write it in quotes: "{key_node.value}"'
                self.problems.append(Problem(self.name, line, message))
                continue
            if key in value:
                first = self.lines[(*loc, key)]
                self.problems.append(
                    Problem(self.name, line, f"{key}: duplicate key (first on line {first})")
                )
                continue
            self.lines[(*loc, key)] = line
            value[key] = self.build(child, (*loc, key))
        return value

    def _scalar(self, node: Any, loc: Loc, line: int) -> Any:
        self.raw[loc] = node.value
        if node.tag == "tag:yaml.org,2002:str":
            return node.value
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            long = len(node.value) > _LONGEST_VALUE and node.tag == "tag:yaml.org,2002:int"
            reason = f"a number of {len(node.value)} characters" if long else str(error)
            self.problems.append(Problem(self.name, line, f"cannot be read: {reason}"))
            return None


def _fields_at(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that the model accepts at a location in the document."""
    types: list[Any] = [model]
    for step in loc:
        types = [inner for outer in types for inner in _step(outer, step)]
    return {name for found in types for name in _names(found)}


def _members(annotation: Any) -> Iterator[Any]:
    """The models and containers that an annotation allows."""
    origin = get_origin(annotation)
    model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    if model or (isinstance(origin, type) and issubclass(origin, Collection)):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _members(argument)


def _step(annotation: Any, step: str | int) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            if step in (name, info.alias):
                yield from _members(info.annotation)
    elif isinstance(step, int):
        for argument in get_args(annotation):
            yield from _members(argument)
    else:
        yield from _members(get_args(annotation)[-1])


def _names(annotation: Any) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            yield info.alias or name
