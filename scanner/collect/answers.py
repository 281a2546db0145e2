"""Recorded answers of the clouds: written while a scan runs, and answering in place of a cloud later.

One YAML file a kind, ``<folder>/<cloud>/<kind>.yaml``, of the schema ``gapscan.answers/v1``: see
``docs/recording.md``. The clients of the clouds record and replay below everything of ours: raw answers and
raw errors.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from scanner.base.files import Unwritable
from scanner.base.yaml import DocumentError, Problem, suggestion
from scanner.collect.answer_files import JSON, Exchange, State, canonical, read_states, recording_files, texts
from scanner.collect.redaction import Redaction
from scanner.collect.renaming import Renaming

NOT_HELD = "the recording holds no answer to this request"
"""The message of the Unknown (reason ``error``) for a request that :meth:`Replay.find` does not find."""

_PAGING = re.compile("(token|marker|^page)$", re.IGNORECASE)
"""The parameters that ask for a later page."""


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
        """Raises :class:`FileExistsError` if the folder is a file or holds something, and
        :class:`~scanner.base.files.Unwritable` if it cannot be made."""
        try:
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise FileExistsError(f"{self.folder} exists: give a recording a new folder")
            Path(tempfile.mkdtemp(prefix=f".{self.folder.name}.", dir=self.folder.absolute().parent)).rmdir()
        except FileExistsError:
            raise
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
            states[provider, kind] += [(renamed(scope), _renamed(each, renamed)) for each in exchanges]
        name = f"recorded {self._started:%Y-%m-%dT%H:%M:%SZ}"
        for (provider, kind), answers in states.items():
            yield from texts(provider, kind, name, answers)


def _renamed(exchange: Exchange, renamed: Callable[[JSON], JSON]) -> Exchange:
    error = None if exchange.error is None else renamed(exchange.error)
    return Exchange(exchange.call, renamed(exchange.about), renamed(exchange.answer), error)


class Replay:
    """Recorded answers. Safe to use from many threads."""

    def __init__(self, states: Iterable[State], folder: Path | None = None) -> None:
        self.states = tuple(states)
        self.folder = folder
        self._lock = threading.Lock()
        self._asked: Counter[tuple[str | None, str]] = Counter()
        self._checked: set[tuple[str, frozenset[str]]] = set()
        self._held: dict[str, list[tuple[str, Exchange]]] = defaultdict(list)
        self._abouts: dict[tuple[str, str], dict[str, Mapping[str, JSON]]] = defaultdict(dict)
        for state in self.states:
            for exchange in state.answers:
                key = canonical([state.provider, exchange.call, exchange.about])
                self._held[key].append((state.scope, exchange))
                if not state.exact:
                    self._abouts[state.provider, exchange.call][key] = exchange.about

    @classmethod
    def read(cls, folder: Path) -> Replay:
        """Reads a folder of recorded answers. Raises :class:`~scanner.base.yaml.DocumentError`."""
        paths = recording_files(folder)
        states: list[State] = []
        problems: list[Problem] = []
        for path in paths:
            try:
                states += read_states(path)
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

        An answer is about every request that has all that it states, and that of the answer that states most
        counts; one of a state that is exact, as recorded ones are, is about no other request.
        Equal requests are answered in recorded order, the last answer again and again, so that waiting for
        a task to end works. ``scope``: only answers of this scope count.
        """
        key = canonical([provider, call, about])
        held = self._of(key, scope)
        if not held:
            wider = [
                (len(stated), other)
                for other, stated in self._abouts.get((provider, call), {}).items()
                if _covers(stated, about) and self._of(other, scope)
            ]
            if not wider:
                return None
            held = self._of(max(wider)[1], scope)
        with self._lock:
            number = self._asked[scope, key]
            self._asked[scope, key] += 1
        return held[min(number, len(held) - 1)]

    def _of(self, key: str, scope: str | None) -> list[Exchange]:
        return [exchange for place, exchange in self._held.get(key, ()) if scope in (None, place)]


def _covers(stated: Mapping[str, JSON], about: Mapping[str, JSON]) -> bool:
    """Whether a request has all that is stated. What is stated about the first page is about no later one."""
    if any(_PAGING.search(name) for name in about.keys() - stated.keys()):
        return False
    return all(name in about and about[name] == value for name, value in stated.items())
