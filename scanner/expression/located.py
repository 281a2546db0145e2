"""Where in a file an expression is wrong."""

from __future__ import annotations

from scanner.base.yaml import Document, Problem
from scanner.expression.errors import ExpressionError


def located(document: Document, error: ExpressionError, source: str, *loc: str | int) -> Problem:
    """The mistake of the expression ``source`` that stands at ``loc``, with its line and its words."""
    before = source[: error.offset]
    block = document.raw[loc] == source and "\n" in source.strip("\n")
    line = document.line(*loc) + before.count("\n") + (1 if block else 0)
    near = source[error.offset :].split("\n")[0][:40]
    where = f" at {near!r}" if near.strip() else ""
    return Problem(document.file, line, f"{loc[-1]}: {error.message}{where}")
