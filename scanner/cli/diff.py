"""``gapscan diff``: what changed between two reports or snapshots."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options as option
from scanner.cli.exits import exit_on_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from scanner.assess.changes import FindingChange
    from scanner.assess.finding import Finding
    from scanner.assess.narrowing import Narrowing
    from scanner.assess.request import AssessmentRequest
    from scanner.model.resources.account import Account
    from scanner.model.resources.identity import Tenant
    from scanner.report.diff import Side
    from scanner.report.model import Head

    Accounts = Mapping[tuple[str, str], Account | Tenant]


class DiffFormat(StrEnum):
    """How the changes are written."""

    text = "text"
    json = "json"


def diff(
    before: Annotated[str, typer.Argument(help="A JSON report or a snapshot.", metavar="A")],
    after: Annotated[str, typer.Argument(help="A later one.", metavar="B")],
    ownership: Annotated[
        str | None, typer.Option(help="ownership.yaml to assess snapshots with.", metavar="FILE")
    ] = None,
    team: option.Team = None,
    where: option.Where = None,
    form: Annotated[DiffFormat, typer.Option("--format", help="Text for people, or JSON.")] = DiffFormat.text,
    everything: option.Everything = False,
) -> None:
    """Show findings that are new, worse, better, closed or have a new owner.

    Compares two reports or snapshots; snapshots are assessed with the built-in rules. What is fine counts
    as not listed, whatever the reports list: a finding that was fine and is open now is new. Findings that
    can no longer be determined are shown apart from closed ones. With --team or --where, a change is shown
    if the finding matches before or after; compare full reports, since what a narrowed one leaves out has
    not closed. The exit code is 0 whatever changed.
    """
    with exit_on_error():
        import os
        import sys
        from pathlib import Path

        from scanner.assess.changes import AssessedSide, compare
        from scanner.cli.exits import Usage
        from scanner.cli.options import AssessmentOptions, RuleOptions
        from scanner.cli.requests import assessment_request, configuration
        from scanner.report.diff import Comparison, render_json, render_text

        options = AssessmentOptions(ownership=ownership, team=team, where=where)
        request = assessment_request(configuration(RuleOptions()), RuleOptions(), options)
        narrowing = request.narrowing
        if narrowing is not None and narrowing.where is not None and narrowing.where.uses_services:
            raise Usage("--where: findings do not have a service: use kind")
        old, old_head, earlier, old_accounts = _read(Path(before), request)
        new, new_head, later, new_accounts = _read(Path(after), request)
        changes: Iterable[FindingChange] = compare(
            earlier, later, frozenset(old_head["rules"]), AssessedSide.of(new_head)
        )
        if narrowing is not None:
            changes = _matching(changes, narrowing, old_accounts, new_accounts)
        counts_fine = new_head["summary"]["listed"] == "open"
        comparison = Comparison(old, new, changes, everything, request.narrowed_by, counts_fine)
        try:
            (render_json if form is DiffFormat.json else render_text)(comparison, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader closed standard output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _matching(
    changes: Iterable[FindingChange], narrowing: Narrowing, before: Accounts, after: Accounts
) -> Iterator[FindingChange]:
    """The changes of findings that match before or after: a change of owner concerns both teams.

    What is fine counts as not listed, as it does for the changes themselves.
    """
    from scanner.assess.narrowing import fit_of_finding

    for change in changes:
        for finding, accounts in ((change.before, before), (change.after, after)):
            if finding is not None and finding.listed:
                account = accounts.get((finding.provider or "", finding.scope or ""))
                if fit_of_finding(narrowing, finding, account) != "no":
                    yield change
                    break


def _read(
    path: Path, request: AssessmentRequest
) -> tuple[Side, Mapping[str, Any], Iterable[Finding], Accounts]:
    """One side: its description, its head as JSON values, its findings by uid, and the scopes that it has."""
    from scanner.report.diff import Side

    head, findings, accounts = _assessed(path, request) if _is_snapshot(path) else _reported(path, request)
    text = head.model_dump(mode="json", by_alias=True)
    return Side(str(path), head.scan.id, text["scan"]["finished"]), text, findings, accounts


def _is_snapshot(path: Path) -> bool:
    from scanner.base.files import open_file

    try:
        with open_file(path) as file:
            return file.read(4) == b"\x28\xb5\x2f\xfd"
    except OSError as error:
        from scanner.cli.exits import Usage

        raise Usage(f"{path}: cannot be read: {error.strerror or error}") from None


def _reported(path: Path, request: AssessmentRequest) -> tuple[Head, Iterable[Finding], Accounts]:
    from scanner.assess.report_file import ReportFile
    from scanner.cli.exits import Usage
    from scanner.report.saved import saved_head

    where = request.narrowing.where if request.narrowing is not None else None
    if where is not None and where.uses_paths:
        raise Usage(
            f"{path}: a report does not have the paths of its scopes: compare snapshots, or name accounts"
        )
    report = ReportFile(path)
    head = saved_head(report, rows=False)
    if any(option.startswith("--states") for option in head.scan.narrowed):
        raise Usage(f"{path}: does not hold every finding (made with --states): it cannot be compared")
    return head, report, {}


def _assessed(path: Path, request: AssessmentRequest) -> tuple[Head, Iterable[Finding], Accounts]:
    from dataclasses import replace

    from scanner.assess.assessment import assess
    from scanner.cli.assess import stored
    from scanner.model.resources.account import Account
    from scanner.model.resources.identity import Tenant
    from scanner.report.build import build

    collected = stored(path, request)
    # Assessed in full: only then is it known what closed.
    full = replace(request, narrowing=None, narrowed_by=()).at(collected.finished)
    report = build(collected, assess(collected.inventory, full), full)
    accounts: Accounts = {
        (resource.provider, resource.scope): resource
        for resource in collected.inventory.of(Account.kind, Tenant.kind)
        if isinstance(resource, Account | Tenant)
    }
    return report.head, report.findings, accounts
