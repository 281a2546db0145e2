"""Errors in expressions, located in the file."""

from __future__ import annotations

from scanner.base.yaml import Document, Problem
from scanner.expression.errors import ExpressionError


def located(document: Document, error: ExpressionError, source: str, *loc: str | int) -> Problem:
    """The error in the expression ``source`` at ``loc``, with its line and the text at that position."""
    before = source[: error.offset]
    block = document.raw[loc] == source and "\n" in source.strip("\n")
    line = document.line(*loc) + before.count("\n") + (1 if block else 0)
    near = source[error.offset :].split("\n")[0][:40]
    where = f" at {near!r}" if near.strip() else ""
    return Problem(document.file, line, f"{loc[-1]}: {error.message}{where}")
