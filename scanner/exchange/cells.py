"""Text in the cells of a CSV file that a spreadsheet must show and never run."""

from __future__ import annotations

_ACTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a cell for a formula when it begins with it, also in full width; and the
mark that says that it is none, so that the mark can be taken off again."""


def guarded(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet could take it for a formula."""
    return f"'{cell}" if _acts(cell) else cell


def unguarded(cell: str) -> str:
    """The cell as it was before :func:`guarded`."""
    return cell[1:] if cell.startswith("'") and _acts(cell[1:]) else cell


def _acts(cell: str) -> bool:
    return cell.startswith(_ACTS) or cell.lstrip().startswith(_ACTS)
