"""Text from clouds cannot control the terminal."""

from __future__ import annotations

import pytest

from scanner.base.terminal import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("payments-prod · 4 regions → exit 1", "payments-prod · 4 regions → exit 1"),
        ("prod\x1b[2J\x1b[H", "prod?[2J?[H"),
        ("a\nGate ownership: nothing → exit 0.", "a?Gate ownership: nothing → exit 0."),
        ("a\rb\tc\x00d", "a?b?c?d"),
        ("\u202egnp.exe\u2028x", "?gnp.exe?x"),
        ("Größe 東京", "Größe 東京"),
    ],
)
def test_control_characters_are_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown
