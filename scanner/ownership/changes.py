"""Ownership changes between two ownership files: by their lines alone, or on the resources of an estate."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

from scanner.base.models import FrozenModel
from scanner.catalogue.control import Party
from scanner.ownership.file.file import Line, OwnershipFile
from scanner.ownership.file.schema import OwnerText, WaiverText
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import DIRECTORY, Clause, OwnershipTarget
from scanner.ownership.status import OwnershipStatus

Kind = Literal["lost", "hands", "gained", "otherwise", "excuse"]
"""``lost``: no owner any more. ``hands``: from one owner to another. ``gained``: has an owner now.
``otherwise``: is or was contested or misattributed. ``excuse``: an exception or a declaration that the
control does not apply starts or ends, whoever the owner is."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_Line = Line[OwnerText] | Line[WaiverText]

_NOWHERE = "-"
"""Provider, account and kind of a target that no line names."""


class Assignment(FrozenModel):
    """The ownership of a control at a target by one file."""

    status: OwnershipStatus
    owner: str | None
    source: str | None
    exception: str | None
    not_applicable: str | None

    @classmethod
    def of(cls, found: Ownership) -> Assignment:
        """Leaves out contacts and sources that assign no owner."""
        assigned = found.status not in ("nobody", "contested")
        return cls(
            status=found.status,
            owner=found.owner if assigned else None,
            source=found.source if found.status != "nobody" else None,
            exception=found.exception,
            not_applicable=found.not_applicable,
        )

    @property
    def status_and_owner(self) -> tuple[OwnershipStatus, str | None]:
        """The status and the owner."""
        return self.status, self.owner

    @property
    def waivers(self) -> tuple[str | None, str | None]:
        """The exception and the declaration that the control does not apply, if in force."""
        return self.exception, self.not_applicable

    def __str__(self) -> str:
        if self.status == "misattributed":
            return f"{self.owner or 'the provider'} (misattributed)"
        return self.owner or self.status


class OwnershipChange(FrozenModel):
    """A change in the ownership of a control."""

    kind: Kind
    control: str
    where: str
    """The scope, or the conditions of a line, in words."""
    resources: int | None
    """The number of affected resources of the scope; ``None`` if only lines were compared."""
    before: Assignment
    after: Assignment


@dataclass(frozen=True)
class CustomerControls:
    """A resource, the scope to count it in, and the controls evaluated on it, each with its party."""

    target: OwnershipTarget
    scope: str
    controls: Sequence[tuple[str, Party]]


def change_kinds(before: Assignment, after: Assignment) -> tuple[Kind, ...]:
    """How two assignments differ: in the owner, in the waivers, in both or in neither."""
    waiver: tuple[Kind, ...] = () if before.waivers == after.waivers else ("excuse",)
    if before.status_and_owner == after.status_and_owner:
        return waiver
    kind: Kind = "otherwise"
    if after.status == "nobody":
        kind = "lost"
    elif (before.status, after.status) == ("nobody", "owned"):
        kind = "gained"
    elif before.status == after.status == "owned":
        kind = "hands"
    return kind, *waiver


def changes_on_resources(
    old: Resolver, new: Resolver, places: Iterable[CustomerControls]
) -> tuple[OwnershipChange, ...]:
    """The changes on the resources of an estate, by control and scope."""
    counts: dict[tuple[str, str, Assignment, Assignment], int] = defaultdict(int)
    for place in places:
        for control, party in place.controls:
            before = old.resolve(control, place.target, party)
            after = new.resolve(control, place.target, party)
            if _differ(before, after):
                counts[control, place.scope, Assignment.of(before), Assignment.of(after)] += 1
    found = [
        OwnershipChange(kind=kind, control=control, where=scope, resources=count, before=before, after=after)
        for (control, scope, before, after), count in counts.items()
        for kind in change_kinds(before, after)
    ]
    return _sorted(found)


def _differ(one: Ownership, other: Ownership) -> bool:
    return (one.status, one.owner, one.exception, one.not_applicable) != (
        other.status,
        other.owner,
        other.exception,
        other.not_applicable,
    )


def changes_by_line(old: Resolver, new: Resolver) -> tuple[OwnershipChange, ...]:
    """The changes for the selections of the lines of either file, one selection at a time.

    Where lines with different selections overlap (an account and a tag), the result needs an estate.
    """
    nowhere = _target()
    general = {
        control: (Assignment.of(old.resolve(control, nowhere)), Assignment.of(new.resolve(control, nowhere)))
        for control in old.catalogue.controls
    }
    found = [
        OwnershipChange(
            kind=kind, control=control, where="everywhere", resources=None, before=before, after=after
        )
        for control, (before, after) in general.items()
        for kind in change_kinds(before, after)
    ]
    for where, (target, controls) in _sample_targets(old.file, new.file).items():
        for control in controls:
            before = Assignment.of(old.resolve(control, target))
            after = Assignment.of(new.resolve(control, target))
            found += [
                OwnershipChange(
                    kind=kind, control=control, where=where, resources=None, before=before, after=after
                )
                for kind in change_kinds(before, after)
                if not _repeats(kind, (before, after), general[control])
            ]
    return _sorted(found)


