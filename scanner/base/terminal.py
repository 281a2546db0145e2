"""Text from clouds and files, made safe to print on a terminal."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of control characters: escapes, line breaks, text direction marks."""


def printable(text: str) -> str:
    """The text on one line, with each control character replaced by ``?``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if unicodedata.category(sign) in _UNSAFE else sign for sign in text)
