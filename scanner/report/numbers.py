"""The scan in numbers, for people: what is partly seen, who owns how much, what lapses soon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.metrics import BASES, Basis, Metrics, Weight
from scanner.report.wording import FOLD, headline, many

_WAYS: Mapping[Basis, str] = {
    "exact": "by control",
    "glob": "by pattern",
    "domain": "by domain",
    "everything": "by scope",
    "inferred": "by tag",
    "contested": "contested",
    "misattributed": "misattributed",
    "catch_all": "catch-all only",
    "nobody": "nobody's",
}


def partly_seen(rows: Iterable[CoverageRow], unfolded: bool) -> Iterator[str]:
    """The customer's controls of which some kinds were looked at and others were not."""
    seen: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for row in rows:
        if row.party == "customer" and 0 < len(row.kinds_seen) < len(row.kinds_expected):
            looked, expected = seen.setdefault((row.control, row.provider), (set(), set()))
            looked |= set(row.kinds_seen)
            expected |= set(row.kinds_expected)
    if not seen:
        return
    yield ""
    told = many(len({control for control, _ in seen}), "control")
    yield headline("PARTLY SEEN", f"{told}: some kinds were looked at, others not")
    lines = sorted(seen.items())
    for (control, provider), (looked, expected) in lines if unfolded else lines[:FOLD]:
        missing = ", ".join(sorted(expected - looked))
        yield f" {provider:8}  {control:32}  {len(looked)} of {len(expected)} kinds; not {missing}"
    if not unfolded and len(lines) > FOLD:
        yield f" … {many(len(lines) - FOLD, 'more line')} (--all)"


def numbers(metrics: Metrics, owned: bool, unfolded: bool) -> Iterator[str]:
    """Coverage beside visibility, and what ownership comes to; ``owned``: there is an ownership file."""
    yield ""
    yield headline("IN NUMBERS", f"controls × scopes: {metrics.visibility.told()}")
    if owned and metrics.total.controls:
        counts = ((name, metrics.ownership[name].controls) for name in reversed(BASES))
        yield _line(
            "owner named", ", ".join(f"{number:,} {_WAYS[name]}" for name, number in counts if number)
        )
    unowned = metrics.unowned
    if unowned.findings:
        told = f"{many(unowned.findings, 'finding')}, weight {unowned.weight:,} (low 1 to critical 8)"
        yield _line("nobody's", f"{told}: {_weighed(unowned.domains.items(), unfolded)}")
        if len(unowned.scopes) > 1:
            yield _line("", _weighed(((one.scope, one) for one in unowned.scopes), unfolded))
        if owned:
            asked = ((one.team or "nobody", one) for one in unowned.teams)
            yield _line("", f"to be asked: {_weighed(asked, unfolded)}")
    if metrics.uncertain:
        yield _line(
            "uncertain", f"{many(metrics.uncertain, 'finding')} whose owner an unread tag or path decides"
        )
    for line in metrics.misattributed if unfolded else metrics.misattributed[:FOLD]:
        yield _line("wrong party", f"{line.source}: {many(line.findings, 'finding')}, {line.failing} failing")
    disagreeing = metrics.tag_contradicts
    if disagreeing.findings:
        told = f"{many(disagreeing.resources, 'resource')} with a tag that names another team than the file"
        yield _line("tags", told)
    yield from _exceptions(metrics)
    yield from _lapsing(metrics, unfolded)


def _exceptions(metrics: Metrics) -> Iterator[str]:
    ages = {band: number for band, number in metrics.exceptions_by_age.items() if number}
    if ages:
        told = ", ".join(
            f"{number} {band}" if band == "undated" else f"{number} {band} days old"
            for band, number in ages.items()
        )
        yield _line("exceptions", f"{sum(ages.values())} in force: {told}")


def _lapsing(metrics: Metrics, unfolded: bool) -> Iterator[str]:
    lapses = metrics.lapsing
    if not lapses:
        return
    yield _line("lapses", f"{many(len(lapses), 'entry', 'entries')} of the file within 30 days")
    for lapse in lapses if unfolded else lapses[:FOLD]:
        who = f" ({', '.join(lapse.teams)})" if lapse.teams else ""
        kind = lapse.kind.replace("_", " ")
        yield _line("", f"{lapse.last} {kind} {lapse.name}: {lapse.source}{who}")
    if not unfolded and len(lapses) > FOLD:
        yield _line("", f"… {len(lapses) - FOLD} more (--all)")


def _weighed(entries: Iterable[tuple[str, Weight]], unfolded: bool) -> str:
    every: Sequence[tuple[str, Weight]] = tuple(entries)
    shown = every if unfolded else every[:FOLD]
    more = f", … {len(every) - len(shown)} more (--all)" if len(every) > len(shown) else ""
    return ", ".join(f"{name} {weight.weight:,}" for name, weight in shown) + more


def _line(name: str, told: str) -> str:
    return f" {name:11}  {told}"
