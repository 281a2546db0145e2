"""The findings of two assessments paired by uid, as streams. What is equal on both sides is not decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from scanner.assess.finding import Finding
from scanner.assess.states import EVIDENCE_ORDER

Entry = tuple[bytes, Any, int]
"""A finding that is still encoded: its uid, its line, and the line's number (0: of no file)."""


@runtime_checkable
class EncodedFindings(Protocol):
    """Findings sorted by uid, on disk."""

    def entries(self) -> Iterator[Entry]:
        """The findings, still encoded."""

    def decoded(self, entry: Entry) -> Finding:
        """The finding of an entry."""


@dataclass(frozen=True)
class _Held:
    """Findings in memory, sorted by uid."""

    findings: Iterable[Finding]

    def entries(self) -> Iterator[Entry]:
        return ((finding.uid.encode(), finding, 0) for finding in self.findings)

    def decoded(self, entry: Entry) -> Finding:
        found: Finding = entry[1]
        return found


def different(
    before: Iterable[Finding], after: Iterable[Finding]
) -> Iterator[tuple[Finding | None, Finding | None]]:
    """The findings of both sides by uid, unless they are equal; ``None`` where a side has none.

    Both sides are sorted by uid. A kind that could not be listed for two reasons has two findings of one
    uid: the worst stands for both.
    """
    left = before if isinstance(before, EncodedFindings) else _Held(before)
    right = after if isinstance(after, EncodedFindings) else _Held(after)
    olds, news = _grouped(left), _grouped(right)
    old, new = next(olds, None), next(news, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0][0] < new[0][0]):
            assert old is not None
            yield _worst(left, old), None
            old = next(olds, None)
        elif old is None or new[0][0] < old[0][0]:
            yield None, _worst(right, new)
            new = next(news, None)
        else:
            if not _equal(old, new):
                yield _worst(left, old), _worst(right, new)
            old, new = next(olds, None), next(news, None)


def _grouped(findings: EncodedFindings) -> Iterator[list[Entry]]:
    """The entries of each uid."""
    group: list[Entry] = []
    for entry in findings.entries():
        if group and group[0][0] != entry[0]:
            yield group
            group = [entry]
        else:
            group.append(entry)
    if group:
        yield group


def _equal(old: list[Entry], new: list[Entry]) -> bool:
    if len(old) == len(new) == 1:
        return bool(old[0][1] == new[0][1])
    return [entry[1] for entry in old] == [entry[1] for entry in new]


def _worst(findings: EncodedFindings, group: list[Entry]) -> Finding:
    if len(group) == 1:
        return findings.decoded(group[0])
    found = (findings.decoded(entry) for entry in group)
    return min(found, key=lambda one: EVIDENCE_ORDER.index(one.evidence) if one.evidence is not None else 0)
