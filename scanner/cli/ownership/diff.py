"""``gapscan ownership diff``: which controls change hands between two ownership files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options as option
from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scanner.catalogue.control import Control
    from scanner.catalogue.responsibility import Catalogue
    from scanner.cli.places import EstatePlace
    from scanner.ownership.changes import CustomerControls, Holding, OwnershipChange

_SHOWN = 5
"""Controls and places that a line names."""

_TITLES = {
    "lost": "FALL TO NOBODY",
    "hands": "FROM OWNER TO OWNER",
    "gained": "HAVE AN OWNER NOW",
    "otherwise": "CONTESTED OR MISATTRIBUTED, BEFORE OR AFTER",
    "excuse": "EXCEPTIONS AND DECLARATIONS",
}


def diff(
    old: Annotated[str, typer.Argument(help="The ownership file as it was.")],
    new: Annotated[str, typer.Argument(help="The ownership file as it is to be.")],
    snapshot: Annotated[
        str | None, typer.Argument(help="A snapshot: tells exactly on how many resources of each account.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="gapscan.yaml with paths and tags of scopes.", metavar="FILE")
    ] = None,
    now: option.Now = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    everything: option.Everything = False,
) -> None:
    """Tell what changes hands, what falls to nobody, and what has an owner now.

    Without a snapshot the lines are compared at every place that one of them names; where two lines meet
    that select by different things, only a snapshot can tell. The exit code is 0 whatever changes.
    """
    with exit_on_error():
        import json
        from datetime import UTC, datetime
        from pathlib import Path

        from scanner.assess.targets import StatedScope
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.cli.moment import moment
        from scanner.cli.places import from_snapshot
        from scanner.cli.screen import screen
        from scanner.ownership.changes import by_lines, on_resources
        from scanner.ownership.file.load import load_ownership
        from scanner.ownership.resolve.resolver import Resolver
        from scanner.run.config import load_config

        if form not in ("text", "json"):
            raise Usage(f"--format {form}: it is text or json")
        catalogue = load_catalogue()
        before, after = load_ownership(Path(old), catalogue), load_ownership(Path(new), catalogue)
        time = moment(now)
        if snapshot is None:
            time = time or datetime.now(UTC)
            changes = by_lines(Resolver(before, catalogue, time), Resolver(after, catalogue, time))
        else:
            scopes = load_config(Path(config)).scopes if config else {}
            stated = {scope: StatedScope(text.path, text.tags) for scope, text in scopes.items()}
            paths = before.uses_paths or after.uses_paths
            estate = from_snapshot(Path(snapshot), catalogue, stated, paths)
            time = time or estate.finished
            resolvers = Resolver(before, catalogue, time), Resolver(after, catalogue, time)
            changes = on_resources(*resolvers, _judged(estate.places, catalogue))
        with screen() as out:
            if form == "json":
                counts = {kind: sum(change.kind == kind for change in changes) for kind in _TITLES}
                entries = [change.model_dump(mode="json") for change in changes]
                out(json.dumps({"counts": counts, "changes": entries}, indent=2))
            else:
                for line in _text(changes, snapshot is not None, everything):
                    out(line)


def _judged(places: Iterable[EstatePlace], catalogue: Catalogue) -> Iterator[CustomerControls]:
    """Each resource with the controls that expect its kind; a scope with those that are judged there."""
    from scanner.ownership.changes import CustomerControls

    expecting: dict[tuple[str, str], list[Control]] = {}
    for place in places:
        subject = place.subject
        key = (subject.provider, subject.kind)
        if key not in expecting:
            expecting[key] = [
                control
                for control in catalogue.controls.values()
                if subject.kind in control.kinds.get(subject.provider, ())
                or (place.whole and control.evidence != "auto")
            ]
        parties = tuple((control.id, place.party(control, catalogue)) for control in expecting[key])
        if parties:
            yield CustomerControls(subject, f"{subject.provider} {subject.scope}", parties)


def _text(changes: Iterable[OwnershipChange], exact: bool, everything: bool) -> Iterator[str]:
    from itertools import groupby

    found = tuple(changes)
    if not found:
        yield "Nothing changes hands."
    for number, (kind, some) in enumerate(groupby(found, key=lambda change: change.kind)):
        members = tuple(some)
        if number:
            yield ""
        count = len({change.control for change in members})
        yield f"{_TITLES[kind]}  {count} {'control' if count == 1 else 'controls'}"
        yield from _lines(members, everything)
    if not exact:
        yield ""
        yield "Compared line by line. With a snapshot: on how many resources, and where lines meet."


def _lines(changes: tuple[OwnershipChange, ...], everything: bool) -> Iterator[str]:
    """The changes of one kind; controls that change alike at one place are told together."""
    groups: dict[tuple[str, str, str], list[OwnershipChange]] = {}
    for change in changes:
        before, after = _held(change)
        groups.setdefault((before, after, change.where), []).append(change)
    for (before, after, where), members in groups.items():
        names = list(dict.fromkeys(change.control for change in members))
        shown = names if everything or len(names) <= _SHOWN else names[:_SHOWN]
        more = f" … {len(names) - len(shown)} more (--all)" if len(shown) < len(names) else ""
        yield f"  {before} → {after}  {where}{_resources(members)}"
        yield f"    {', '.join(shown)}{more}"
        sources = [source for source in (members[0].before.source, members[0].after.source) if source]
        if sources and members[0].kind != "excuse":
            yield f"    {' → '.join(dict.fromkeys(sources))}"


def _held(change: OwnershipChange) -> tuple[str, str]:
    if change.kind != "excuse":
        return str(change.before), str(change.after)
    return _excuse(change.before), _excuse(change.after)


def _excuse(held: Holding) -> str:
    text = [held.exception, held.not_applicable]
    return " and ".join(name for name in text if name) or "no exception"


def _resources(members: list[OwnershipChange]) -> str:
    counts: dict[str, int] = {}
    for change in members:
        if change.resources is not None:
            counts[change.control] = counts.get(change.control, 0) + change.resources
    if not counts:
        return ""
    most = max(counts.values())
    several = "up to " if min(counts.values()) != most else ""
    return f"  ({several}{most} {'resource' if most == 1 else 'resources'})"
