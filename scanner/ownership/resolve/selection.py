"""Selection: whether a ``where`` selects a resource, and which of two is more specific. Three-valued.

A ``where`` is compiled to clauses, each with a fixed rank; a resource is reduced to the facts that clauses
use. If the tags or the path are unread, a clause that uses them fits *maybe*.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from typing import Final, Literal, NamedTuple

from scanner.model.evidence import Observed
from scanner.model.resources.base import ProviderName
from scanner.ownership.file.schema import AnyOf, Where

Fit = Literal["yes", "no", "maybe"]
"""Whether a clause selects a resource; ``maybe``: an unread tag or path decides."""

Rank = tuple[int, ...]
"""How specific a clause is: greater is more specific."""


DIRECTORY = "entra"
"""The provider, in lines, of a directory behind Azure subscriptions."""


class Hidden(Enum):
    """Stands for unread tags or an unread path."""

    HIDDEN = "hidden"


HIDDEN: Final = Hidden.HIDDEN

Tags = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class OwnershipTarget:
    """A resource as an ownership file selects it; the scope itself is its account resource."""

    provider: ProviderName
    scope: str
    """Account, subscription or project id."""
    path: Observed[str | None]
    """The scope's path in the hierarchy; ``None``: it is in none."""
    region: str | None
    service: str | None
    kind: str
    tags: Observed[Mapping[str, str]]
    account_tags: Observed[Mapping[str, str]]
    """The tags of its scope."""
    resource_id: str | None
    name: str | None
    directory: bool = False
    """Whether it is, or is in, the directory behind the provider's scopes."""
    contacts: tuple[str, ...] = ()
    """Mail addresses of the scope's security contacts, as far as they were read."""

    @property
    def cloud(self) -> str:
        """The provider by which a line selects it: a directory is not an Azure subscription."""
        return DIRECTORY if self.directory else self.provider


class Facts(NamedTuple):
    """The facts of a target that the lines of a file can distinguish. Equal facts have equal owners."""

    provider: str
    """As named in lines."""
    account: str
    """The account; one that no line names is replaced by the first that matches the same patterns."""
    path: tuple[str, ...] | Hidden
    """The prefix that some line names."""
    region: str | None
    service: str | None
    kind: str
    tags: Tags | Hidden
    account_tags: Tags | Hidden
    resource: tuple[str, ...]
    """Its id and the last part of the id, if any line selects by one of them."""
    patterns: frozenset[re.Pattern[str]]
    """The patterns of lines that its id or name matches."""
    entry: tuple[str, str] | None = None
    """The owner in the software catalog, with file and line."""


@dataclass(frozen=True)
class Clause:
    """Conditions that must all hold; ``None`` always holds."""

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

    @property
    def selects_whole_scopes(self) -> bool:
        """Whether it selects by scope alone, and so a scope with everything in it."""
        inside = (
            self.region,
            self.service,
            self.kind,
            self.tags,
            self.resources,
            self.resource_pattern,
        )
        return all(condition is None for condition in inside)

    def fits(self, facts: Facts) -> Fit:
        """Whether it selects a resource."""
        if not (self._scope_fits(facts) and self._resource_fits(facts)):
            return "no"
        certain = True
        if self.path is not None:
            if facts.path is HIDDEN:
                certain = False
            elif facts.path[: len(self.path)] != self.path:
                return "no"
        if self.tags is not None:
            if facts.tags is HIDDEN:
                certain = False
            else:
                for key, values in self.tags:
                    if not any((key, value) in facts.tags for value in values):
                        return "no"
        return "yes" if certain else "maybe"

    def _scope_fits(self, facts: Facts) -> bool:
        """Whether the conditions on facts that are always known hold."""
        if self.account_pattern is not None and not self.account_pattern.match(facts.account):
            return False
        return (
            (self.provider is None or facts.provider in self.provider)
            and (self.accounts is None or facts.account in self.accounts)
            and (self.region is None or facts.region in self.region)
            and (self.service is None or facts.service in self.service)
            and (self.kind is None or facts.kind in self.kind)
        )

    def _resource_fits(self, facts: Facts) -> bool:
        if self.resource_pattern is not None:
            return self.resource_pattern in facts.patterns
        if self.resources is None:
            return True
        fold = str.lower if facts.provider in ("azure", DIRECTORY) else str
        wanted = {fold(name) for name in self.resources}
        return any(fold(name) in wanted for name in facts.resource)

    def can_meet(self, other: Clause) -> bool:
        """Whether one resource could fit both; two patterns always could."""
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
        """Whether one path and set of tags could fit both."""
        if self.path is not None and other.path is not None:
            shared = min(len(self.path), len(other.path))
            if self.path[:shared] != other.path[:shared]:
                return False
        theirs = dict(other.tags or ())
        return all(key not in theirs or values & theirs[key] for key, values in self.tags or ())

    def entails(self, other: Clause, facts: Facts) -> bool:
        """Whether, with unread tags or path, the other fits whenever this one does."""
        if facts.tags is HIDDEN and other.tags is not None:
            mine = dict(self.tags or ())
            if not all(key in mine and mine[key] <= values for key, values in other.tags):
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
    """The clauses of a ``where``: one for each alternative with its own rank."""
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
    """Whether the name of an account or resource is a pattern."""
    return "*" in name or "?" in name


def _split(names: tuple[str, ...] | None) -> list[tuple[str, ...] | None]:
    """Exact names and patterns separately, since they differ in rank."""
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
    """The names along a path, in lower case."""
    return tuple(name for name in path.lower().split("/") if name)


def last_part(resource_id: str) -> str:
    """The part of an id after the last ``/`` or ``:``."""
    return re.split(r"[/:]", resource_id)[-1] or resource_id
