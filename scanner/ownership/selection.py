"""Selection: whether a ``where`` means a resource, and which of two is more specific. Three-valued.

A ``where`` is compiled to clauses, each with a fixed rank; a resource is reduced to the facts that clauses
look at. Where tags or the path could not be read, a clause that looks at them fits *maybe*.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from typing import Final, Literal, NamedTuple

from scanner.evidence import Observed
from scanner.ownership.schema import AnyOf, Where
from scanner.resources import ProviderName

Fit = Literal["yes", "no", "maybe"]
"""Whether a clause means a resource; ``maybe``: an unread tag or path decides."""

Rank = tuple[int, ...]
"""How specific a clause is: greater is more specific."""


class Hidden(Enum):
    """Stands for what could not be read."""

    HIDDEN = "hidden"


HIDDEN: Final = Hidden.HIDDEN

Tags = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Subject:
    """A resource as an ownership file can select it. The scope itself is the account resource."""

    provider: ProviderName
    scope: str
    """Account, subscription or project id."""
    path: Observed[str | None]
    """The scope's place in the hierarchy; ``None``: it stands alone."""
    region: str | None
    service: str | None
    kind: str
    tags: Observed[Mapping[str, str]]
    account_tags: Observed[Mapping[str, str]]
    """The tags of the scope that holds it."""
    resource_id: str | None
    name: str | None


class Facts(NamedTuple):
    """What of a subject any line of a file can tell apart. Equal facts have equal owners."""

    provider: str
    account: str
    path: tuple[str, ...] | Hidden | None
    region: str | None
    service: str | None
    kind: str
    tags: Tags | Hidden
    account_tags: Tags | Hidden
    resource: tuple[str, ...]
    """Its id and the last part of it, if any line selects by resource."""
    name: str | None


