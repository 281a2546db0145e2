"""A comparison of two reports, as text and as ``gapscan.diff/v1``. Written as a stream."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

from scanner.assess.changes import CHANGE_KINDS, FindingChange
from scanner.assess.finding import Finding, fields
from scanner.assess.states import SEVERITIES
from scanner.base.terminal import printable

DIFF_SCHEMA: Literal["gapscan.diff/v1"] = "gapscan.diff/v1"

FOLD = 8
"""Lines of a section that are shown before the rest is folded."""
_NAMES = 3
"""Resources that are named on a line."""


@dataclass(frozen=True)
class Side:
    """One of the two reports."""

    name: str
    """The file that it was read from."""
    scan: str
    """The scan's id."""
    finished: str


@dataclass(frozen=True)
class Comparison:
    """Two reports and the changes between them. ``changes`` is iterated once."""

    before: Side
    after: Side
    changes: Iterable[FindingChange]
    unfolded: bool = False
    narrowed: tuple[str, ...] = ()
    """The options that leave changes out."""
    counts_fine: bool = False
    """Whether the later report only counts what is fine, so that what closed may be fine or gone."""


def render_json(comparison: Comparison, out: TextIO) -> None:
    """Writes every change, sorted by uid, then the counts."""
    head = {
        "schema": DIFF_SCHEMA,
        "before": vars(comparison.before),
        "after": vars(comparison.after),
        "narrowed": comparison.narrowed,
    }
    out.write(json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}"))
    out.write(',\n "changes": [')
    numbers: Counter[str] = Counter()
    separator = "\n  "
    for change in comparison.changes:
        numbers.update(_sections(change))
        out.write(separator + json.dumps(_record(change), ensure_ascii=False))
        separator = ",\n  "
    summary = {name: numbers[name] for name in (*CHANGE_KINDS, "changed_hands")}
    out.write(f'\n ],\n "summary": {json.dumps(summary)}\n}}\n')


_FIELDS = (
    "uid", "subject", "control", "rule", "provider", "scope", "region", "resource", "message", "severity",
    "priority",
)  # fmt: skip


def _record(change: FindingChange) -> dict[str, Any]:
    record = fields(change.finding, _FIELDS)
    return {
        "change": change.kind,
        "changed_hands": change.changed_hands,
        "new_rule": change.new_rule,
        **record,
        "before": _axes(change.before),
        "after": _axes(change.after),
    }


def _axes(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    return fields(finding, ("ownership", "owner", "evidence", "state"))


def _sections(change: FindingChange) -> Iterator[str]:
    if change.kind is not None:
        yield change.kind
    if change.changed_hands:
        yield "changed_hands"


_TITLES = {
    "new": "NEW",
    "worse": "WORSE",
    "unseen": "NO LONGER VISIBLE (was open; may still be failing)",
    "changed_hands": "OWNER CHANGED",
    "better": "BETTER",
    "closed": "CLOSED",
}
"""Section titles, in the order of the report."""


@dataclass
class _Line:
    """A line of the text: one control with one kind of change."""

    priority: int = 0
    names: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, finding: Finding, limit: int | None) -> None:
        self.priority = max(self.priority, SEVERITIES.index(finding.priority))
        name = finding.resource.name if finding.resource is not None else finding.owner_source or ""
        if limit is None or len(self.names) < limit:
            self.names.append(name)
        else:
            self.more += 1


def render_text(comparison: Comparison, out: TextIO) -> None:
    """Writes the changes as text, the most urgent first."""
    limit = None if comparison.unfolded else _NAMES
    sections: dict[str, dict[tuple[str, str], _Line]] = {name: defaultdict(_Line) for name in _TITLES}
    numbers: Counter[str] = Counter()
    new_rules = 0
    gone = "fine or gone" if comparison.counts_fine else "gone"
    for change in comparison.changes:
        new_rules += change.new_rule
        for name in _sections(change):
            numbers[name] += 1
            sections[name][change.finding.control, _how(change, name, gone)].add(change.finding, limit)
    before, after = comparison.before, comparison.after
    out.write(printable(f"{before.name} ({before.finished}) → {after.name} ({after.finished})") + "\n")
    if comparison.narrowed:
        out.write(printable(f"Narrowed by {' '.join(comparison.narrowed)}: the rest is not reported.") + "\n")
    counts = [f"{numbers[kind]} {kind}" for kind in CHANGE_KINDS]
    counts.append(f"{numbers['changed_hands']} with another owner")
    out.write(f"{' · '.join(counts)}\n" if numbers else "Nothing changed.\n")
    for name, title in _TITLES.items():
        if sections[name]:
            out.write(f"\n{title}\n")
            out.writelines(f"{printable(line)}\n" for line in _lines(sections[name], comparison.unfolded))
    if new_rules:
        out.write(f"\n{new_rules} of the new findings are of rules that {before.name} did not have.\n")


def _how(change: FindingChange, section: str, gone: str) -> str:
    """The change as text: owners or states before and after."""
    before, after = change.before, change.after
    if section == "changed_hands" and before is not None and after is not None:
        return f"{before.owner or 'no owner'} → {after.owner or 'no owner'}"
    was = "" if before is None else before.state or "defect"
    now = "" if after is None else after.state or "defect"
    if before is None:
        return now
    if after is None:
        return f"{was} → {gone if change.kind == 'closed' else '?'}"
    return f"{was} → {now}"


def _lines(section: dict[tuple[str, str], _Line], unfolded: bool) -> Iterator[str]:
    ordered = sorted(section.items(), key=lambda entry: (-entry[1].priority, entry[0]))
    shown = ordered if unfolded else ordered[:FOLD]
    for (control, how), line in shown:
        more = f" and {line.more} more" if line.more else ""
        yield f" {SEVERITIES[line.priority]:8}  {control:32}  {how}: {', '.join(line.names)}{more}"
    if len(ordered) > len(shown):
        yield f" … {len(ordered) - len(shown)} more (--all)"
