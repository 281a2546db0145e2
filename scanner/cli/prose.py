"""Text of commands for people, set to the width of the reports."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.catalogue.control import ResponsibilityCell

WIDTH = 100

PARTIES: Mapping[ResponsibilityCell, str] = {
    "customer": "you",
    "provider": "provider",
    "both": "both",
    "none": "-",
}
"""Whose a control is, in a word."""


def entry(head: str, text: str, indent: int) -> list[str]:
    """A head with its text behind it; further lines stand below the text, ``indent`` columns in."""
    first = f"{head:{indent - 1}} "
    # A word is never cut: the address of a page has to stay whole.
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def row(cells: Iterable[tuple[str, int]]) -> str:
    """One line of a table: texts and the widths of their columns."""
    return "".join(f"{text:{width}}" for text, width in cells).rstrip()
