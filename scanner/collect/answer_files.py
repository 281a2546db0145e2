"""The files of recorded answers: one YAML file a kind, ``<folder>/<cloud>/<kind>.yaml``, of the schema
``gapscan.answers/v1``, which ``docs/recording.md`` describes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

import yaml
from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.base.yaml import Document, DocumentError, Loc, Problem, read, suggestion
from scanner.model.resources.base import ProviderName
from scanner.model.resources.kinds import KINDS

Verdict = Literal["pass", "fail", "unknown", "n/a"]
SCHEMA: Literal["gapscan.answers/v1"] = "gapscan.answers/v1"
SHARED = "shared"
"""In place of a kind: calls that belong to none or to several."""
JSON = Any
"""A JSON value: ``None``, a boolean, number or text, or lists and mappings of them."""


@dataclass(frozen=True)
class Exchange:
    """One request with its answer."""

    call: str
    """The name of the call as blind spots and permissions show it."""
    about: Mapping[str, JSON]
    """All that distinguishes the request from others of the call: region or host, path, parameters."""
    answer: JSON | None
    """The raw answer; ``None`` together with an error."""
    error: Mapping[str, JSON] | None
    """Status, code and message of the raw error."""


@dataclass(frozen=True)
class State:
    """What one scope answers about one kind."""

    provider: str
    kind: str
    name: str
    scope: str
    answers: tuple[Exchange, ...]
    expected: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    """For tests: facets by name of the resource."""
    file: str = ""
    line: int = 1
    lines: tuple[int, ...] = ()
    """The line of each answer."""
    verdicts: Mapping[str, Mapping[str, Verdict]] = field(default_factory=dict)
    """For tests: verdicts by rule and name of the resource."""
    exact: bool = False
    """Each answer is about the one request that it states, with nothing left out, as a scan records it."""


class _AnswerText(FrozenModel):
    call: str = Field(min_length=1)
    about: Mapping[str, Any] = {}
    answer: Any = None
    error: Mapping[str, Any] | None = None


class _StateText(FrozenModel):
    name: str
    exact: bool = False
    like: str | None = None
    scope: str | None = Field(default=None, min_length=1)
    answers: tuple[_AnswerText, ...] = ()
    expected: Mapping[str, Mapping[str, Any]] = {}
    verdicts: Mapping[str, Mapping[str, Verdict]] = {}


class _FileText(FrozenModel):
    schema_: Literal["gapscan.answers/v1"] = Field(alias="schema")
    provider: str
    kind: str
    states: tuple[_StateText, ...]


_WIDTH = 1_000_000
"""Characters of a line: one value is one line."""
_LARGEST = 4_000_000
"""Characters of the JSON in one file, well below the largest file that is read."""
_CLOUDS: tuple[str, ...] = get_args(ProviderName)
_SWITCHES = ("true", "false")


class _InOneLine(dict[str, Any]):
    """A mapping that is written in one line."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        """Equal answers are written in full each."""
        return True


_Dumper.add_representer(
    _InOneLine,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True),
)


def canonical(value: JSON) -> str:
    """The same text for equal values only."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def texts(
    provider: str, kind: str, name: str, answers: Iterable[tuple[str, Exchange]]
) -> Iterator[tuple[Path, str]]:
    """The files of the answers about one kind, each with its scope, by their paths within the recording.

    ``name``: the name of each state.
    """
    written = [(scope, _written(exchange)) for scope, exchange in answers]
    written.sort(key=lambda one: (one[0], one[1]["call"], canonical(one[1]["about"])))
    for number, part in enumerate(_in_parts(written), start=1):
        by_scope: dict[str, list[Mapping[str, JSON]]] = defaultdict(list)
        for scope, answer in part:
            by_scope[scope].append(answer)
        states = [
            {"name": name, "exact": True, "scope": scope, "answers": each} for scope, each in by_scope.items()
        ]
        document = {"schema": SCHEMA, "provider": provider, "kind": kind, "states": states}
        text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
        yield Path(provider, f"{kind}.yaml" if number == 1 else f"{kind}-{number}.yaml"), text


def _written(exchange: Exchange) -> dict[str, JSON]:
    """An exchange as it is written."""
    answer: dict[str, JSON] = {"call": exchange.call, "about": _InOneLine(exchange.about)}
    if exchange.error is not None:
        return {**answer, "error": _InOneLine(exchange.error)}
    return {**answer, "answer": exchange.answer}


def _in_parts(
    answers: Iterable[tuple[str, dict[str, JSON]]],
) -> Iterator[list[tuple[str, dict[str, JSON]]]]:
    """The answers in files that are small enough to be read again."""
    part: list[tuple[str, dict[str, JSON]]] = []
    size = 0
    last: tuple[JSON, ...] = ()
    for scope, answer in answers:
        length = len(canonical(answer))
        request = (scope, answer["call"], answer["about"])
        # The answers to equal requests stay together, in their order.
        if part and size + length > _LARGEST and request != last:
            yield part
            part, size = [], 0
        last = request
        part.append((scope, answer))
        size += length
    if part:
        yield part


