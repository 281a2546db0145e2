"""Lines that nearly fit: what one condition kept away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from scanner.base.models import FrozenModel
from scanner.ownership.file.file import Line, OwnershipFile
from scanner.ownership.file.schema import OwnerText
from scanner.ownership.resolve.selection import Clause, Facts, OwnershipTarget

_MOST = 10
"""More would be the file again."""


class Miss(FrozenModel):
    """A line that means the control, and does not fit because of a single condition."""

    file: str
    line: int
    accountable: str | None
    why: str


def misses(file: OwnershipFile, control: str, facts: Facts, subject: OwnershipTarget) -> tuple[Miss, ...]:
    """The lines that one condition kept away, in the order of the file; no more than ten."""
    found: list[Miss] = []
    for line in file.owners:
        if len(found) == _MOST:
            break
        if control in line.controls and all(clause.fits(facts) == "no" for clause in line.clauses):
            found += _of(line, facts, subject)
    return tuple(found)


def _of(line: Line[OwnerText], facts: Facts, subject: OwnershipTarget) -> Iterator[Miss]:
    for clause in line.clauses:
        failing = [
            condition.name
            for condition in fields(clause)
            if (asked := getattr(clause, condition.name)) is not None
            and replace(Clause(), **{condition.name: asked}).fits(facts) == "no"
        ]
        if len(failing) == 1:
            wanted, given = _wanted(line, clause, failing[0]), _given(clause, failing[0], subject)
            why = f"it is for {wanted}, and this {given}"
            yield Miss(file=line.file, line=line.number, accountable=line.text.accountable, why=why)
            return


def _wanted(line: Line[OwnerText], clause: Clause, name: str) -> str:
    if name == "path":
        return f"the path /{'/'.join(clause.path or ())}"
    if name == "tags":
        return " and ".join(f"tag {key}={' or '.join(sorted(values))}" for key, values in clause.tags or ())
    if name in ("account_pattern", "resource_pattern"):
        return f"a pattern ({line.where})"
    noun = {"accounts": "account", "resources": "resource"}.get(name, name)
    return f"{noun} {' or '.join(sorted(getattr(clause, name)))}"


def _given(clause: Clause, name: str, subject: OwnershipTarget) -> str:
    if name == "tags":
        tags = subject.tags if isinstance(subject.tags, Mapping) else {}
        mine = {key.lower(): value for key, value in tags.items()}
        told = [
            f"{key}={mine[key]}" if key in mine else f"no {key}"
            for key, values in clause.tags or ()
            if mine.get(key, "").lower() not in values
        ]
        return f"has {' and '.join(told)}"
    if name == "path":
        return f"is in {subject.path}" if isinstance(subject.path, str) else "stands in no hierarchy"
    if name in ("accounts", "account_pattern"):
        return f"is in {subject.scope}"
    if name in ("resources", "resource_pattern"):
        return f"is {subject.name or subject.resource_id or 'another'}"
    given = getattr(subject, name)
    given = getattr(subject, name)
    return f"is in no {name}" if given is None else f"is {given}"
