"""``gapscan ownership diff``: the changes of ownership between two ownership files."""

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
    from scanner.ownership.changes import Assignment, CustomerControls, OwnershipChange

_LISTED = 5
"""Maximum controls listed per line."""

_TITLES = {
    "lost": "LOSE THEIR OWNER",
    "hands": "CHANGE THEIR OWNER",
    "gained": "GAIN AN OWNER",
    "otherwise": "CONTESTED OR MISATTRIBUTED, BEFORE OR AFTER",
    "excuse": "EXCEPTIONS AND DECLARATIONS",
}


def diff(
    old: Annotated[str, typer.Argument(help="The old ownership file.")],
    new: Annotated[str, typer.Argument(help="The new ownership file.")],
    snapshot: Annotated[
        str | None, typer.Argument(help="A snapshot, for exact numbers of resources by account.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="gapscan.yaml with paths and tags of scopes.", metavar="FILE")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            help="Evaluate ages and expiries at this time (ISO 8601). [default: the snapshot's, else now]",
            metavar="TIME",
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    everything: option.Everything = False,
) -> None:
    """Show which controls lose, change or gain their owner.

    Without a snapshot, the files are compared at every place that a line names; where lines that select by
    different criteria overlap, only a snapshot is exact. The exit code is 0 whatever changes.
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
        from scanner.ownership.changes import changes_by_line, changes_on_resources
        from scanner.ownership.file.load import load_ownership
        from scanner.ownership.resolve.resolver import Resolver
        from scanner.run.config import load_config

        if form not in ("text", "json"):
            raise Usage(f"--format {form}: expected text or json")
        catalogue = load_catalogue()
        before, after = load_ownership(Path(old), catalogue), load_ownership(Path(new), catalogue)
        time = moment(now)
        if snapshot is None:
            time = time or datetime.now(UTC)
            changes = changes_by_line(Resolver(before, catalogue, time), Resolver(after, catalogue, time))
        else:
            scopes = load_config(Path(config)).scopes if config else {}
            stated = {scope: StatedScope(text.path, text.tags) for scope, text in scopes.items()}
            paths = before.uses_paths or after.uses_paths
            estate = from_snapshot(Path(snapshot), stated, paths)
            time = time or estate.finished
            resolvers = Resolver(before, catalogue, time), Resolver(after, catalogue, time)
            changes = changes_on_resources(*resolvers, _customer_controls(estate, catalogue))
        with screen() as print_line:
            if form == "json":
                counts = {kind: sum(change.kind == kind for change in changes) for kind in _TITLES}
                entries = [change.model_dump(mode="json") for change in changes]
                print_line(json.dumps({"counts": counts, "changes": entries}, indent=2))
            else:
                for line in _text(changes, snapshot is not None, everything):
                    print_line(line)


def _customer_controls(places: Iterable[EstatePlace], catalogue: Catalogue) -> Iterator[CustomerControls]:
    """Each resource with the controls that expect its kind; each scope with those assessed per scope."""
    from scanner.ownership.changes import CustomerControls

    expecting: dict[tuple[str, str], list[Control]] = {}
    for place in places:
        target = place.target
        key = (target.provider, target.kind)
        if key not in expecting:
            expecting[key] = [
                control
                for control in catalogue.controls.values()
                if target.kind in control.kinds.get(target.provider, ())
                or (place.is_scope and control.evidence != "auto")
            ]
        parties = tuple((control.id, place.party(control, catalogue)) for control in expecting[key])
        if parties:
            yield CustomerControls(target, f"{target.provider} {target.scope}", parties)


def _text(changes: Iterable[OwnershipChange], exact: bool, everything: bool) -> Iterator[str]:
    from itertools import groupby

    found = tuple(changes)
    if not found:
        yield "No change of ownership."
    for number, (kind, some) in enumerate(groupby(found, key=lambda change: change.kind)):
        members = tuple(some)
        if number:
            yield ""
        count = len({change.control for change in members})
        yield f"{_TITLES[kind]}  {count} {'control' if count == 1 else 'controls'}"
        yield from _lines(members, everything)
    if not exact:
        yield ""
        yield "Compared line by line. A snapshot adds numbers of resources, and places where lines overlap."


def _lines(changes: tuple[OwnershipChange, ...], everything: bool) -> Iterator[str]:
    """The changes of one kind; controls with the same change at one place share an entry."""
    groups: dict[tuple[str, str, str], list[OwnershipChange]] = {}
    for change in changes:
        before, after = _before_and_after(change)
        groups.setdefault((before, after, change.where), []).append(change)
    for (before, after, where), members in groups.items():
        names = list(dict.fromkeys(change.control for change in members))
        shown = names if everything or len(names) <= _LISTED else names[:_LISTED]
        more = f" … {len(names) - len(shown)} more (--all)" if len(shown) < len(names) else ""
        yield f"  {before} → {after}  {where}{_resources(members)}"
        yield f"    {', '.join(shown)}{more}"
        sources = [source for source in (members[0].before.source, members[0].after.source) if source]
        if sources and members[0].kind != "excuse":
            yield f"    {' → '.join(dict.fromkeys(sources))}"


def _before_and_after(change: OwnershipChange) -> tuple[str, str]:
    if change.kind != "excuse":
        return str(change.before), str(change.after)
    return _exceptions(change.before), _exceptions(change.after)


def _exceptions(assignment: Assignment) -> str:
    names = [assignment.exception, assignment.not_applicable]
    return " and ".join(name for name in names if name) or "no exception"


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