def recording_files(folder: Path) -> list[Path]:
    """The files of a recording. Raises :class:`~scanner.base.yaml.DocumentError` if it is none."""
    if not folder.is_dir():
        message = "is no folder of recorded answers" if folder.exists() else "no such folder"
        raise DocumentError([Problem(str(folder), 1, message)])
    paths: list[Path] = []
    problems: list[Problem] = []
    try:
        for entry in sorted(folder.iterdir()):
            if not entry.is_dir() or not (found := sorted(entry.glob("*.y*ml"))):
                continue
            if entry.name not in _CLOUDS:
                message = f"no cloud {entry.name!r}{suggestion(entry.name, _CLOUDS)}"
                problems.append(Problem(str(entry), 1, message))
            paths += found
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise DocumentError([Problem(str(folder), 1, message)]) from None
    if not paths:
        message = f"holds no recorded answers: expected {', '.join(f'{one}/*.yaml' for one in _CLOUDS)}"
        problems.append(Problem(str(folder), 1, message))
    if problems:
        raise DocumentError(problems)
    return paths


def read_states(path: Path) -> Iterator[State]:
    """The states of one file. Raises :class:`~scanner.base.yaml.DocumentError`."""
    document = read(path)
    values, problems = _Values(document), []
    text = document.validate(_FileText)
    if text.provider != path.parent.name:
        message = f"provider: {text.provider!r}, but the file is in the folder {path.parent.name}"
        problems.append(document.problem(message, "provider"))
    if text.kind not in (SHARED, *KINDS):
        message = f"kind: no kind {text.kind!r}{suggestion(text.kind, (SHARED, *KINDS))}"
        problems.append(document.problem(message, "kind"))
    if not text.states:
        problems.append(document.problem("states: is empty", "states"))
    states: list[State] = []
    for number, state in enumerate(text.states):
        here: Loc = ("states", number)
        base = next((each for each in states if each.name == state.like), None)
        if state.like is not None and base is None:
            hint = suggestion(state.like, tuple(each.name for each in states))
            message = f"like: no state {state.like!r} before this one{hint}"
            problems.append(document.problem(message, *here, "like"))
        scope = state.scope or (base.scope if base is not None else "")
        if not scope and state.like is None:
            problems.append(document.problem(f"{state.name!r} has no scope", *here))
        if not state.answers and state.like is None:
            problems.append(document.problem(f"{state.name!r} has no answers", *here, "answers"))
        answers: list[Exchange] = []
        for place, each in enumerate(state.answers):
            at: Loc = (*here, "answers", place)
            if (each.answer is None) == (each.error is None):
                message = f"{each.call}: expected either an answer or an error"
                problems.append(document.problem(message, *at))
            elif not isinstance(each.answer, (dict, list, NoneType)):
                message = f"{each.call}: the answer is no mapping: write its fields as the cloud names them"
                problems.append(document.problem(message, *at, "answer"))
            about = values.json(each.about, (*at, "about"))
            answer = values.json(each.answer, (*at, "answer"))
            answers.append(Exchange(each.call, about, answer, values.json(each.error, (*at, "error"))))
        made = State(
            provider=text.provider,
            kind=text.kind,
            name=state.name,
            scope=scope,
            answers=tuple(answers),
            expected=values.json(state.expected, (*here, "expected")),
            verdicts=state.verdicts,
            exact=state.exact,
            file=document.file,
            line=document.line(*here),
            lines=tuple(document.line(*here, "answers", place) for place in range(len(answers))),
        )
        states.append(made if base is None else _like(made, base))
    problems += values.problems
    if problems:
        raise DocumentError(problems)
    yield from states


def _like(state: State, base: State) -> State:
    """The state with the answers of another to the requests that it does not answer itself."""
    own = {canonical([each.call, each.about]) for each in state.answers}
    more = [
        (each, line)
        for each, line in zip(base.answers, base.lines, strict=True)
        if canonical([each.call, each.about]) not in own
    ]
    return replace(
        state,
        answers=(*state.answers, *(each for each, _ in more)),
        lines=(*state.lines, *(line for _, line in more)),
    )


class _Values:
    """The values of a document as JSON has them: dates are texts, and yes is not true."""

    def __init__(self, document: Document) -> None:
        self.problems: list[Problem] = []
        self._document = document

    def json(self, value: Any, loc: Loc) -> Any:
        """The value at a place of the document."""
        if isinstance(value, Mapping):
            return {key: self.json(each, (*loc, key)) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(each, (*loc, number)) for number, each in enumerate(value)]
        raw = self._document.raw.get(loc, "")
        if isinstance(value, date):
            return raw
        if isinstance(value, bool) and raw.lower() not in _SWITCHES:
            message = f'{loc[-1]}: {raw} means {str(value).lower()} here: write it in quotes: "{raw}"'
            self.problems.append(self._document.problem(message, *loc))
        if isinstance(value, (bytes, set)) or (isinstance(value, float) and not isfinite(value)):
            self.problems.append(self._document.problem(f"{loc[-1]}: expected a JSON value", *loc))
        return value
