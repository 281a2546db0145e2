"""Recorded answers of the clouds: written while a scan runs, and answering in place of a cloud later.

One YAML file a kind, ``<folder>/<cloud>/<kind>.yaml``, of the schema ``gapscan.answers/v1``: see
``docs/recording.md``. The clients of the clouds record and replay below everything of ours: raw answers and
raw errors.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args

import yaml
from pydantic import Field

from scanner.base.files import Unwritable
from scanner.base.models import FrozenModel
from scanner.base.yaml import Document, DocumentError, Loc, Problem, read, suggestion
from scanner.collect.redaction import Redaction
from scanner.collect.renaming import Renaming
from scanner.model.resources.base import ProviderName
from scanner.model.resources.kinds import KINDS

SCHEMA: Literal["gapscan.answers/v1"] = "gapscan.answers/v1"
SHARED = "shared"
"""In place of a kind: calls that belong to none or to several."""
NOT_HELD = "the recording holds no answer to this request"
"""The message of the Unknown (reason ``error``) for a request that :meth:`Replay.find` does not find."""

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


class _AnswerText(FrozenModel):
    call: str = Field(min_length=1)
    about: Mapping[str, Any] = {}
    answer: Any = None
    error: Mapping[str, Any] | None = None


class _StateText(FrozenModel):
    name: str
    scope: str = Field(min_length=1)
    answers: tuple[_AnswerText, ...]
    expected: Mapping[str, Mapping[str, Any]] = {}


class _FileText(FrozenModel):
    schema_: Literal["gapscan.answers/v1"] = Field(alias="schema")
    provider: str
    kind: str
    states: tuple[_StateText, ...]


class Recorder:
    """Collects the answers of a scan. Safe to use from many threads."""

    def __init__(self, folder: Path, *, names: bool = False) -> None:
        """``names``: the names of resources are replaced too."""
        self.folder = folder
        self._started = datetime.now(UTC)
        self._names = names
        self._redaction = Redaction()
        self._lock = threading.Lock()
        self._exchanges: dict[tuple[str, str, str], list[Exchange]] = defaultdict(list)

    @property
    def count(self) -> int:
        """The number of answers so far."""
        with self._lock:
            return sum(len(exchanges) for exchanges in self._exchanges.values())

    def record(self, provider: str, kind: str, scope: str, exchange: Exchange) -> None:
        """Keeps a copy of an exchange; its secrets are replaced at once.

        ``kind`` is :data:`SHARED` for calls that belong to none or to several. All values must be JSON.
        """
        redact = self._redaction.redact
        error = None if exchange.error is None else redact(exchange.error)
        clean = Exchange(exchange.call, redact(exchange.about), redact(exchange.answer), error)
        with self._lock:
            self._exchanges[provider, kind, scope].append(clean)

    def check(self) -> None:
        """Raises :class:`~scanner.base.files.Unwritable` if the folder cannot be made, or holds something."""
        try:
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise Unwritable(f"{self.folder}: exists: give a recording a new folder")
            Path(tempfile.mkdtemp(prefix=f".{self.folder.name}.", dir=self.folder.absolute().parent)).rmdir()
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self) -> None:
        """Writes all files into the new folder, which appears when all are complete.

        Raises :class:`~scanner.base.files.Unwritable`.
        """
        files = tuple(self._files())
        part: Path | None = None
        try:
            folder = self.folder.absolute()
            part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
            for path, text in files:
                (part / path).parent.mkdir(mode=0o700, exist_ok=True)
                (part / path).touch(mode=0o600)
                with (part / path).open("w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
            part.replace(folder)
        except OSError as error:
            raise self._unwritable(error) from None
        finally:
            if part is not None:
                shutil.rmtree(part, ignore_errors=True)

    def _unwritable(self, error: OSError) -> Unwritable:
        return Unwritable(f"{self.folder}: cannot be written: {error.strerror or error}")

    def _files(self) -> Iterator[tuple[Path, str]]:
        """The files of the recording, by their paths within its folder."""
        with self._lock:
            recorded = {key: tuple(exchanges) for key, exchanges in sorted(self._exchanges.items())}
        values = [{"name": scope} for _, _, scope in recorded]
        values += [vars(exchange) for exchanges in recorded.values() for exchange in exchanges]
        renamed = Renaming(values, self._redaction.domains, self._names).apply
        states: dict[tuple[str, str], list[tuple[str, Exchange]]] = defaultdict(list)
        for (provider, kind, scope), exchanges in recorded.items():
            states[provider, kind] += [(renamed(scope), exchange) for exchange in exchanges]
        for (provider, kind), exchanged in states.items():
            answers = [(scope, _written(exchange, renamed)) for scope, exchange in exchanged]
            answers.sort(key=lambda one: (one[0], one[1]["call"], _canonical(one[1]["about"])))
            for number, part in enumerate(_in_parts(answers), start=1):
                name = f"{kind}.yaml" if number == 1 else f"{kind}-{number}.yaml"
                yield Path(provider, name), self._text(provider, kind, part)

    def _text(self, provider: str, kind: str, answers: Sequence[tuple[str, Mapping[str, JSON]]]) -> str:
        by_scope: dict[str, list[Mapping[str, JSON]]] = defaultdict(list)
        for scope, answer in answers:
            by_scope[scope].append(answer)
        name = f"recorded {self._started:%Y-%m-%dT%H:%M:%SZ}"
        states = [{"name": name, "scope": scope, "answers": each} for scope, each in by_scope.items()]
        document = {"schema": SCHEMA, "provider": provider, "kind": kind, "states": states}
        return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH))


class Replay:
    """Recorded answers. Safe to use from many threads."""

    def __init__(self, states: Iterable[State], folder: Path | None = None) -> None:
        self.states = tuple(states)
        self.folder = folder
        self._lock = threading.Lock()
        self._asked: Counter[tuple[str | None, str]] = Counter()
        self._checked: set[tuple[str, frozenset[str]]] = set()
        self._held: dict[str, list[tuple[str, Exchange]]] = defaultdict(list)
        for state in self.states:
            for exchange in state.answers:
                key = _canonical([state.provider, exchange.call, exchange.about])
                self._held[key].append((state.scope, exchange))

    @classmethod
    def read(cls, folder: Path) -> Replay:
        """Reads a folder of recorded answers. Raises :class:`~scanner.base.yaml.DocumentError`."""
        paths = _paths(folder)
        states: list[State] = []
        problems: list[Problem] = []
        for path in paths:
            try:
                states += _states(path)
            except DocumentError as error:
                problems += error.problems
        if problems:
            raise DocumentError(problems)
        return cls(states, folder)

    @property
    def providers(self) -> tuple[str, ...]:
        """The clouds that it holds answers of, sorted."""
        return tuple(sorted({state.provider for state in self.states}))

    def scopes(self, provider: str) -> tuple[str, ...]:
        """The accounts, subscriptions, tenants or projects whose answers it holds, sorted."""
        return tuple(sorted({state.scope for state in self.states if state.provider == provider}))

    def exchanges(self, provider: str, call: str) -> tuple[tuple[str, Exchange], ...]:
        """Every recorded exchange of a call, each with its scope."""
        return tuple(
            (state.scope, exchange)
            for state in self.states
            if state.provider == provider
            for exchange in state.answers
            if exchange.call == call
        )

    def check(
        self,
        provider: str,
        known_calls: Iterable[str],
        mistake: Callable[[Exchange], str | None] = lambda exchange: None,
    ) -> None:
        """Checks the answers of a cloud: whether its calls are known, and no scope has two states in a file.

        ``mistake`` returns what is wrong with an exchange, if anything; it is asked once for each, however
        many connections check the recording. Raises :class:`~scanner.base.yaml.DocumentError`.
        """
        known = frozenset(known_calls)
        with self._lock:
            if (provider, known) in self._checked:
                return
        first: dict[tuple[str, str, str], State] = {}
        problems: list[Problem] = []
        for state in self.states:
            if state.provider != provider:
                continue
            other = first.setdefault((state.file, state.kind, state.scope), state)
            if other is not state:
                message = f"{other.name!r} (line {other.line}) has answers of {state.scope} too: remove one"
                problems.append(Problem(state.file, state.line, message))
            for number, exchange in enumerate(state.answers):
                line = state.lines[number] if state.lines else state.line
                if exchange.call not in known:
                    message = f"no call {exchange.call!r}{suggestion(exchange.call, known)}"
                    problems.append(Problem(state.file, line, message))
                elif (wrong := mistake(exchange)) is not None:
                    problems.append(Problem(state.file, line, f"{exchange.call}: {wrong}"))
        if problems:
            raise DocumentError(problems)
        with self._lock:
            self._checked.add((provider, known))

    def find(
        self, provider: str, call: str, about: Mapping[str, JSON], scope: str | None = None
    ) -> Exchange | None:
        """The answer to a request; ``None`` if the recording does not hold it.

        Equal requests are answered in recorded order, the last answer again and again, so that waiting for
        a task to end works. ``scope``: only answers of this scope count.
        """
        key = _canonical([provider, call, about])
        held = [exchange for place, exchange in self._held.get(key, ()) if scope in (None, place)]
        if not held:
            return None
        with self._lock:
            number = self._asked[scope, key]
            self._asked[scope, key] += 1
        return held[min(number, len(held) - 1)]


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


def _canonical(value: JSON) -> str:
    """The same text for equal values only."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _written(exchange: Exchange, renamed: Callable[[JSON], JSON]) -> dict[str, JSON]:
    """An exchange as it is written."""
    answer: dict[str, JSON] = {"call": exchange.call, "about": _InOneLine(renamed(exchange.about))}
    if exchange.error is not None:
        return {**answer, "error": _InOneLine(renamed(exchange.error))}
    return {**answer, "answer": renamed(exchange.answer)}


