"""``gapscan ownership explain``: how a control got its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scanner.assess.targets import StatedScope
    from scanner.catalogue.control import Control
    from scanner.catalogue.responsibility import Catalogue
    from scanner.cli.places import Estate, EstatePlace
    from scanner.ownership.explain.trace import Explanation

    _Group = tuple[Explanation, list[EstatePlace]]
    """An explanation, and the places that it applies to."""


def explain(
    control: Annotated[str, typer.Argument(help="The id of a control.")],
    resource: Annotated[
        str | None,
        typer.Argument(help="An id, a name, or a part of one. [default: each account]"),
    ] = None,
    ownership: Annotated[
        str | None, typer.Option(help="ownership.yaml: who owns which control.", metavar="FILE")
    ] = None,
    snapshot: Annotated[
        str | None, typer.Option(help="A snapshot with the resource.", metavar="SNAPSHOT")
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(help="A JSON report instead, which has no paths and services.", metavar="REPORT"),
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Only this account, by its id or name.", metavar="ACCOUNT")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="gapscan.yaml with paths and tags of scopes.", metavar="FILE")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            help="Evaluate ages and expiries at this time (ISO 8601). [default: the snapshot's or report's]",
            metavar="TIME",
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Explain an owner: the lines that match, which one won and why, and what would change it.

    Accounts with the same answer are shown together. The exit code is 0 whoever the owner is.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.assess.targets import StatedScope
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.cli.moment import moment
        from scanner.cli.screen import screen
        from scanner.ownership.explain.trace import trace
        from scanner.ownership.file.load import load_ownership
        from scanner.ownership.resolve.resolver import Resolver
        from scanner.run.config import load_config

        if form not in ("text", "json"):
            raise Usage(f"--format {form}: expected text or json")
        if (snapshot is None) == (report is None):
            raise Usage("give either --snapshot or --report to look up the resource in")
        catalogue = load_catalogue()
        wanted = control_named(control, catalogue)
        settings = load_config(Path(config)) if config else None
        named = ownership or (settings.ownership if settings else None)
        if named is None:
            raise Usage("--ownership is missing: without a file there are no owners")
        file = load_ownership(Path(named), catalogue)
        scopes = settings.scopes if settings else {}
        stated = {scope: StatedScope(text.path, text.tags) for scope, text in scopes.items()}
        estate = _estate(snapshot, report, stated, file.uses_paths)
        resolver = Resolver(file, catalogue, moment(now) or estate.finished)
        places = [estate.find(resource, account)] if resource is not None else estate.scopes(account)
        explained = [
            (trace(resolver, wanted.id, place.target, place.party(wanted, catalogue)), place)
            for place in places
        ]
        with screen() as print_line:
            if form == "json":
                import json

                entries = [_record(explanation, place) for explanation, place in explained]
                notes = {"notes": list(estate.notes)} if estate.notes else {}
                print_line(json.dumps({**notes, "explanations": entries}, indent=2))
            else:
                for line in _text(wanted, _grouped(explained), estate.notes):
                    print_line(line)


def control_named(name: str, catalogue: Catalogue) -> Control:
    """The control with this current or former id. Raises ``Usage``."""
    from scanner.catalogue.responsibility import UnknownControl
    from scanner.cli.exits import Usage

    try:
        found = catalogue.select(name)
    except UnknownControl as error:
        raise Usage(str(error)) from None
    if len(found) != 1:
        raise Usage(f"{name} matches {len(found)} controls: name one of them (gapscan controls list)")
    return catalogue.controls[next(iter(found))]


def _estate(
    snapshot: str | None,
    report: str | None,
    stated: Mapping[str, StatedScope],
    paths: bool,
) -> Estate:
    from pathlib import Path

    if snapshot is not None:
        from scanner.cli.places import from_snapshot

        return from_snapshot(Path(snapshot), stated, paths)
    from scanner.cli.reported_places import ReportEstate

    return ReportEstate(Path(str(report)), stated)


def _grouped(explained: Iterable[tuple[Explanation, EstatePlace]]) -> Sequence[_Group]:
    groups: dict[str, _Group] = {}
    for explanation, place in explained:
        # Near misses and advice name the place itself; they are shown for the first of a group.
        key = explanation.model_dump_json(exclude={"misses", "changes"})
        groups.setdefault(key, (explanation, []))[1].append(place)
    return tuple(groups.values())


def _text(control: Control, groups: Sequence[_Group], notes: Sequence[str]) -> Iterable[str]:
    from scanner.explain.owner import lines

    for number, (explanation, places) in enumerate(groups):
        if number:
            yield ""
        others = "1 more account" if len(places) == 2 else f"{len(places) - 1} more accounts"
        more = f" and {others}" if len(places) > 1 else ""
        yield f"{control.id} on {places[0]}{more}"
        yield from lines(explanation)
        if len(places) > 1:
            yield "Also"
            yield from (f"  {place}" for place in places[1:])
    if notes:
        yield ""
        yield from notes


def _record(explanation: Explanation, place: EstatePlace) -> dict[str, object]:
    target = place.target
    return {
        "provider": target.provider,
        "scope": target.scope,
        "path": target.path if isinstance(target.path, str) else None,
        "resource": None if place.is_scope else {"id": place.id, "kind": target.kind, "name": place.name},
        **explanation.model_dump(mode="json"),
    }
