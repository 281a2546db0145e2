"""Text layout shared by the sections of the text report."""

from __future__ import annotations

FOLD = 8
"""Lines of a section that are shown before the rest is folded."""


def headline(title: str, summary: str) -> str:
    """The first line of a section."""
    return f"{title:44}{summary}" if len(title) < 43 else f"{title}  {summary}"
