"""Near misses: lines that fail to fit by a single condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from scanner.base.models import FrozenModel
from scanner.ownership.file.file import Line, OwnershipFile
from scanner.ownership.file.schema import OwnerText
from scanner.ownership.resolve.selection import Clause, Facts, OwnershipTarget

_MAX_MISSES = 10
"""More would repeat the file."""


class NearMiss(FrozenModel):
    """A line that selects the control and does not fit because of a single condition."""

    file: str
    line: int
    accountable: str | None
    why: str


def misses(file: OwnershipFile, control: str, facts: Facts, target: OwnershipTarget) -> tuple[NearMiss, ...]:
    """The near misses in the order of the file; at most ten."""
    found: list[NearMiss] = []
    for line in file.owners:
        if len(found) == _MAX_MISSES:
            break
        if control in line.controls and all(clause.fits(facts) == "no" for clause in line.clauses):
            found += _of(line, facts, target)
    return tuple(found)


def _of(line: Line[OwnerText], facts: Facts, target: OwnershipTarget) -> Iterator[NearMiss]:
    for clause in line.clauses:
        failing = [
            condition.name
            for condition in fields(clause)
            if (value := getattr(clause, condition.name)) is not None
            and replace(Clause(), **{condition.name: value}).fits(facts) == "no"
        ]
        if len(failing) == 1:
            wanted, given = _wanted(line, clause, failing[0]), _given(clause, failing[0], target)
            why = f"it applies to {wanted}, and this {given}"
            yield NearMiss(file=line.file, line=line.number, accountable=line.text.accountable, why=why)
            return


def _wanted(line: Line[OwnerText], clause: Clause, name: str) -> str:
    if name == "path":
        return f"the path /{'/'.join(clause.path or ())}"
    if name == "tags":
        return " and ".join(f"tag {key}={' or '.join(sorted(values))}" for key, values in clause.tags or ())
    if name in ("account_pattern", "resource_pattern"):
        return f"a pattern ({line.where})"
    label = {"accounts": "account", "resources": "resource"}.get(name, name)
    return f"{label} {' or '.join(sorted(getattr(clause, name)))}"


def _given(clause: Clause, name: str, target: OwnershipTarget) -> str:
    if name == "tags":
        tags = target.tags if isinstance(target.tags, Mapping) else {}
        mine = {key.lower(): value for key, value in tags.items()}
        differences = [
            f"{key}={mine[key]}" if key in mine else f"no {key}"
            for key, values in clause.tags or ()
            if mine.get(key, "").lower() not in values
        ]
        return f"has {' and '.join(differences)}"
    if name == "path":
        return f"is in {target.path}" if isinstance(target.path, str) else "is in no hierarchy"
    if name in ("accounts", "account_pattern"):
        return f"is in {target.scope}"
    if name in ("resources", "resource_pattern"):
        return f"is {target.name or target.resource_id or 'another resource'}"
    given = getattr(target, name)
    given = getattr(target, name)
    return f"is in no {name}" if given is None else f"is {given}"
