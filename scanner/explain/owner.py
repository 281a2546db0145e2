"""The explanation of an owner, as text."""

from __future__ import annotations

from collections.abc import Iterator

from scanner.explain.flags import flag_texts
from scanner.ownership.explain.trace import Explanation

_STATUS_TEXTS = {
    "owned": "owned by {owner}",
    "nobody": "no owner",
    "contested": "contested: several teams are named, none of them by a more specific line",
    "misattributed": "misattributed: assigned to the provider, or to a contract that does not cover it",
}


def answer(explanation: Explanation) -> str:
    """The answer in one line."""
    text = _STATUS_TEXTS[explanation.status].format(owner=explanation.owner)
    if explanation.status == "nobody" and explanation.owner is not None:
        text += f" (ask {explanation.owner})"
    if explanation.proposed is not None:
        text += f", proposed: {explanation.proposed}"
    return f"{text}, by {explanation.source}" if explanation.source else text


def lines(explanation: Explanation) -> Iterator[str]:
    """The lines of the explanation, to go below a heading with the control and the place."""
    yield f"  {answer(explanation)}"
    if explanation.contract is not None:
        yield f"  performed under the contract {explanation.contract}"
    if explanation.provided_by is not None:
        yield f"  common control of {' '.join(explanation.provided_by)}: it has the state of that scope"
    yield from (f"  {line}" for line in flag_texts(explanation.flags))
    yield from _part("Lines, most specific first", _candidates(explanation))
    yield from _part("Exceptions and declarations", _exceptions(explanation))
    yield from _part("Tags and catalogs", _inferred(explanation))
    yield from _part("Informed", (f"{one} (the account's security contact)" for one in explanation.informed))
    yield from _part("Near misses", _near_misses(explanation))
    yield from _part("Would change the owner", explanation.changes)
    yield from _part("Upcoming", (f"{ending.day}  {ending.what}" for ending in explanation.endings))


def _near_misses(explanation: Explanation) -> Iterator[str]:
    for miss in explanation.misses:
        yield f"{miss.file}:{miss.line} ({miss.accountable or 'the provider'}): {miss.why}"


def _part(title: str, entries: Iterator[str] | tuple[str, ...]) -> Iterator[str]:
    entries = tuple(entries)
    if entries:
        yield title
        yield from (f"  {entry}" for entry in entries)


def _candidates(explanation: Explanation) -> Iterator[str]:
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


def _exceptions(explanation: Explanation) -> Iterator[str]:
    for waiver in explanation.excuses:
        label = "exception" if waiver.noun == "exception" else "not applicable"
        yield f"{label} {waiver.id} ({waiver.file}:{waiver.line}): {waiver.why}"


def _inferred(explanation: Explanation) -> Iterator[str]:
    found = explanation.inference
    if found is not None:
        names = f" names {found.team}" if found.team else ""
        yield f"{found.source}{names}: {found.why}" if found.source else found.why
