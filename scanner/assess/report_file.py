"""A JSON report on disk: its head, its findings as a stream, and one finding by bisection.

A report is never held whole. It has one finding a line, sorted by uid, as gapscan writes it.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from scanner.assess.finding import Finding
from scanner.assess.pairs import Entry
from scanner.base.files import open_file
from scanner.base.yaml import DocumentError, Problem

REPORT_SCHEMA: Literal["gapscan.report/v2"] = "gapscan.report/v2"
"""The schema of the reports that gapscan writes."""

FORMER_SCHEMA = "gapscan.report/v1"
"""The schema before: it lists every finding. It can be a baseline, and nothing else."""

_SCHEMA = re.compile(rb'\{\r?\n "schema": "([^"\n]{1,100})",?\r?\n')
"""How a report begins."""
_ROWS = b' "coverage": [\n'
_LIST_END = b" ]"
_FINDINGS = b' "findings": [\n'
_END = b" ]\n}\n"
_FIRST = b"\n  {"
_UID = re.compile(rb'\{"uid": ?"([0-9a-f]{32})"')
"""How a finding begins, in either schema."""
_AS_WRITTEN = "one finding a line: use the report as it was written"
_TRUNCATED = f"it is truncated, or not as gapscan writes it, {_AS_WRITTEN}"
_UNSORTED = "its findings are not sorted by uid: use the report as it was written"
_LONGEST = 1 << 26
"""The maximum length of a line in bytes; a longer one is never held in memory."""
_READABLE = 1 << 26
"""The maximum size in bytes of a file that is parsed whole to say what is wrong with it."""
_SHORT = 200
"""The maximum length in bytes of the first two lines."""
_NEAR = 1 << 16
"""Bytes that are searched from end to end rather than bisected."""


@dataclass(frozen=True)
class ReportFile:
    """A JSON report. Everything raises :class:`DocumentError`, with file and line, if it is invalid."""

    path: Path
    former: bool = False
    """Whether a report of the schema before is read, too."""

    @cached_property
    def head(self) -> dict[str, Any]:
        """The report without its findings, as JSON values."""
        document: dict[str, Any] = self._parsed(self.head_text())
        return document

    @cached_property
    def without_rows(self) -> dict[str, Any]:
        """The same without the coverage rows, of which an estate has many."""
        document: dict[str, Any] = self._parsed(self.head_text(rows=False))
        return document

    def head_text(self, *, rows: bool = True) -> bytes:
        """The report without its findings, as JSON; its schema is checked. ``rows``: with coverage rows."""
        offset, _ = self._begin
        text = bytearray()
        left_out = False
        with self._opened() as file:
            while file.tell() < offset:
                line = file.readline(_LONGEST)
                left_out = left_out and not line.startswith(_LIST_END)
                if not left_out:
                    text += line
                left_out = left_out or (line == _ROWS and not rows)
        return bytes(text).removesuffix(_FINDINGS).rstrip().removesuffix(b",") + b"}"

    def __iter__(self) -> Iterator[Finding]:
        """The findings, sorted by uid."""
        return map(self.decoded, self.entries())

    def lines(self) -> Iterator[bytes]:
        """The findings as they are written."""
        return (line for _, line, _ in self.entries())

    def entries(self) -> Iterator[Entry]:
        """The findings as they are written, each with its uid and the number of its line."""
        offset, number = self._begin
        before = b""
        uid_of = _UID.match
        with self._opened() as file:
            file.seek(offset)
            while (line := file.readline(_LONGEST)).startswith(b"  {"):
                number += 1
                line = line.strip().removesuffix(b",")
                if (match := uid_of(line)) is None:
                    raise self._no_finding(number)
                if (uid := match[1]) < before:
                    raise self.damaged(_UNSORTED, number)
                before = uid
                yield uid, line, number
            if line + file.read(len(_END)) != _END:
                raise self.damaged(_TRUNCATED, number + 1)

    def containing(self, *texts: bytes) -> Iterator[Finding]:
        """The findings whose line has one of the texts; the others are not decoded."""
        for entry in self.entries():
            if any(text in entry[1] for text in texts):
                yield self.decoded(entry)

    def starting_with(self, prefix: str) -> Iterator[Finding]:
        """The findings whose uid starts so; reads only the pages of the file that it needs."""
        wanted = prefix.lower().encode()
        if not re.fullmatch(rb"[0-9a-f]{1,32}", wanted):
            return
        offset, _ = self._begin
        with self._opened() as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
            if pages[-len(_END) :] != _END:
                raise self.damaged(_TRUNCATED)
            at = pages.find(_FIRST, self._bisected(pages, offset - 1, wanted))
            before = b""
            while at >= 0:
                end = pages.find(b"\n", at + 1)
                line = pages[at + 1 : end].strip().removesuffix(b",")
                uid = self._uid(line, pages, at)
                if uid < before:
                    raise self._unsorted(pages, at)
                before = uid
                if uid.startswith(wanted):
                    yield self.decoded((uid, line, 0))
                elif uid > wanted:
                    return
                at = pages.find(_FIRST, end)

    def _bisected(self, pages: mmap.mmap, low: int, wanted: bytes) -> int:
        """The end of a line that is followed, not far from there, by the first finding with such a uid.

        ``low`` is the end of the line before the first finding.
        """
        high, lowest, highest = len(pages), b"", b"g"
        while high - low > _NEAR:
            middle = (low + high) // 2
            at = pages.find(_FIRST, middle, high)
            if at < 0:
                high = middle
                continue
            uid = self._uid(pages[at + 3 : at + 99], pages, at)
            if not lowest <= uid <= highest:
                raise self._unsorted(pages, at)
            if uid >= wanted:
                high, highest = middle, uid
            else:
                low, lowest = at, uid
        return low

    def decoded(self, entry: Entry) -> Finding:
        """The finding of an entry."""
        _, line, number = entry
        try:
            return Finding.decoded(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self.damaged(error, number or 1) from None

    def damaged(self, error: Exception | str, number: int = 1) -> DocumentError:
        """The error for a report that does not match its schema."""
        return self._problem(f"is damaged: {str(error).splitlines()[0]}", number)

    def _uid(self, line: bytes, pages: mmap.mmap, at: int) -> bytes:
        if (match := _UID.match(line)) is None:
            raise self._no_finding(_line_number(pages, at))
        return match[1]

    def _unsorted(self, pages: mmap.mmap, at: int) -> DocumentError:
        return self.damaged(_UNSORTED, _line_number(pages, at))

    def _no_finding(self, number: int) -> DocumentError:
        return self.damaged(f"the line is not a finding as gapscan writes it, {_AS_WRITTEN}", number)

    def _problem(self, message: str, number: int = 1) -> DocumentError:
        return DocumentError([Problem(str(self.path), number, message)])

    def _opened(self) -> BinaryIO:
        try:
            return open_file(self.path)
        except OSError as error:
            raise self._problem(f"cannot be read: {error.strerror}") from None

    @cached_property
    def _begin(self) -> tuple[int, int]:
        """The offset and the number of lines where the findings begin; checks the schema."""
        number = 0
        start = b""
        with self._opened() as file:
            for line in iter(lambda: file.readline(_LONGEST), b""):
                number += 1
                if number <= 2:
                    start += line
                    if len(start) > _SHORT:
                        break
                    match = _SCHEMA.fullmatch(start)
                    if number == 2 and match is None:
                        break
                    if match is not None:
                        self._of_schema(match[1].decode("utf-8", "replace"))
                if line == _FINDINGS:
                    return file.tell(), number
        raise self._unlike()

    def _of_schema(self, schema: Any) -> None:
        if schema == REPORT_SCHEMA or (self.former and schema == FORMER_SCHEMA):
            return
        if schema == FORMER_SCHEMA:
            what = f"is of the schema {FORMER_SCHEMA} of an earlier gapscan: assess its snapshot again"
            raise self._problem(f"{what}, or scan again, with --report json=PATH")
        raise self._problem(f"is not a report of schema {REPORT_SCHEMA}: make one with --report json=PATH")

    def _unlike(self) -> DocumentError:
        """What is wrong with a file that is not laid out as gapscan writes it."""
        with self._opened() as file:
            text = file.read(_READABLE + 1)
        if not text.strip():
            return self._problem("is empty: make a report with --report json=PATH")
        if len(text) <= _READABLE:
            try:
                document = self._parsed(text)
                self._of_schema(document.get("schema") if isinstance(document, dict) else None)
            except DocumentError as error:
                return error
        return self._problem(f"is not laid out as gapscan writes it, {_AS_WRITTEN}")

    def _parsed(self, text: bytes) -> Any:
        try:
            return json.loads(text.decode("utf-8"))
        except UnicodeDecodeError:
            raise self._problem("is not a JSON report: not UTF-8 text") from None
        except json.JSONDecodeError as error:
            raise self._problem(f"is not a JSON report: {error.msg}", error.lineno) from None
        except ValueError:
            raise self._problem("is not a JSON report: a number in it is too long") from None
        except RecursionError:
            raise self._problem("is not a JSON report: nested too deeply") from None


def _line_number(pages: mmap.mmap, at: int) -> int:
    """The number of the line after a position; only a message needs it."""
    number, start = 2, 0
    while (end := pages.find(b"\n", start, at)) >= 0:
        number, start = number + 1, end + 1
    return number
