"""Text from clouds and files, made safe for a terminal: it may change no line but its own."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of what is not shown but acts: escapes, line ends, marks that turn the direction."""


def printable(text: str) -> str:
    """The text on one line; each character that would act instead of being shown is replaced by ``?``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if unicodedata.category(sign) in _UNSAFE else sign for sign in text)
