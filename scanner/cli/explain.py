"""``gapscan explain``: one finding in words, each with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scanner.assess.finding import Finding
    from scanner.catalogue.boundary import Boundary
    from scanner.catalogue.responsibility import Catalogue
    from scanner.cli.places import Estate, EstatePlace
    from scanner.explain.finding import FindingExplanation
    from scanner.ownership.explain.trace import Explanation
    from scanner.report.model import Head


def explain(
    finding: Annotated[str, typer.Argument(help="The uid of a finding, or enough of its beginning.")],
    report: Annotated[str, typer.Option(help="The JSON report that has it.", metavar="REPORT")],
    ownership: Annotated[
        str | None,
        typer.Option(help="The ownership file: tells why the owner is who it is.", metavar="FILE"),
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(
            help="The scan's snapshot: tells more of whose it is and of the owner.", metavar="SNAPSHOT"
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="An earlier JSON report: tells since when.", metavar="REPORT")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="gapscan.yaml with paths and tags of scopes.", metavar="FILE")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(help="Judge expiries by this time (ISO 8601). [default: the report's]", metavar="TIME"),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Explain a finding: what, whose, who, since when, how sure, and what ends it.

    The report alone tells a good part; the ownership file, the snapshot and an earlier report tell more.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.cli.places import reported
        from scanner.cli.screen import screen
        from scanner.explain.finding import Material
        from scanner.explain.finding import explain as explained

        if form not in ("text", "json"):
            raise Usage(f"--format {form}: it is text or json")
        head, findings = reported(Path(report))
        one = _chosen(finding, findings, report)
        catalogue = load_catalogue()
        boundary, trace = _placed(one, head, catalogue, Path(report), ownership, snapshot, config, now)
        earlier, before = reported(Path(baseline)) if baseline else (None, ())
        material = Material(
            head=head,
            catalogue=catalogue,
            boundary=boundary,
            owner=trace,
            owner_asked=ownership is not None,
            owner_partly=snapshot is None,
            calls=_calls(one),
            earlier=next((known for known in before if known.uid == one.uid), None),
            earlier_name=baseline,
            earlier_head=earlier,
        )
        made = explained(one, material)
        with screen() as out:
            if form == "json":
                out(made.model_dump_json(indent=2))
            else:
                _tell(made, out)


def _chosen(name: str, findings: Sequence[Finding], report: str) -> Finding:
    """The finding whose uid begins so."""
    from scanner.cli.exits import Usage

    found = [one for one in findings if one.uid.startswith(name.lower())] if name else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise Usage(f"{report} has no finding {name}")
    shown = "\n".join(f"  {one.uid[:16]}  {one.control}: {one.message}" for one in found[:10])
    more = f"\n  … {len(found) - 10} more" if len(found) > 10 else ""
    raise Usage(f"gapscan: {len(found)} findings begin with {name}:\n{shown}{more}")


def _placed(
    finding: Finding,
    head: Head,
    catalogue: Catalogue,
    report: Path,
    ownership: str | None,
    snapshot: str | None,
    config: str | None,
    now: str | None,
) -> tuple[Boundary | None, Explanation | None]:
    """Where the line to the provider runs, and how the owner came to be, as far as the files tell."""
    from pathlib import Path

    from scanner.assess.targets import StatedScope
    from scanner.cli.moment import moment
    from scanner.cli.places import from_report, from_snapshot
    from scanner.ownership.explain.trace import trace
    from scanner.ownership.file.load import load_ownership
    from scanner.ownership.resolve.resolver import Resolver
    from scanner.run.config import load_config

    file = load_ownership(Path(ownership), catalogue) if ownership else None
    time = moment(now) or head.scan.now
    scopes = load_config(Path(config)).scopes if config else {}
    if finding.resource is None or finding.party is None or (file is None and snapshot is None):
        return None, None
    stated = {scope: StatedScope(text.path, text.tags) for scope, text in scopes.items()}
    if snapshot is not None:
        uses_paths = file is not None and file.uses_paths
        place = _of(finding, from_snapshot(Path(snapshot), catalogue, stated, uses_paths), snapshot)
    else:
        place = _of(finding, from_report(report, stated), str(report))
    if place is None or finding.control not in catalogue.controls:
        return None, None
    boundary = None
    if place.resource is not None:
        boundary = catalogue.boundary(catalogue.controls[finding.control], place.resource)
    if file is None:
        return boundary, None
    resolver = Resolver(file, catalogue, time)
    return boundary, trace(resolver, finding.control, place.subject, finding.party)


def _of(finding: Finding, estate: Estate, name: str) -> EstatePlace | None:
    """The finding's resource; none where it is a kind that could not be listed."""
    from scanner.cli.exits import Usage

    assert finding.resource is not None
    if finding.resource.id == f"{finding.resource.kind}@{finding.region or 'global'}":
        return None
    for place in estate.places:
        same = (place.subject.provider, place.subject.scope) == (finding.provider, finding.scope)
        if same and place.id == finding.resource.id:
            return place
    raise Usage(f"{name} has no {finding.resource.kind} {finding.resource.id}: is it of the same scan?")


def _calls(finding: Finding) -> Mapping[str, tuple[str, ...]]:
    """The calls that tell each facet, as the cloud's tables have them; those of the list are left out."""
    from importlib import import_module

    from scanner.collect.derived import collectable, needed
    from scanner.model.resources.kinds import KINDS

    if finding.resource is None or finding.provider is None or finding.resource.kind not in KINDS:
        return {}
    kind = finding.resource.kind
    grants = import_module(f"providers.{finding.provider}.permissions")
    listed = set(grants.calls_for({kind: frozenset()}))
    found = {}
    for facet in finding.observed:
        if facet in KINDS[kind].facets():
            calls = grants.calls_for(collectable(needed({kind: frozenset({facet})})))
            found[facet] = tuple(sorted(set(calls) - listed)) or tuple(sorted(listed))
    return found


def _tell(made: FindingExplanation, out: Callable[[str], None]) -> None:
    from scanner.base.terminal import printable
    from scanner.cli.prose import entry

    out(f"{made.uid[:16]}  {made.control}" + (f"  {made.rule}" if made.rule else ""))
    for section in made.sections:
        head: str = section.title
        for sentence in section.sentences:
            # Made safe before it is set: a line end of a tag's must not begin a line of ours.
            for line in entry(head, printable(str(sentence)), 7):
                out(line)
            head = ""
