"""Sections of the text report: partly assessed controls, and metrics of ownership and expirations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.metrics import BASES, Basis, Metrics, Weight
from scanner.base.counts import many
from scanner.report.wording import FOLD, headline

_WAYS: Mapping[Basis, str] = {
    "exact": "by control",
    "glob": "by pattern",
    "domain": "by domain",
    "everything": "by scope",
    "inferred": "by tag",
    "contested": "contested",
    "misattributed": "misattributed",
    "catch_all": "catch-all only",
    "nobody": "without owner",
}


def partly_assessed(rows: Iterable[CoverageRow], unfolded: bool) -> Iterator[str]:
    """The customer's controls of which only some expected kinds are covered by rules."""
    partial: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for row in rows:
        if row.party != "customer" or row.state == "not_applicable":
            continue
        if 0 < len(row.kinds_seen) < len(row.kinds_expected):
            seen, expected = partial.setdefault((row.control, row.provider), (set(), set()))
            seen |= set(row.kinds_seen)
            expected |= set(row.kinds_expected)
    if not partial:
        return
    yield ""
    controls = many(len({control for control, _ in partial}), "control")
    yield headline("PARTLY ASSESSED", f"{controls}: rules cover only some of the kinds")
    lines = sorted(partial.items())
    for (control, provider), (seen, expected) in lines if unfolded else lines[:FOLD]:
        missing = ", ".join(sorted(expected - seen))
        yield f" {provider:8}  {control:32}  {len(seen)} of {len(expected)} kinds; not {missing}"
    if not unfolded and len(lines) > FOLD:
        yield f" … {many(len(lines) - FOLD, 'more line')} (--all)"


def numbers(metrics: Metrics, owned: bool, unfolded: bool) -> Iterator[str]:
    """The section of metrics; ``owned``: there is an ownership file."""
    yield ""
    yield headline("METRICS", f"controls × scopes: {metrics.visibility.summary()}")
    if owned and metrics.total.controls:
        counts = ((name, metrics.ownership[name].controls) for name in reversed(BASES))
        yield _line("ownership", ", ".join(f"{number:,} {_WAYS[name]}" for name, number in counts if number))
    unowned = metrics.unowned
    if unowned.findings:
        total = f"{many(unowned.findings, 'finding')}, weight {unowned.weight:,} (low 1 to critical 8)"
        yield _line("unowned", f"{total}: {_weights(unowned.domains.items(), unfolded)}")
        if len(unowned.scopes) > 1:
            yield _line("", _weights(((one.scope, one) for one in unowned.scopes), unfolded))
        if owned:
            teams = ((one.team or "no team", one) for one in unowned.teams)
            yield _line("", f"catch-all routes to: {_weights(teams, unfolded)}")
    if metrics.uncertain:
        yield _line(
            "uncertain", f"{many(metrics.uncertain, 'finding')} whose owner depends on an unread tag or path"
        )
    for line in metrics.misattributed if unfolded else metrics.misattributed[:FOLD]:
        yield _line("wrong party", f"{line.source}: {many(line.findings, 'finding')}, {line.failing} failing")
    conflicts = metrics.tag_contradicts
    if conflicts.findings:
        resources = many(conflicts.resources, "resource")
        yield _line("tags", f"{resources} with a tag that contradicts the ownership file")
    yield from _exceptions(metrics)
    yield from _expiring(metrics, unfolded)


def _exceptions(metrics: Metrics) -> Iterator[str]:
    ages = {band: number for band, number in metrics.exceptions_by_age.items() if number}
    if ages:
        parts = ", ".join(
            f"{number} {band}" if band == "undated" else f"{number} {band} days old"
            for band, number in ages.items()
        )
        yield _line("exceptions", f"{sum(ages.values())} in force: {parts}")


def _expiring(metrics: Metrics, unfolded: bool) -> Iterator[str]:
    entries = metrics.lapsing
    if not entries:
        return
    yield _line("due soon", f"{many(len(entries), 'entry', 'entries')} of the ownership file within 30 days")
    for entry in entries if unfolded else entries[:FOLD]:
        teams = f" ({', '.join(entry.teams)})" if entry.teams else ""
        kind = entry.kind.replace("_", " ")
        yield _line("", f"{entry.last} {kind} {entry.name}: {entry.source}{teams}")
    if not unfolded and len(entries) > FOLD:
        yield _line("", f"… {len(entries) - FOLD} more (--all)")


def _weights(entries: Iterable[tuple[str, Weight]], unfolded: bool) -> str:
    weights: Sequence[tuple[str, Weight]] = tuple(entries)
    shown = weights if unfolded else weights[:FOLD]
    more = f", … {len(weights) - len(shown)} more (--all)" if len(weights) > len(shown) else ""
    return ", ".join(f"{name} {weight.weight:,}" for name, weight in shown) + more


def _line(label: str, text: str) -> str:
    return f" {label:11}  {text}"
