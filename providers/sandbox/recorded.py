"""What the sample company's clouds answer about kinds that are written down as data: recorded answers.

``answers/<cloud>/<kind>.yaml`` in this package, in the format of recordings (``docs/recording.md``).
"""

from __future__ import annotations

from pathlib import Path

from scanner.collect.answer_files import State, read_states

FOLDER = Path(__file__).with_name("answers")


def states(provider: str) -> tuple[State, ...]:
    """The company's states on one cloud. Raises :class:`~scanner.base.yaml.DocumentError`."""
    return tuple(state for path in sorted(FOLDER.glob(f"{provider}/*.yaml")) for state in read_states(path))
