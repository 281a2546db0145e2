"""What changes hands between two ownership files: by their lines alone, or on the resources of an estate."""

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
from scanner.ownership.file.schema import ExcuseText, OwnerText
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import DIRECTORY, Clause, OwnershipTarget
from scanner.ownership.status import OwnershipStatus

Kind = Literal["lost", "hands", "gained", "otherwise", "excuse"]
"""``lost``: falls to nobody. ``hands``: from one owner to another. ``gained``: has an owner now.
``otherwise``: becomes, or was, contested or misattributed. ``excuse``: an exception or a declaration that it
does not apply comes or goes, whoever owns it."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_Line = Line[OwnerText] | Line[ExcuseText]

_NOWHERE = "-"
"""Provider, account and kind of a place that no line names."""


class Holding(FrozenModel):
    """Who holds a control somewhere."""

    status: OwnershipStatus
    owner: str | None
    source: str | None
    exception: str | None
    not_applicable: str | None

    @classmethod
    def by(cls, found: Ownership) -> Holding:
        """What a file says."""
        owns = found.status not in ("nobody", "contested")
        return cls(
            status=found.status,
            owner=found.owner if owns else None,
            source=found.source if found.status != "nobody" else None,
            exception=found.exception,
            not_applicable=found.not_applicable,
        )

    @property
    def held(self) -> tuple[OwnershipStatus, str | None]:
        """Who has it."""
        return self.status, self.owner

    @property
    def excused(self) -> tuple[str | None, str | None]:
        """What is in force against it."""
        return self.exception, self.not_applicable

    def __str__(self) -> str:
        if self.status == "misattributed":
            return f"{self.owner or 'the provider'} (misattributed)"
        return self.owner or self.status


class OwnershipChange(FrozenModel):
    """A control that is in other hands somewhere."""

    kind: Kind
    control: str
    where: str
    """The scope, or what a line selects by, in words."""
    resources: int | None
    """How many resources of the scope it changes on; ``None`` where lines alone were compared."""
    before: Holding
    after: Holding


@dataclass(frozen=True)
class CustomerControls:
    """A resource, the scope to count it in, and the controls that are judged on it, each with its party."""

    subject: OwnershipTarget
    scope: str
    controls: Sequence[tuple[str, Party]]


def kinds_of(before: Holding, after: Holding) -> tuple[Kind, ...]:
    """How two answers differ: in the owner, in what excuses, in both or in neither."""
    excuse: tuple[Kind, ...] = () if before.excused == after.excused else ("excuse",)
    if before.held == after.held:
        return excuse
    kind: Kind = "otherwise"
    if after.status == "nobody":
        kind = "lost"
    elif (before.status, after.status) == ("nobody", "owned"):
        kind = "gained"
    elif before.status == after.status == "owned":
        kind = "hands"
    return kind, *excuse


def on_resources(
    old: Resolver, new: Resolver, places: Iterable[CustomerControls]
) -> tuple[OwnershipChange, ...]:
    """Exactly what changes on the resources of an estate, by control and scope."""
    counts: dict[tuple[str, str, Holding, Holding], int] = defaultdict(int)
    for place in places:
        for control, party in place.controls:
            before = old.resolve(control, place.subject, party)
            after = new.resolve(control, place.subject, party)
            if _differ(before, after):
                counts[control, place.scope, Holding.by(before), Holding.by(after)] += 1
    found = [
        OwnershipChange(kind=kind, control=control, where=scope, resources=count, before=before, after=after)
        for (control, scope, before, after), count in counts.items()
        for kind in kinds_of(before, after)
    ]
    return _sorted(found)


def _differ(one: Ownership, other: Ownership) -> bool:
    return (one.status, one.owner, one.exception, one.not_applicable) != (
        other.status,
        other.owner,
        other.exception,
        other.not_applicable,
    )


def by_lines(old: Resolver, new: Resolver) -> tuple[OwnershipChange, ...]:
    """What changes at the places that the lines of either file name, one place at a time.

    Where two lines that select by different things meet (an account and a tag), only an estate can tell.
    """
    nowhere = _subject()
    general = {
        control: (Holding.by(old.resolve(control, nowhere)), Holding.by(new.resolve(control, nowhere)))
        for control in old.catalogue.controls
    }
    found = [
        OwnershipChange(
            kind=kind, control=control, where="everywhere", resources=None, before=before, after=after
        )
        for control, (before, after) in general.items()
        for kind in kinds_of(before, after)
    ]
    for where, (subject, controls) in _places(old.file, new.file).items():
        for control in controls:
            before = Holding.by(old.resolve(control, subject))
            after = Holding.by(new.resolve(control, subject))
            found += [
                OwnershipChange(
                    kind=kind, control=control, where=where, resources=None, before=before, after=after
                )
                for kind in kinds_of(before, after)
                if not _repeats(kind, (before, after), general[control])
            ]
    return _sorted(found)


def _repeats(kind: Kind, here: tuple[Holding, Holding], everywhere: tuple[Holding, Holding]) -> bool:
    """Whether a change at one place is the same that holds everywhere."""
    if kind == "excuse":
        return [one.excused for one in here] == [one.excused for one in everywhere]
    return [one.held for one in here] == [one.held for one in everywhere]


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


def _places(*files: OwnershipFile | None) -> dict[str, tuple[OwnershipTarget, set[str]]]:
    """By what lines select by, in words: a subject that stands for it, and the controls of those lines."""
    places: dict[str, tuple[OwnershipTarget, set[str]]] = {}
    for file in files:
        if file is not None:
            lines: tuple[_Line, ...] = (*file.owners, *file.exceptions, *file.not_applicable)
            for line in lines:
                for clause in line.clauses:
                    for where, subject in _samples(clause):
                        places.setdefault(where, (subject, set()))[1].update(line.controls)
    return places


def _samples(clause: Clause) -> Iterator[tuple[str, OwnershipTarget]]:
    """A subject for each provider, account and resource that a clause means; none for everything."""
    if clause == Clause():
        return
    rest: dict[str, Any] = {"tags": {key: min(values) for key, values in clause.tags or ()}}
    told = []
    if clause.path is not None:
        rest["path"] = "/" + "/".join(clause.path)
        told.append(f"path {rest['path']}")
    for name in ("kind", "service", "region"):
        values = getattr(clause, name)
        if values is not None:
            rest[name] = min(values)
            told.append(f"{name} {' or '.join(sorted(values))}")
    told += [f"tag {key}={' or '.join(sorted(values))}" for key, values in clause.tags or ()]
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
        where = [f"{noun} {value}" for noun, value in pairs if value is not None]
        yield ", ".join([*where, *told]), _subject(**chosen)


def _named(names: frozenset[str] | None, pattern: re.Pattern[str] | None) -> Sequence[str | None]:
    if names is not None:
        return sorted(names)
    return [None] if pattern is None else list(_fitting(pattern))


def _fitting(pattern: re.Pattern[str]) -> Iterator[str]:
    """A name for each glob of a pattern: one that has nothing where the glob has ``*``."""
    for glob in pattern.pattern.split("|"):
        bare = _WILD.sub("", glob)
        name = re.sub(r"\\(.)", r"\1", _ONE.sub("0", bare))
        if pattern.match(name):
            yield name


_WILD = re.compile(r"\(\?s:|\)\\Z|\(\?>\.\*\?|\.\*\??|(?<!\\)\)")
"""What :func:`fnmatch.translate` writes around and for ``*``."""
_ONE = re.compile(r"(?<!\\)\.")
"""What it writes for ``?``."""


def _subject(**known: Any) -> OwnershipTarget:
    """A place of which nothing is known but this."""
    nothing: dict[str, Any] = {
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
    return OwnershipTarget(**{**nothing, **known})
