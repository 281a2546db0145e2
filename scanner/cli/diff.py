"""``gapscan diff``: what changed between two reports or snapshots."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options as option
from scanner.cli.exits import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from scanner.finding import Finding
    from scanner.report.diff import Side
    from scanner.report.model import Head


class Form(StrEnum):
    """How the changes are told."""

    text = "text"
    json = "json"


def diff(
    before: Annotated[str, typer.Argument(help="A JSON report or a snapshot.", metavar="A")],
    after: Annotated[str, typer.Argument(help="A later one.", metavar="B")],
    ownership: Annotated[
        str | None, typer.Option(help="ownership.yaml to judge snapshots with.", metavar="FILE")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="Text for people, or JSON.")] = Form.text,
    everything: option.Everything = False,
) -> None:
    """Tell what is new, worse, better, closed or in other hands since an earlier report or snapshot.

    Snapshots are judged first, by the built-in rules. What was open before and cannot be told any more is
    told apart from what closed. The exit code is 0 whatever changed.
    """
    with told():
        import os
        import sys
        from pathlib import Path

        from scanner.diff import Sight, compare
        from scanner.report.diff import Comparison, render_json, render_text

        owners = Path(ownership) if ownership else None
        old, old_head, earlier = _read(Path(before), owners)
        new, new_head, later = _read(Path(after), owners)
        changes = compare(earlier, later, frozenset(old_head["rules"]), Sight.of(new_head))
        comparison = Comparison(old, new, changes, everything)
        try:
            (render_json if form is Form.json else render_text)(comparison, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader of standard output has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _read(path: Path, ownership: Path | None) -> tuple[Side, Mapping[str, Any], Iterable[Finding]]:
    """One side: what it is, its head as JSON values, and its findings by uid."""
    from scanner.report.diff import Side

    head, findings = _judged(path, ownership) if _is_snapshot(path) else _reported(path)
    told = head.model_dump(mode="json", by_alias=True)
    return Side(str(path), head.scan.id, told["scan"]["finished"]), told, findings


def _is_snapshot(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x28\xb5\x2f\xfd"
    except OSError as error:
        from scanner.cli.exits import Usage

        raise Usage(f"{path}: cannot be read: {error.strerror or error}") from None


def _reported(path: Path) -> tuple[Head, Iterable[Finding]]:
    import json

    from pydantic import ValidationError

    from scanner.baseline import damaged, findings_of, read_report
    from scanner.cli.exits import Usage
    from scanner.report.model import Head

    document = read_report(path)
    findings = findings_of(document, path)
    try:
        head = Head.model_validate_json(json.dumps({k: v for k, v in document.items() if k != "findings"}))
    except ValidationError as error:
        raise damaged(path, error) from None
    if sum(head.summary.states.values()) + head.summary.ownership_defects != len(findings):
        raise Usage(f"{path}: does not hold every finding (made with --states): it cannot be compared")
    return head, findings


def _judged(path: Path, ownership: Path | None) -> tuple[Head, Iterable[Finding]]:
    from scanner.cli.assess import stored
    from scanner.cli.plan import Options, plan
    from scanner.cli.run import judge

    planned = plan(Options(ownership=ownership))
    report = judge(planned, stored(path, planned))
    return report.head, report.findings
