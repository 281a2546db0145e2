"""``gapscan explain``: one finding explained, with sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scanner.assess.finding import Finding
    from scanner.assess.report_file import ReportFile
    from scanner.assess.targets import StatedScope
    from scanner.catalogue.boundary import Boundary
    from scanner.catalogue.responsibility import Catalogue
    from scanner.cli.places import EstatePlace
    from scanner.explain.finding import FindingExplanation
    from scanner.ownership.explain.trace import Explanation
    from scanner.report.model import Head

_INDENT = 12
"""Columns of the section titles."""
_SHOWN = 10
"""Maximum findings that are listed if a prefix has several."""


def explain(
    finding: Annotated[str, typer.Argument(help="The uid of a finding, or a unique prefix.")],
    report: Annotated[str, typer.Option(help="The JSON report with the finding.", metavar="REPORT")],
    ownership: Annotated[
        str | None,
        typer.Option(help="The ownership file: explains the owner.", metavar="FILE"),
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(help="The scan's snapshot: adds detail on party and owner.", metavar="SNAPSHOT"),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="An earlier JSON report: shows since when.", metavar="REPORT")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="gapscan.yaml with paths and tags of scopes.", metavar="FILE")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            help="Evaluate expiries at this time (ISO 8601). [default: the report's]", metavar="TIME"
        ),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Explain a finding: party, owner, since when, certainty and resolution.

    The report alone is enough; the ownership file, the snapshot and an earlier report add detail.
    """
    with exit_on_error():
        from pathlib import Path

        from scanner.assess.report_file import ReportFile
        from scanner.catalogue.responsibility import load_catalogue
        from scanner.cli.exits import Usage
        from scanner.cli.screen import screen
        from scanner.explain.finding import Material
        from scanner.explain.finding import explain as explained
        from scanner.report.saved import saved_head

        if form not in ("text", "json"):
            raise Usage(f"--format {form}: expected text or json")
        file = ReportFile(Path(report))
        head = saved_head(file, rows=False)
        one = _chosen(finding, file, head)
        catalogue = load_catalogue()
        boundary, trace = _boundary_and_owner(
            one, head, catalogue, Path(report), ownership, snapshot, config, now
        )
        before = ReportFile(Path(baseline)) if baseline else None
        material = Material(
            head=head,
            catalogue=catalogue,
            boundary=boundary,
            owner=trace,
            ownership_given=ownership is not None,
            owner_from_report=snapshot is None,
            calls=_calls(one),
            earlier=next(before.starting_with(one.uid), None) if before is not None else None,
            earlier_name=baseline,
            earlier_head=saved_head(before, rows=False) if before is not None else None,
        )
        explanation = explained(one, material)
        with screen() as print_line:
            if form == "json":
                print_line(explanation.model_dump_json(indent=2))
            else:
                _print(explanation, print_line)


def _chosen(name: str, report: ReportFile, head: Head) -> Finding:
    """The finding whose uid starts with the name. Raises ``Usage``."""
    from itertools import islice

    from scanner.cli.exits import Usage

    found = list(islice(report.starting_with(name), _SHOWN + 1))
    if len(found) == 1:
        return found[0]
    if not found:
        why = ""
        if head.summary.listed == "open":
            why = (
                ": it lists what is open or wants a change of the ownership file; what is fine or unclaimed "
                "is only counted, unless the report is made with --findings all"
            )
        raise Usage(f"{report.path} has no finding {name}{why}")
    shown = "\n".join(f"  {one.uid[:16]}  {one.control}: {one.message}" for one in found[:_SHOWN])
    many, more = (f"more than {_SHOWN}", "\n  …") if len(found) > _SHOWN else (str(len(found)), "")
    raise Usage(f"gapscan: {many} findings start with {name}:\n{shown}{more}")


def _boundary_and_owner(
    finding: Finding,
    head: Head,
    catalogue: Catalogue,
    report: Path,
    ownership: str | None,
    snapshot: str | None,
    config: str | None,
    now: str | None,
) -> tuple[Boundary | None, Explanation | None]:
    """The boundary to the provider and the trace of the owner, as far as the files have them."""
    from pathlib import Path

    from scanner.assess.targets import StatedScope
    from scanner.cli.moment import moment
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
        place = _in_snapshot(finding, Path(snapshot), stated, uses_paths)
    else:
        from scanner.cli.reported_places import ReportEstate

        place = ReportEstate(report, stated).place(finding)
    if place is None or finding.control not in catalogue.controls:
        return None, None
    boundary = None
    if place.resource is not None:
        boundary = catalogue.boundary(catalogue.controls[finding.control], place.resource)
    if file is None:
        return boundary, None
    resolver = Resolver(file, catalogue, time)
    return boundary, trace(resolver, finding.control, place.target, finding.party)


def _in_snapshot(
    finding: Finding, snapshot: Path, stated: Mapping[str, StatedScope], uses_paths: bool
) -> EstatePlace | None:
    """The finding's resource; ``None`` for a kind that could not be listed. Raises ``Usage``."""
    from scanner.cli.exits import Usage
    from scanner.cli.places import place_in_snapshot

    resource = finding.resource
    assert resource is not None
    if resource.is_blind_spot(finding.region):
        return None
    scope = str(finding.provider), str(finding.scope)
    place = place_in_snapshot(snapshot, stated, uses_paths, scope, resource.kind, resource.id)
    if place is None:
        raise Usage(f"{snapshot} has no {resource.kind} {resource.id}: is it from the same scan?")
    return place


def _calls(finding: Finding) -> Mapping[str, tuple[str, ...]]:
    """The calls that read each facet, without those that list the kind unless no others read it."""
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


def _print(explanation: FindingExplanation, print_line: Callable[[str], None]) -> None:
    from scanner.base.terminal import printable
    from scanner.cli.prose import entry

    rule = f"  {explanation.rule}" if explanation.rule else ""
    print_line(f"{explanation.uid[:16]}  {explanation.control}{rule}")
    for section in explanation.sections:
        head: str = section.title
        for sentence in section.sentences:
            # Sanitised before wrapping: a line break in a tag must not start a new line.
            for line in entry(head, printable(str(sentence)), _INDENT):
                print_line(line)
            head = ""