def _repeats(
    kind: Kind, here: tuple[Assignment, Assignment], everywhere: tuple[Assignment, Assignment]
) -> bool:
    """Whether a change at one target is the same as the change everywhere."""
    if kind == "excuse":
        return [one.waivers for one in here] == [one.waivers for one in everywhere]
    return [one.status_and_owner for one in here] == [one.status_and_owner for one in everywhere]


def _sorted(changes: Iterable[OwnershipChange]) -> tuple[OwnershipChange, ...]:
    return tuple(
        sorted(
            changes,
            key=lambda change: (
                KINDS.index(change.kind),
                change.where != "everywhere",
                change.control,
                change.where,
                str(change.before),
                str(change.after),
            ),
        )
    )


def _sample_targets(*files: OwnershipFile | None) -> dict[str, tuple[OwnershipTarget, set[str]]]:
    """A sample target for each selection (in words) of the lines, and the controls of those lines."""
    targets: dict[str, tuple[OwnershipTarget, set[str]]] = {}
    for file in files:
        if file is not None:
            lines: tuple[_Line, ...] = (*file.owners, *file.exceptions, *file.not_applicable)
            for line in lines:
                for clause in line.clauses:
                    for where, target in _samples(clause):
                        targets.setdefault(where, (target, set()))[1].update(line.controls)
    return targets


def _samples(clause: Clause) -> Iterator[tuple[str, OwnershipTarget]]:
    """A target for each provider, account and resource that a clause selects; none for everything."""
    if clause == Clause():
        return
    rest: dict[str, Any] = {"tags": {key: min(values) for key, values in clause.tags or ()}}
    conditions = []
    if clause.path is not None:
        rest["path"] = "/" + "/".join(clause.path)
        conditions.append(f"path {rest['path']}")
    for name in ("kind", "service", "region"):
        values = getattr(clause, name)
        if values is not None:
            rest[name] = min(values)
            conditions.append(f"{name} {' or '.join(sorted(values))}")
    conditions += [f"tag {key}={' or '.join(sorted(values))}" for key, values in clause.tags or ()]
    for provider, account, resource in product(
        sorted(clause.provider) if clause.provider is not None else [None],
        _named(clause.accounts, clause.account_pattern),
        _named(clause.resources, clause.resource_pattern),
    ):
        chosen: dict[str, Any] = dict(rest)
        if provider is not None:
            chosen["directory"] = provider == DIRECTORY
            chosen["provider"] = "azure" if chosen["directory"] else provider
        if account is not None:
            chosen["scope"] = account
        if resource is not None:
            chosen["resource_id"] = resource
        pairs = (("provider", provider), ("account", account), ("resource", resource))
        where = [f"{key} {value}" for key, value in pairs if value is not None]
        yield ", ".join([*where, *conditions]), _target(**chosen)


def _named(names: frozenset[str] | None, pattern: re.Pattern[str] | None) -> Sequence[str | None]:
    if names is not None:
        return sorted(names)
    return [None] if pattern is None else list(_matching(pattern))


def _matching(pattern: re.Pattern[str]) -> Iterator[str]:
    """A matching name for each glob of a pattern, with the empty string for ``*``."""
    for glob in pattern.pattern.split("|"):
        bare = _WILD.sub("", glob)
        name = re.sub(r"\\(.)", r"\1", _ONE.sub("0", bare))
        if pattern.match(name):
            yield name


_WILD = re.compile(r"\(\?s:|\)\\Z|\(\?>\.\*\?|\.\*\??|(?<!\\)\)")
"""The regular expression that :func:`fnmatch.translate` writes around a glob and for ``*``."""
_ONE = re.compile(r"(?<!\\)\.")
"""The regular expression that it writes for ``?``."""


def _target(**known: Any) -> OwnershipTarget:
    """A target with these facts and no others."""
    defaults: dict[str, Any] = {
        "provider": _NOWHERE,
        "scope": _NOWHERE,
        "path": None,
        "region": None,
        "service": None,
        "kind": _NOWHERE,
        "tags": {},
        "account_tags": {},
        "resource_id": None,
        "name": None,
    }
    return OwnershipTarget(**{**defaults, **known})
