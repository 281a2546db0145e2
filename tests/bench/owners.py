"""Resolving owners: an estate of 2,000 accounts and an ownership file of 500 lines, the largest expected."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from scanner.catalogue.responsibility import load_catalogue
from scanner.model.evidence import Unknown
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from tests.bench.figure import CannotBeMeasured, Figure

ACCOUNTS, LINES, RESOURCES, CONTROLS = 2_000, 500, 100_000, 10
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DENIED = Unknown.because("denied", "tag:GetResources", "tag:GetResources", "not allowed")
TEAMS, APPS = 60, 300


def figures() -> Iterator[Figure]:
    """Ten controls on every resource of the estate."""
    for name, hidden in (("resolve owners", False), ("resolve, unread tags", True)):
        taken, loading = resolving(hidden=hidden)
        detail = (
            f"of CPU; {CONTROLS} controls × {RESOURCES:,} resources in {ACCOUNTS:,} accounts by {LINES} "
            f"lines, loaded in {loading:.2f} s"
        )
        yield Figure(name, taken, 10, "s", detail)


def resolving(*, hidden: bool = False) -> tuple[float, float]:
    """CPU seconds to resolve ten controls on every resource, and to load the file.

    ``hidden``: no tag and no path could be read, so every line that selects by them may match.
    """
    catalogue = load_catalogue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ownership.yaml")
        path.write_text(yaml.safe_dump(_file(sorted(catalogue.domains)), sort_keys=False), encoding="utf-8")
        begin = time.process_time()
        file = load_ownership(path, catalogue)
        loading = time.process_time() - begin
    resolver = Resolver(file, catalogue, NOW)
    controls = sorted(catalogue.controls)[:: len(catalogue.controls) // CONTROLS][:CONTROLS]
    begin = time.process_time()
    for _ in _targets(hidden):
        pass
    generating = time.process_time() - begin
    begin = time.process_time()
    owned = 0
    for target in _targets(hidden):
        for control in controls:
            owned += resolver.resolve(control, target).status == "owned"
    taken = time.process_time() - begin - generating
    if not owned:
        raise CannotBeMeasured("no control in the benchmark has an owner")
    return taken, loading


def _file(domains: list[str]) -> dict[str, Any]:
    """A line for each domain, then lines by application, path, account and single control in turn."""
    lines: list[dict[str, Any]] = [
        {"controls": [name], "accountable": f"team-{index}"} for index, name in enumerate(domains)
    ]
    for number in range(LINES - len(lines)):
        where: dict[str, Any] = (
            {"tags": {"app": f"app-{number % APPS}"}},
            {"path": f"/Root/Unit-{number % 40}"},
            {"account": f"{number * 7 % ACCOUNTS:012d}"},
            {"tags": {"app": f"app-{number % APPS}", "env": "prod"}},
        )[number % 4]
        controls = ("*", domains[number % len(domains)], "data.no-public-exposure")[number % 3]
        line = {"controls": [controls], "where": where, "accountable": f"team-{number % TEAMS}"}
        lines.append({"id": f"line-{number}", **line})
    teams = {f"team-{number}": {"aliases": [f"squad-{number}"]} for number in range(TEAMS)}
    return {"version": 1, "teams": teams, "owners": lines, "reviewed": "2026-11-01"}


def _targets(hidden: bool) -> Iterator[OwnershipTarget]:
    kinds = ("bucket", "firewall", "virtual_machine", "database", "key", "user")
    each = RESOURCES // ACCOUNTS
    for account in range(ACCOUNTS):
        path = f"/Root/Unit-{account % 80}/Part-{account % 7}"
        for number in range(each):
            app = (account * 3 + number % 5) % (2 * APPS)
            env = ("prod", "dev")[number % 2]
            yield OwnershipTarget(
                provider="aws",
                scope=f"{account:012d}",
                path=DENIED if hidden else path,
                region=f"region-{number % 4}",
                service=None,
                kind=kinds[number % len(kinds)],
                tags=DENIED
                if hidden
                else {"app": f"app-{app}", "env": env, "owner": f"squad-{app % TEAMS}", "Name": f"{number}"},
                account_tags={"owner": f"squad-{account % TEAMS}"},
                resource_id=f"arn:aws:example:::{account}/{number}",
                name=f"{number}",
            )