def _in_parts(
    answers: Iterable[tuple[str, dict[str, JSON]]],
) -> Iterator[list[tuple[str, dict[str, JSON]]]]:
    """The answers in files that are small enough to be read again."""
    part: list[tuple[str, dict[str, JSON]]] = []
    size = 0
    last: tuple[JSON, ...] = ()
    for scope, answer in answers:
        length = len(_canonical(answer))
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


def _paths(folder: Path) -> list[Path]:
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


def _states(path: Path) -> Iterator[State]:
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
    states = []
    for number, state in enumerate(text.states):
        here: Loc = ("states", number, "answers")
        if not state.answers:
            problems.append(document.problem(f"{state.name!r} has no answers", *here))
        for place, each in enumerate(state.answers):
            if (each.answer is None) == (each.error is None):
                message = f"{each.call}: expected either an answer or an error"
                problems.append(document.problem(message, *here, place))
            elif not isinstance(each.answer, (dict, list, NoneType)):
                message = f"{each.call}: the answer is no mapping: write its fields as the cloud names them"
                problems.append(document.problem(message, *here, place, "answer"))
        states.append(
            State(
                provider=text.provider,
                kind=text.kind,
                name=state.name,
                scope=state.scope,
                answers=tuple(
                    Exchange(
                        each.call,
                        values.json(each.about, (*here, place, "about")),
                        values.json(each.answer, (*here, place, "answer")),
                        values.json(each.error, (*here, place, "error")),
                    )
                    for place, each in enumerate(state.answers)
                ),
                expected=values.json(state.expected, ("states", number, "expected")),
                file=document.file,
                line=document.line("states", number),
                lines=tuple(document.line(*here, place) for place in range(len(state.answers))),
            )
        )
    problems += values.problems
    if problems:
        raise DocumentError(problems)
    yield from states


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
