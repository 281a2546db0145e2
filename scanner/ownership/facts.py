"""Reducing a resource to what the lines of one file can tell apart, so that answers can be shared."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scanner.evidence import Observed, Unknown
from scanner.ownership.file import OwnershipFile
from scanner.ownership.inference import keys_of
from scanner.ownership.selection import HIDDEN, Facts, Hidden, Subject, Tags, last_part, parts


@dataclass(frozen=True)
class Lens:
    """What a file looks at; everything else about a resource cannot change its owner."""

    paths: bool
    tags: Mapping[str, frozenset[str]]
    """The values of tags that lines select by."""
    resource_keys: frozenset[str]
    """The tags of resources that may name an owner."""
    account_keys: frozenset[str]
    resources: frozenset[str]
    """The ids and names that lines select by, in lower case."""
    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, file: OwnershipFile) -> Lens:
        """The lens of a file."""
        tags: dict[str, set[str]] = defaultdict(set)
        resources: set[str] = set()
        patterns: list[re.Pattern[str]] = []
        for clause in file.clauses:
            for key, values in clause.tags or ():
                tags[key] |= values
            resources |= {name.lower() for name in clause.resources or ()}
            if clause.resource_pattern is not None:
                patterns.append(clause.resource_pattern)
        return cls(
            paths=file.uses_paths,
            tags={key: frozenset(values) for key, values in tags.items()},
            resource_keys=keys_of(file.settings.inferred, "resource_tag"),
            account_keys=keys_of(file.settings.inferred, "account_tag"),
            resources=frozenset(resources),
            patterns=tuple(dict.fromkeys(patterns)),
        )

    def facts(self, subject: Subject) -> Facts:
        """What the file can see of a resource."""
        resource, name = self._resource(subject)
        return Facts(
            provider=subject.provider,
            account=subject.scope.lower(),
            path=self._path(subject.path),
            region=subject.region.lower() if subject.region is not None else None,
            service=subject.service.lower() if subject.service is not None else None,
            kind=subject.kind,
            tags=self._tags(subject.tags),
            account_tags=self._account_tags(subject.account_tags),
            resource=resource,
            name=name,
        )

    def _path(self, path: Observed[str | None]) -> tuple[str, ...] | Hidden | None:
        if not self.paths or path is None:
            return None
        return HIDDEN if isinstance(path, Unknown) else parts(path)

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

    def _resource(self, subject: Subject) -> tuple[tuple[str, ...], str | None]:
        """The names of a resource if any line selects by one of them."""
        if subject.resource_id is None or not (self.resources or self.patterns):
            return (), None
        ids = (subject.resource_id, last_part(subject.resource_id))
        told = (*ids, *([subject.name] if subject.name is not None else []))
        meant = any(name.lower() in self.resources for name in told) or any(
            pattern.match(name) for name in told for pattern in self.patterns
        )
        return (ids, subject.name) if meant else ((), None)


def fold_tags(tags: Observed[Mapping[str, str]], keys: Collection[str]) -> dict[str, str] | Hidden:
    """The tags with one of the keys (in lower case), without regard to case.

    Spellings of one key that disagree are as good as unread. Without keys there is nothing to read.
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
