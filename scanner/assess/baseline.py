"""An earlier report that findings are compared with: what is new since then."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from scanner.assess.finding import Finding
from scanner.assess.report_file import ReportFile
from scanner.assess.states import EVIDENCE_ORDER, Evidence

_UID = 16
"""Bytes of a uid."""
_DEFECT = len(EVIDENCE_ORDER)
"""Stands for the evidence of an ownership finding, which has none."""
_LISTED = 128
"""Is added for a finding that every report lists."""


@dataclass(frozen=True)
class Baseline:
    """The findings of an earlier report, and the rules of its pack.

    What it knows of each finding takes 17 bytes; the findings themselves stay on disk.
    """

    name: str
    rules: frozenset[str]
    findings: Iterable[Finding]
    """Sorted by uid; can be iterated repeatedly."""
    _uids: bytes
    _evidence: bytes
    """The number of each one's evidence, worst first, and whether every report lists it."""

    @classmethod
    def of(cls, name: str, rules: frozenset[str], findings: Iterable[Finding]) -> Baseline:
        """The baseline of these findings, which are sorted by uid."""
        uids, evidence = bytearray(), bytearray()
        for uid, same in groupby(findings, key=lambda finding: finding.uid):
            # A kind that could not be listed for two reasons has two findings of one uid: the worst counts.
            worst = min(same, key=_order)
            uids += bytes.fromhex(uid)
            evidence.append(_order(worst) + (_LISTED if worst.listed else 0))
        return cls(name, rules, findings, bytes(uids), bytes(evidence))

    def knows(self, uid: str) -> bool:
        """Whether it lists the finding, one of ownership too."""
        return self._number(uid) is not None

    def lists(self, uid: str) -> bool:
        """Whether it lists the finding, and would even if it listed no more than it must."""
        number = self._number(uid)
        return number is not None and number >= _LISTED

    def before(self, uid: str) -> Evidence | None:
        """The evidence that it lists for a finding; ``None``: it does not list it, or it has none."""
        number = self._number(uid)
        if number is None or number % _LISTED == _DEFECT:
            return None
        return EVIDENCE_ORDER[number % _LISTED]

    def is_new_rule(self, rule: str | None) -> bool:
        """Whether the rule was not in the pack of the baseline."""
        return rule is not None and rule not in self.rules

    def is_new(self, uid: str, evidence: Evidence) -> bool:
        """Whether it does not list the finding, or the evidence is worse now."""
        before = self.before(uid)
        return before is None or EVIDENCE_ORDER.index(evidence) < EVIDENCE_ORDER.index(before)

    def _number(self, uid: str) -> int | None:
        wanted = bytes.fromhex(uid)
        at = bisect_left(range(len(self._evidence)), wanted, key=self._uid)
        if at == len(self._evidence) or self._uid(at) != wanted:
            return None
        return self._evidence[at]

    def _uid(self, number: int) -> bytes:
        return self._uids[number * _UID : (number + 1) * _UID]


def _order(finding: Finding) -> int:
    return _DEFECT if finding.evidence is None else EVIDENCE_ORDER.index(finding.evidence)


def load_baseline(path: Path) -> Baseline:
    """Reads a JSON report, of the schema before too.

    Raises :class:`~scanner.base.yaml.DocumentError` if the file is not a valid one.
    """
    report = ReportFile(path, former=True)
    try:
        rules = frozenset(str(rule) for rule in report.without_rows["scan"]["pack"])
    except (KeyError, TypeError) as error:
        raise report.damaged(error) from None
    if not rules:
        raise report.damaged("it lists no rules, so nothing can be compared with it")
    try:
        return Baseline.of(str(path), rules, report)
    except ValueError as error:
        raise report.damaged(error) from None
