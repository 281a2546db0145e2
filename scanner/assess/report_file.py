"""A JSON report on disk: its head, its findings as a stream, and one finding by bisection.

A report is never held whole. It has one finding a line, sorted by uid, as gapscan writes it.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from scanner.assess.finding import Finding
from scanner.base.files import open_file
from scanner.base.yaml import DocumentError, Problem

REPORT_SCHEMA: Literal["gapscan.report/v2"] = "gapscan.report/v2"
"""The schema of the reports that gapscan writes."""

FORMER_SCHEMA = "gapscan.report/v1"
"""The schema before: it lists every finding. It can be a baseline, and nothing else."""

_FINDINGS = b' "findings": [\n'
_END = b" ]\n}\n"
_FIRST = b"\n  {"
_CUT = "it is truncated, or not as gapscan writes it: one finding a line"
_LONGEST = 1 << 26
"""The maximum length of a line in bytes; a longer one is never held in memory."""
_READABLE = 1 << 26
"""The maximum size in bytes of a file that is parsed whole to say what is wrong with it."""
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
        return self._begin()[0]

    def __iter__(self) -> Iterator[Finding]:
        """The findings, sorted by uid."""
        for number, line in self.lines():
            yield self.finding(line, number)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The findings as they are written, each with the number of its line."""
        _, offset, number = self._begin()
        before = b""
        with self._opened() as file:
            file.seek(offset)
            while (line := file.readline(_LONGEST)).startswith(b"  {"):
                number += 1
                line = line.strip().removesuffix(b",")
                if not before <= (uid := _uid(line)):
                    raise self.damaged("its findings are not sorted by uid", number)
                before = uid
                yield number, line
            if line + file.read(len(_END)) != _END:
                raise self.damaged(
                    "it is truncated, or not as gapscan writes it: one finding a line", number + 1
                )

    def starting_with(self, prefix: str) -> Iterator[Finding]:
        """The findings whose uid starts so; reads only the pages of the file that it needs."""
        wanted = prefix.lower().encode()
        if not wanted or not wanted.isalnum():
            return
        _, offset, _ = self._begin()
        with self._opened() as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
            if pages[-len(_END) :] != _END:
                raise self.damaged(_CUT)
            low, high = offset - 1, len(pages)
            while high - low > _NEAR:
                middle = pages.find(_FIRST, (low + high) // 2, high)
                if middle < 0 or _uid(pages[middle + 3 : middle + 99]) >= wanted:
                    high = (low + high) // 2
                else:
                    low = middle
            at = pages.find(_FIRST, low)
            while at >= 0:
                end = pages.find(b"\n", at + 1)
                line = pages[at + 1 : end].strip().removesuffix(b",")
                if _uid(line).startswith(wanted):
                    yield self.finding(line, None)
                elif _uid(line) > wanted:
                    return
                at = pages.find(_FIRST, end)

    def finding(self, line: bytes, number: int | None) -> Finding:
        """The finding of a line of the report."""
        try:
            return Finding.decoded(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self.damaged(error, number or 1) from None

    def damaged(self, error: Exception | str, number: int = 1) -> DocumentError:
        """The error for a report that does not match its schema."""
        return self._problem(f"is damaged: {str(error).splitlines()[0]}", number)

    def _problem(self, message: str, number: int = 1) -> DocumentError:
        return DocumentError([Problem(str(self.path), number, message)])

    def _opened(self) -> BinaryIO:
        try:
            return open_file(self.path)
        except OSError as error:
            raise self._problem(f"cannot be read: {error.strerror}") from None

    def _begin(self) -> tuple[dict[str, Any], int, int]:
        """The head, and the offset and number of lines where the findings begin."""
        head: list[bytes] = []
        number = 0
        with self._opened() as file:
            for line in iter(lambda: file.readline(_LONGEST), b""):
                number += 1
                if line == _FINDINGS:
                    return self._head(b"".join(head)), file.tell(), number
                head.append(line)
                if number == 1 and line not in (b"{\n", b"{\r\n"):
                    break
        raise self._unlike()

    def _head(self, text: bytes) -> dict[str, Any]:
        document: dict[str, Any] = self._parsed(text.rstrip().removesuffix(b",") + b"}")
        self._of_schema(document)
        return document

    def _of_schema(self, document: Any) -> None:
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema == REPORT_SCHEMA or (self.former and schema == FORMER_SCHEMA):
            return
        if schema == FORMER_SCHEMA:
            what = f"is of the schema {FORMER_SCHEMA} of an earlier gapscan: assess its snapshot again"
            raise self._problem(f"{what}, or scan again, with --report json=PATH")
        raise self._problem(f"is not a report of schema {REPORT_SCHEMA}: make one with --report json=PATH")

    def _unlike(self) -> DocumentError:
        """What is wrong with a file that is not laid out as gapscan writes it."""
        with self._opened() as file:
            text = file.read(_READABLE)
        try:
            self._of_schema(self._parsed(text))
        except DocumentError as error:
            return error
        return self._problem(
            "is not laid out as gapscan writes it, one finding a line: use the report as it was written"
        )

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


def _uid(line: bytes) -> bytes:
    """The uid of a line, of either schema."""
    return line[:60].partition(b'"uid":')[2].lstrip(b' "').partition(b'"')[0]
