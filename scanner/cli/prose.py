"""Layout of commands' text output, in the width of the reports."""

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
"""The responsible party of a control, in one word."""


def entry(head: str, text: str, indent: int) -> list[str]:
    """A heading followed by its text, wrapped with a hanging indent of ``indent`` columns."""
    first = f"{head:{indent - 1}} "
    # Words are not split: URLs must stay intact.
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def row(cells: Iterable[tuple[str, int]]) -> str:
    """One line of a table, from texts and column widths."""
    return "".join(f"{text:{width}}" for text, width in cells).rstrip()
