"""Escapes cells of a CSV file that a spreadsheet would run as formulas (CSV injection)."""

from __future__ import annotations

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet read a cell as a formula, also in full width; and the apostrophe
that escapes them, so that escaping can be undone."""


def escaped(cell: str) -> str:
    """The cell, after an apostrophe if a spreadsheet could read it as a formula."""
    return f"'{cell}" if _needs_escape(cell) else cell


def unescaped(cell: str) -> str:
    """The cell before :func:`escaped`."""
    return cell[1:] if cell.startswith("'") and _needs_escape(cell[1:]) else cell


def _needs_escape(cell: str) -> bool:
    return cell.startswith(_FORMULA_STARTS) or cell.lstrip().startswith(_FORMULA_STARTS)
