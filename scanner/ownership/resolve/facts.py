"""Reduces a resource to the facts that the lines of a file can distinguish, so that answers can be shared.

Most estates have far fewer distinct answers than resources: a region, account or folder that no line names
cannot change an owner.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scanner.model.evidence import Observed, Unknown
from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.resolve.inference import keys_of
from scanner.ownership.resolve.selection import (
    HIDDEN,
    Clause,
    Facts,
    Hidden,
    OwnershipTarget,
    Tags,
    last_part,
    parts,
)


@dataclass(frozen=True)
class FactExtractor:
    """The facts that a file uses; everything else about a resource cannot change its owner."""

    accounts: frozenset[str]
    account_patterns: tuple[re.Pattern[str], ...]
    paths: frozenset[tuple[str, ...]]
    regions: frozenset[str]
    services: frozenset[str]
    tags: Mapping[str, frozenset[str]]
    """The tag values that lines select by, by key."""
    resource_keys: frozenset[str]
    """The keys of resource tags that may name an owner."""
    account_keys: frozenset[str]
    resources: frozenset[str]
    """The ids and names that lines select by, in lower case."""
    patterns: tuple[re.Pattern[str], ...]
    catalog: Mapping[str, tuple[str, str]]
    """Owners with file and line, by resource id or name in lower case."""
    _any_pattern: re.Pattern[str] | None
    """All patterns as one."""
    _representatives: dict[tuple[re.Pattern[str], ...], str] = field(default_factory=dict)
    """By the patterns that it matches: the first account that no line names."""
    _seen_accounts: dict[str, str] = field(default_factory=dict)
    _seen_paths: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, file: OwnershipFile, clauses: Sequence[Clause] | None = None) -> FactExtractor:
        """The extractor of a file; ``clauses`` replace those of its lines in force."""
        clauses = file.clauses if clauses is None else clauses
        tags: dict[str, set[str]] = defaultdict(set)
        for clause in clauses:
            for key, values in clause.tags or ():
                tags[key] |= values
        patterns = _unique(clause.resource_pattern for clause in clauses)
        return cls(
            accounts=frozenset(name for clause in clauses for name in clause.accounts or ()),
            account_patterns=_unique(clause.account_pattern for clause in clauses),
            paths=frozenset(clause.path for clause in clauses if clause.path is not None),
            regions=frozenset(name for clause in clauses for name in clause.region or ()),
            services=frozenset(name for clause in clauses for name in clause.service or ()),
            tags={key: frozenset(values) for key, values in tags.items()},
            resource_keys=keys_of(file.settings.inferred, "resource_tag"),
            account_keys=keys_of(file.settings.inferred, "account_tag"),
            resources=frozenset(name.lower() for clause in clauses for name in clause.resources or ()),
            patterns=patterns,
            catalog=file.catalog,
            _any_pattern=re.compile("|".join(pattern.pattern for pattern in patterns), re.IGNORECASE)
            if patterns
            else None,
        )

    @property
    def selects_by_name(self) -> bool:
        """Whether the id or name of a resource makes a difference."""
        return bool(self.resources or self.patterns or self.catalog)

    def facts(self, target: OwnershipTarget) -> Facts:
        """The facts of a resource that the file uses."""
        resource, patterns = self._resource(target)
        region = target.region.lower() if target.region is not None else None
        service = target.service.lower() if target.service is not None else None
        return Facts(
            provider=target.cloud,
            account=self._account(target.scope),
            path=self._path(target.path),
            region=region if region in self.regions else None,
            service=service if service in self.services else None,
            kind=target.kind,
            tags=self._tags(target.tags),
            account_tags=self._account_tags(target.account_tags),
            resource=resource,
            patterns=patterns,
            entry=self._entry(target),
        )

    def _account(self, scope: str) -> str:
        known = self._seen_accounts.get(scope)
        if known is None:
            known = scope.lower()
            if known not in self.accounts:
                matched = tuple(pattern for pattern in self.account_patterns if pattern.match(known))
                known = self._representatives.setdefault(matched, known)
            self._seen_accounts[scope] = known
        return known

    def _path(self, path: Observed[str | None]) -> tuple[str, ...] | Hidden:
        """The longest prefix of the path that any line names: the rest makes no difference."""
        if not self.paths or path is None:
            return ()
        if isinstance(path, Unknown):
            return HIDDEN
        known = self._seen_paths.get(path)
        if known is None:
            known = parts(path)
            while known and known not in self.paths:
                known = known[:-1]
            self._seen_paths[path] = known
        return known

    def _tags(self, tags: Observed[Mapping[str, str]]) -> Tags | Hidden:
        folded = fold_tags(tags, self.resource_keys | self.tags.keys())
        if folded is HIDDEN:
            return HIDDEN
        return frozenset(
            (key, value)
            for key, value in folded.items()
            if key in self.resource_keys or value in self.tags[key]
        )

    def _account_tags(self, tags: Observed[Mapping[str, str]]) -> Tags | Hidden:
        folded = fold_tags(tags, self.account_keys)
        return HIDDEN if folded is HIDDEN else frozenset(folded.items())

    def _resource(self, target: OwnershipTarget) -> tuple[tuple[str, ...], frozenset[re.Pattern[str]]]:
        """The ids of a resource if any line selects by one, and the patterns that it matches."""
        if target.resource_id is None or not (self.resources or self.patterns):
            return (), _NONE
        ids = (target.resource_id, last_part(target.resource_id))
        selected = any(name.lower() in self.resources for name in ids)
        matched = _NONE
        names = (*ids, *([target.name] if target.name is not None else []))
        if self._any_pattern is not None and any(self._any_pattern.match(name) for name in names):
            matched = frozenset(
                pattern for pattern in self.patterns if any(pattern.match(name) for name in names)
            )
        return (ids if selected else ()), matched

    def _entry(self, target: OwnershipTarget) -> tuple[str, str] | None:
        """The catalog entry of a resource: by its id, else the last part of it, else its name."""
        if not self.catalog or target.resource_id is None:
            return None
        names = (target.resource_id, last_part(target.resource_id), target.name or "")
        return next((entry for name in names if (entry := self.catalog.get(name.lower()))), None)


_NONE: frozenset[re.Pattern[str]] = frozenset()


def _unique(patterns: Iterable[re.Pattern[str] | None]) -> tuple[re.Pattern[str], ...]:
    return tuple(dict.fromkeys(pattern for pattern in patterns if pattern is not None))


def fold_tags(tags: Observed[Mapping[str, str]], keys: Collection[str]) -> dict[str, str] | Hidden:
    """The tags with one of the keys, keys and values in lower case.

    Spellings of a key with different values count as unread. Without keys there is nothing to read.
    """
    if not keys:
        return {}
    if isinstance(tags, Unknown):
        return HIDDEN
    folded: dict[str, str] = {}
    for key, value in tags.items():
        key, value = key.lower(), value.lower()
        if key in keys and folded.setdefault(key, value) != value:
            return HIDDEN
    return folded
