"""Why an owner is who it is, as text."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.explain.flags import told
from scanner.ownership.explain.trace import Explanation

_MEANT = {
    "owned": "owned by {owner}",
    "nobody": "owned by nobody",
    "contested": "contested: several teams are named, and none of them by the more specific line",
    "misattributed": "misattributed: left to somebody who has not taken it over",
}


def answer(explanation: Explanation) -> str:
    """The answer in a line."""
    words = _MEANT[explanation.status].format(owner=explanation.owner)
    if explanation.status == "nobody" and explanation.owner is not None:
        words += f" (ask {explanation.owner})"
    return f"{words}, by {explanation.source}" if explanation.source else words


def lines(explanation: Explanation) -> Iterator[str]:
    """The explanation, below a heading that names the control and the place."""
    yield f"  {answer(explanation)}"
    if explanation.contract is not None:
        yield f"  done by contract {explanation.contract}"
    if explanation.provided_by is not None:
        yield f"  provided by {' '.join(explanation.provided_by)}: its state there is the state here"
    yield from (f"  {line}" for line in told(explanation.flags))
    yield from _part("Lines, the most specific first", _weighed(explanation))
    yield from _part("Exceptions and declarations", _excuses(explanation))
    yield from _part("Tags and catalogs", _inferred(explanation))
    yield from _part("Informed", (f"{one} (the account's security contact)" for one in explanation.informed))
    yield from _part("Nearly", _missed(explanation))
    yield from _part("Would change it", explanation.changes)
    yield from _part("Ends", (f"{ending.day}  {ending.what}" for ending in explanation.endings))


def _missed(explanation: Explanation) -> Iterator[str]:
    for miss in explanation.misses:
        yield f"{miss.file}:{miss.line} ({miss.accountable or 'the provider'}): {miss.why}"


def _part(title: str, entries: Iterator[str] | tuple[str, ...]) -> Iterator[str]:
    entries = tuple(entries)
    if entries:
        yield title
        yield from (f"  {entry}" for entry in entries)


def _weighed(explanation: Explanation) -> Iterator[str]:
    width = max((len(line.part) for line in explanation.lines), default=0)
    for line in explanation.lines:
        named = f" {line.id}" if line.id else ""
        yield f"{line.part:<{width}}  {line.file}:{line.line}{named}  {line.accountable or 'the provider'}"
        selected = f"{line.selector}{f', {line.where}' if line.where else ''}"
        yield f"{'':<{width}}  {selected} ({line.rank}): {line.why}"
        roles = [
            f"{role} {', '.join(names)}"
            for role, names in (
                ("responsible", line.responsible),
                ("consulted", line.consulted),
                ("informed", line.informed),
            )
            if names
        ]
        if roles:
            yield f"{'':<{width}}  {'; '.join(roles)}"


def _excuses(explanation: Explanation) -> Iterator[str]:
    for excuse in explanation.excuses:
        noun = "exception" if excuse.noun == "exception" else "not applicable"
        yield f"{noun} {excuse.id} ({excuse.file}:{excuse.line}): {excuse.why}"


def _inferred(explanation: Explanation) -> Iterator[str]:
    found = explanation.inference
    if found is not None:
        names = f" names {found.team}" if found.team else ""
        yield f"{found.source}{names}: {found.why}" if found.source else found.why
