"""Where reports go: opened before the scan, written beside, and put in place only when whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from scanner.base.files import Unwritable, beside
from scanner.base.yaml import suggestion
from scanner.report.model import Report

FORMATS: tuple[str, ...] = ("text", "json", "ocsf")
"""Every format has a module of its name here with ``render(report, out)``."""


class UnknownFormat(ValueError):
    """A report that no renderer makes, or two that would share standard output."""

    exit_code = 2


@dataclass(frozen=True)
class Destination:
    """One report that was asked for."""

    form: str
    path: Path | None
    """``None`` is standard output."""


def destinations(options: Sequence[str]) -> tuple[Destination, ...]:
    """Reads ``FORMAT`` or ``FORMAT=PATH`` options. Raises :class:`UnknownFormat`."""
    found = []
    for option in options or ("text",):
        form, sign, path = option.partition("=")
        if form not in FORMATS:
            hint = suggestion(form, FORMATS)
            raise UnknownFormat(f"no report format {form!r}: it is one of {', '.join(FORMATS)}{hint}")
        if sign and not path:
            raise UnknownFormat(f"--report {option}: no path after the sign =")
        found.append(Destination(form, Path(path) if path else None))
    if sum(1 for one in found if one.path is None) > 1:
        raise UnknownFormat("only one report can go to standard output: give the others a path (json=PATH)")
    paths = [one.path.absolute() for one in found if one.path is not None]
    if len(paths) != len(set(paths)):
        raise UnknownFormat("two reports have the same path")
    return tuple(found)


class Outputs:
    """Holds the destinations open during a scan. Leaves nothing half-written behind, whatever happens."""

    def __init__(self, wanted: Sequence[Destination]) -> None:
        self._wanted = tuple(wanted)
        self._open: list[tuple[Destination, TextIO]] = []

    def __enter__(self) -> Self:
        for destination in self._wanted:
            if destination.path is None:
                self._open.append((destination, sys.stdout))
                continue
            try:
                self._open.append((destination, beside(destination.path).open("w", encoding="utf-8")))
            except OSError as error:
                self._discard()
                reason = error.strerror or str(error)
                raise Unwritable(f"{destination.path}: cannot be written: {reason}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._discard()

    def write(self, report: Report) -> None:
        """Renders the report everywhere. Raises :class:`Unwritable`."""
        for destination, out in self._open:
            render = import_module(f"scanner.report.{destination.form}").render
            try:
                render(report, out)
                out.flush()
                if destination.path is not None:
                    os.fsync(out.fileno())
            except BrokenPipeError:
                # The reader of standard output has seen enough; the exit code still counts.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            except OSError as error:
                told = destination.path or "standard output"
                raise Unwritable(f"{told}: could not be written: {error.strerror or error}") from None
        for destination, out in self._open:
            if destination.path is not None:
                out.close()
                if Path(out.name) != destination.path:
                    Path(out.name).replace(destination.path)
        self._open.clear()

    def _discard(self) -> None:
        for destination, out in self._open:
            if destination.path is not None:
                out.close()
                if Path(out.name) != destination.path:
                    Path(out.name).unlink(missing_ok=True)
        self._open.clear()