@dataclass(frozen=True)
class Clause:
    """Conditions that must all hold; ``None`` holds for everything."""

    provider: frozenset[str] | None = None
    path: tuple[str, ...] | None = None
    accounts: frozenset[str] | None = None
    account_pattern: re.Pattern[str] | None = None
    region: frozenset[str] | None = None
    service: frozenset[str] | None = None
    kind: frozenset[str] | None = None
    tags: tuple[tuple[str, frozenset[str]], ...] | None = None
    resources: frozenset[str] | None = None
    resource_pattern: re.Pattern[str] | None = None

    @property
    def rank(self) -> Rank:
        """Resource > tags > account (exact > pattern) > deeper path > kind > service > region > provider."""
        return (
            2 * (self.resources is not None) + (self.resource_pattern is not None),
            int(self.tags is not None),
            2 * (self.accounts is not None) + (self.account_pattern is not None),
            len(self.path or ()),
            int(self.kind is not None),
            int(self.service is not None),
            int(self.region is not None),
            int(self.provider is not None),
        )

    def in_scope(self, provider: str, account: str, path: tuple[str, ...] | Hidden | None) -> Fit:
        """Whether anything in a scope can fit."""
        if self.provider is not None and provider not in self.provider:
            return "no"
        if self.accounts is not None and account not in self.accounts:
            return "no"
        if self.account_pattern is not None and not self.account_pattern.match(account):
            return "no"
        if self.path is None:
            return "yes"
        if path is HIDDEN:
            return "maybe"
        return "yes" if path is not None and path[: len(self.path)] == self.path else "no"

    def fits(self, facts: Facts) -> Fit:
        """Whether a resource of a scope that fits is meant."""
        for allowed, given in (
            (self.region, facts.region),
            (self.service, facts.service),
            (self.kind, facts.kind),
        ):
            if allowed is not None and given not in allowed:
                return "no"
        if not self._names(facts):
            return "no"
        if self.tags is None:
            return "yes"
        if facts.tags is HIDDEN:
            return "maybe"
        told = all(any((key, value) in facts.tags for value in values) for key, values in self.tags)
        return "yes" if told else "no"

    def _names(self, facts: Facts) -> bool:
        fold = str.lower if facts.provider == "azure" else str
        if self.resources is not None:
            wanted = {fold(name) for name in self.resources}
            return any(fold(name) in wanted for name in facts.resource)
        if self.resource_pattern is not None:
            told = (*facts.resource, *([facts.name] if facts.name is not None else []))
            return any(self.resource_pattern.match(name) for name in told)
        return True

    def can_meet(self, other: Clause) -> bool:
        """Whether one resource could fit both. Two patterns are taken to be able to."""
        for name in ("provider", "region", "service", "kind"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine is not None and theirs is not None and not mine & theirs:
                return False
        if self.resources is not None and other.resources is not None:
            ends = {last_part(name).lower() for name in other.resources}
            if not any(last_part(name).lower() in ends for name in self.resources):
                return False
        accounts_meet = _accounts_meet(self, other) and _accounts_meet(other, self)
        return accounts_meet and self.can_meet_unseen(other)

    def can_meet_unseen(self, other: Clause) -> bool:
        """Whether one resource could have a path and tags that fit both."""
        if self.path is not None and other.path is not None:
            shared = min(len(self.path), len(other.path))
            if self.path[:shared] != other.path[:shared]:
                return False
        theirs = dict(other.tags or ())
        return all(key not in theirs or values & theirs[key] for key, values in self.tags or ())

    def entails(self, other: Clause, facts: Facts) -> bool:
        """Whether, for hidden tags or path, this one cannot fit without the other fitting too."""
        if facts.tags is HIDDEN:
            mine = dict(self.tags or ())
            for key, values in other.tags or ():
                if key not in mine or not mine[key] <= values:
                    return False
        if facts.path is HIDDEN and other.path is not None:
            return self.path is not None and self.path[: len(other.path)] == other.path
        return True


def _accounts_meet(one: Clause, other: Clause) -> bool:
    if one.accounts is None:
        return True
    if other.accounts is not None:
        return bool(one.accounts & other.accounts)
    pattern = other.account_pattern
    return pattern is None or any(pattern.match(account) for account in one.accounts)


EVERYTHING = (Clause(),)


def compile_selection(selection: Where | AnyOf | None) -> tuple[Clause, ...]:
    """The clauses of a ``where``: one for each alternative that has a rank of its own."""
    if selection is None:
        return EVERYTHING
    wheres = selection.any if isinstance(selection, AnyOf) else (selection,)
    return tuple(clause for where in wheres for clause in _clauses(where))


def _clauses(where: Where) -> Iterator[Clause]:
    tags = None
    if where.tags is not None:
        tags = tuple((key.lower(), _folded(values)) for key, values in sorted(where.tags.items()))
    for path, account, resource in itertools.product(
        [None] if where.path is None else where.path, _split(where.account), _split(where.resource)
    ):
        yield Clause(
            provider=None if where.provider is None else frozenset(where.provider),
            path=None if path is None else parts(path),
            accounts=_folded(account) if account and not is_pattern(account[0]) else None,
            account_pattern=_pattern(account, re.IGNORECASE) if account and is_pattern(account[0]) else None,
            region=_folded(where.region) if where.region else None,
            service=_folded(where.service) if where.service else None,
            kind=frozenset(where.kind) if where.kind else None,
            tags=tags,
            resources=frozenset(resource) if resource and not is_pattern(resource[0]) else None,
            resource_pattern=_pattern(resource, re.IGNORECASE)
            if resource and is_pattern(resource[0])
            else None,
        )


def is_pattern(name: str) -> bool:
    """Whether an account or resource is given by a pattern."""
    return "*" in name or "?" in name


def _split(names: tuple[str, ...] | None) -> list[tuple[str, ...] | None]:
    """Exact names and patterns apart, since they differ in rank."""
    if names is None:
        return [None]
    exact = tuple(name for name in names if not is_pattern(name))
    patterns = tuple(name for name in names if is_pattern(name))
    return [group for group in (exact, patterns) if group]


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _pattern(globs: tuple[str, ...], flags: re.RegexFlag) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob.replace("[", "[[]")) for glob in globs), flags)


def parts(path: str) -> tuple[str, ...]:
    """The names along a path."""
    return tuple(name for name in path.lower().split("/") if name)


def last_part(resource_id: str) -> str:
    """What follows the last ``/`` or ``:`` of an id."""
    return re.split(r"[/:]", resource_id)[-1] or resource_id


def any_fits(clauses: Iterable[Clause], facts: Facts) -> Fit:
    """Whether any of several clauses means a resource."""
    best: Fit = "no"
    for clause in clauses:
        both = {clause.in_scope(facts.provider, facts.account, facts.path), clause.fits(facts)}
        if both == {"yes"}:
            return "yes"
        if "no" not in both:
            best = "maybe"
    return best
