"""Report destinations: opened before the scan, written to a temporary file, and renamed when complete."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from scanner.base.files import Unwritable, temporary_file
from scanner.base.yaml import suggestion
from scanner.report.model import Report
from scanner.report.renderer import format_names, renderer


class UnknownFormat(ValueError):
    """A ``--report`` option that is invalid: an unknown format, or two reports with one destination."""

    exit_code = 2


@dataclass(frozen=True)
class Destination:
    """One requested report."""

    form: str
    path: Path | None
    """``None`` is standard output."""


def destinations(options: Sequence[str]) -> tuple[Destination, ...]:
    """Parses ``FORMAT`` or ``FORMAT=PATH`` options. Raises :class:`UnknownFormat`."""
    found = []
    for option in options or ("text",):
        form, sign, path = option.partition("=")
        if form not in format_names():
            hint = suggestion(form, format_names())
            raise UnknownFormat(f"no report format {form!r}: it is one of {', '.join(format_names())}{hint}")
        if sign and not path:
            raise UnknownFormat(f"--report {option}: no path after =")
        found.append(Destination(form, Path(path) if path else None))
    if sum(1 for one in found if one.path is None) > 1:
        raise UnknownFormat("only one report can go to standard output: give the others a path (json=PATH)")
    paths = [one.path.absolute() for one in found if one.path is not None]
    if len(paths) != len(set(paths)):
        raise UnknownFormat("two reports have the same path")
    return tuple(found)


class Outputs:
    """Keeps the destinations open during a scan. Never leaves a partly written report behind."""

    def __init__(self, wanted: Sequence[Destination]) -> None:
        self._wanted = tuple(wanted)
        self._open: list[tuple[Destination, TextIO]] = []

    @property
    def prints_text(self) -> bool:
        """Whether the text report goes to standard output."""
        return any(one.form == "text" and one.path is None for one in self._wanted)

    def __enter__(self) -> Self:
        for destination in self._wanted:
            if destination.path is None:
                self._open.append((destination, sys.stdout))
                continue
            try:
                self._open.append((destination, temporary_file(destination.path).open("w", encoding="utf-8")))
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
        """Renders the report to every destination. Raises :class:`Unwritable`."""
        for destination, out in self._open:
            try:
                renderer(destination.form)(report, out)
                out.flush()
                if destination.path is not None and Path(out.name) != destination.path:
                    os.fsync(out.fileno())  # of a file; pipes and devices have nothing to sync
            except BrokenPipeError:
                # The reader of standard output has closed it; the exit code still counts.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            except OSError as error:
                name = destination.path or "standard output"
                raise Unwritable(f"{name}: could not be written: {error.strerror or error}") from None
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
