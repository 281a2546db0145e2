"""Loads an ownership file. Every mistake is reported with file, line and, if close, the intended name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scanner.base.counts import many
from scanner.base.yaml import DocumentError, suggestion
from scanner.catalogue.responsibility import Catalogue, UnknownControl
from scanner.ownership.file.file import ControlMatch, Line, OwnershipFile, ReadDocument, Review, TextT
from scanner.ownership.file.schema import (
    AnyOf,
    AttestationText,
    DocumentText,
    OwnershipText,
    OwnerText,
    WaiverText,
    Where,
)
from scanner.ownership.file.sources import NOT_FOR_WAIVERS, SourceFiles, read_sources
from scanner.ownership.resolve.backstage import read_catalogs
from scanner.ownership.resolve.selection import EVERYTHING, compile_selection, is_pattern

_FIRST_NAMES = {"attestations": "statements"}
"""The first names of sections: the identity of a line, and of its findings, outlives a new name."""


def load_ownership(path: Path, catalogue: Catalogue) -> OwnershipFile:
    """The file at ``path`` with all files that it includes.

    Raises :class:`~scanner.base.yaml.DocumentError` with every mistake.
    """
    sources = read_sources(path)
    file = _Loader(sources, sources.merge(), catalogue).file()
    if sources.problems:
        raise DocumentError(sources.problems)
    return file


@dataclass
class _Loader:
    """Resolves the names of a file; mistakes are collected in ``sources.problems``."""

    sources: SourceFiles
    text: OwnershipText
    catalogue: Catalogue
    _teams: dict[str, str] = field(default_factory=dict)
    """Team ids by id and alias, in lower case."""

    def file(self) -> OwnershipFile:
        self._check_teams()
        self._check_settings()
        self._check_scopes()
        for section in ("teams", "owners"):
            if not any(section in file.document.value for file in self.sources.files):
                self._problem("missing", section)
        covers = {
            id: frozenset(self._controls(contract.covers, "contracts", id, "covers"))
            for id, contract in self.text.contracts.items()
        }
        owners = tuple(self._owner(index, line) for index, line in enumerate(self.text.owners))
        self._check_owners(owners)
        return OwnershipFile(
            file=self.sources.files[0].name,
            files=tuple(file.name for file in self.sources.files),
            digest=self.sources.digest,
            settings=self.text.settings,
            teams=self.text.teams,
            owners=tuple(line for line in owners if line.text.proposed is None),
            proposals=tuple(line for line in owners if line.text.proposed is not None),
            contracts=self.text.contracts,
            covers=covers,
            contract_places={id: self._place("contracts", id) for id in self.text.contracts},
            documents=tuple(self._document(index, one) for index, one in enumerate(self.text.documents)),
            attestations=tuple(
                self._attestation(index, line) for index, line in enumerate(self.text.attestations)
            ),
            exceptions=tuple(self._waivers("exceptions", self.text.exceptions)),
            not_applicable=tuple(self._waivers("not_applicable", self.text.not_applicable)),
            reviews={
                file.name: Review(file.text.reviewed, file.document.line("reviewed"))
                for file in self.sources.files
                if file.text.reviewed is not None
            },
            catalog=read_catalogs(self.sources, self.text.settings),
            scopes={name: compile_selection(one) for name, one in self.text.scopes.items()},
        )

    def _place(self, *loc: str | int) -> tuple[str, int]:
        file, own = self.sources.place(*loc)
        return file.name, file.document.line(*own)

    def _problem(self, message: str, *loc: str | int) -> None:
        self.sources.problem(message, *loc)

    def _check_teams(self) -> None:
        for id, team in self.text.teams.items():
            self._register_name(id, id, "teams", id)
            for index, alias in enumerate(team.aliases):
                self._register_name(alias, id, "teams", id, "aliases", index)
            if team.status == "active" and team.disbanded_on is not None:
                self._problem("conflicts with status: active", "teams", id, "disbanded_on")

    def _register_name(self, name: str, team: str, *loc: str | int) -> None:
        other = self._teams.setdefault(name.strip().lower(), team)
        if other != team:
            self._problem(f"{name!r} is already a name of team {other}", *loc)

    def _team(self, name: str, *loc: str | int, parties: bool = False) -> str:
        """The id of a team that must exist; with ``parties``, a party to a contract is also valid."""
        known = self._teams.get(name.strip().lower())
        others = {contract.party for contract in self.text.contracts.values()} if parties else set()
        if known is None and name not in others:
            hint = suggestion(name, [*self.text.teams, *self._teams, *sorted(others)])
            self._problem(f"no team {name!r}{hint}", *loc)
        return known or name

    def _controls(self, selectors: Iterable[str], *loc: str | int) -> dict[str, ControlMatch]:
        """Every control that the selectors select, each by the most specific selector."""
        matches: dict[str, ControlMatch] = {}
        for index, selector in enumerate(selectors):
            try:
                controls = self.catalogue.select(selector)
            except UnknownControl as error:
                self._problem(str(error), *loc, index)
                continue
            for control in controls:
                new = _control_match(selector, self.catalogue)
                matches[control] = max(new, matches.get(control, new))
        return matches

    def _check_settings(self) -> None:
        for index, source in enumerate(self.text.settings.inferred):
            for domain in source.domains:
                if domain not in self.catalogue.domains:
                    hint = suggestion(domain, self.catalogue.domains)
                    self._problem(f"no domain {domain!r}{hint}", "settings", "inferred", index, "domains")

    def _check_scopes(self) -> None:
        for name, selection in self.text.scopes.items():
            self._check_kinds(selection, "scopes", name)

    def _check_kinds(self, selection: Where | AnyOf, *loc: str | int) -> None:
        if isinstance(selection, AnyOf):
            for index, where in enumerate(selection.any):
                self._check_kinds(where, *loc, "any", index)
            return
        for kind in selection.kind or ():
            if kind not in self.catalogue.kinds:
                hint = suggestion(kind, self.catalogue.kinds)
                self._problem(f"no kind {kind!r}{hint}", *loc, "kind")

    def _selection(self, where: str | Where | AnyOf | None, *loc: str | int) -> Where | AnyOf | None:
        if not isinstance(where, str):
            if where is not None:
                self._check_kinds(where, *loc)
            return where
        if where not in self.text.scopes:
            hint = suggestion(where, self.text.scopes)
            self._problem(f"no entry {where!r} in scopes{hint}", *loc)
            return None
        return self.text.scopes[where]

    def _line(self, text: TextT, section: str, index: int) -> Line[TextT]:
        selection = self._selection(text.where, section, index, "where")
        content = text.model_dump(mode="json", include={"controls", "where", "accountable", "claim", "by"})
        own = None if isinstance(text, AttestationText) else text.id
        first = _FIRST_NAMES.get(section, section)
        digest = hashlib.sha256(json.dumps([first, content], sort_keys=True).encode()).hexdigest()[:12]
        return Line(
            text=text,
            file=self.sources.place(section, index)[0].name,
            number=self.sources.line(section, index),
            id=own or digest,
            controls=self._controls(text.controls, section, index, "controls"),
            clauses=EVERYTHING if selection is None else compile_selection(selection),
            where=f"scope {text.where}" if isinstance(text.where, str) else _words(selection),
        )

    def _owner(self, index: int, text: OwnerText) -> Line[OwnerText]:
        place = ("owners", index)
        if text.accountable is None and text.claim != "provider":
            self._problem("missing: every line needs an accountable team", *place, "accountable")
        if text.claim == "third_party" and not text.contract:
            self._problem("missing: claim third_party needs a contract", *place, "contract")
        for role in ("responsible", "consulted", "informed"):
            for number, name in enumerate(getattr(text, role)):
                self._team(name, *place, role, number, parties=True)
        for number, name in enumerate(text.contract):
            if name not in self.text.contracts:
                hint = suggestion(name, self.text.contracts)
                self._problem(f"no contract {name!r}{hint}", *place, "contract", number)
        return self._line(text, "owners", index)

    def _check_owners(self, owners: tuple[Line[OwnerText], ...]) -> None:
        """Checks that ids are unique, and that overrides name existing lines and are not circular."""
        ids: dict[str, OwnerText] = {}
        for index, line in enumerate(owners):
            if line.text.id is not None:
                if line.text.id in ids:
                    self._problem(f"{line.text.id!r} is already used", "owners", index, "id")
                ids.setdefault(line.text.id, line.text)
        for index, line in enumerate(owners):
            for number, id in enumerate(line.text.overrides):
                place = ("owners", index, "overrides", number)
                if id not in ids:
                    hint = suggestion(id, ids)
                    self._problem(f"no line has the id {id!r}{hint}", *place)
                elif line.text.id is not None and _reaches(id, line.text.id, ids):
                    self._problem(f"{id!r} overrides this line", *place)

    def _attestation(self, index: int, text: AttestationText) -> Line[AttestationText]:
        place = ("attestations", index)
        self._team(text.by, *place, "by")
        if text.expires < text.made:
            self._problem("before its `made` date", *place, "expires")
        return self._line(text, "attestations", index)

    def _document(self, index: int, text: DocumentText) -> ReadDocument:
        self._team(text.by, "documents", index, "by")
        return ReadDocument(text, *self._place("documents", index))

    def _waivers(self, section: str, texts: tuple[WaiverText, ...]) -> Iterator[Line[WaiverText]]:
        for index, text in enumerate(texts):
            self._check_waiver(section, index, text)
            yield self._line(text, section, index)

    def _check_waiver(self, section: str, index: int, text: WaiverText) -> None:
        place = (section, index)
        earlier = [*self.text.exceptions, *self.text.not_applicable]
        position = index + (len(self.text.exceptions) if section == "not_applicable" else 0)
        if any(other.id == text.id for other in earlier[:position]):
            self._problem(f"{text.id!r} is already used", *place, "id")
        owner = self._team(text.owner, *place, "owner")
        if owner == self._team(text.approver, *place, "approver"):
            self._problem("must differ from the owner", *place, "approver")
        self._controls(text.compensating, *place, "compensating")
        if text.created is not None:
            if text.expires < text.created:
                self._problem("before its `created` date", *place, "expires")
            longest = self.text.settings.max_exception
            if section == "exceptions" and text.expires - text.created > longest:
                message = (
                    f"more than {many(longest.days, 'day')} after {text.created} (settings.max_exception)"
                )
                self._problem(message, *place, "expires")
        raw_where = self.sources.raw(section, index).get("where")
        if text.where is None:
            if section == "exceptions" and raw_where is None:
                self._problem("missing: an exception needs a where", *place, "where")
            return
        selection = self.text.scopes.get(text.where) if isinstance(text.where, str) else text.where
        wheres = selection.any if isinstance(selection, AnyOf) else (selection,) if selection else ()
        for where in wheres:
            self._check_waiver_where(where, *place, "where")

    def _check_waiver_where(self, where: Where, *loc: str | int) -> None:
        for key in where.model_fields_set & NOT_FOR_WAIVERS.keys():
            self._problem(NOT_FOR_WAIVERS[key], *loc)
        for resource in where.resource or ():
            if is_pattern(resource):
                message = f"cannot select by a name pattern: {resource}; write the full id"
                self._problem(message, *loc, "resource")
            elif "/" not in resource and ":" not in resource and not where.account:
                message = f"{resource} may exist in several accounts: add the account, or write the full id"
                self._problem(message, *loc, "resource")


def _control_match(selector: str, catalogue: Catalogue) -> ControlMatch:
    if selector == "*":
        return ControlMatch.of(selector, "everything")
    if selector in catalogue.domains:
        return ControlMatch.of(selector, "domain")
    return ControlMatch.of(selector, "glob" if any(char in selector for char in "*?[") else "exact")


def _reaches(start: str, end: str, lines: Mapping[str, OwnerText]) -> bool:
    """Whether a line overrides another, directly or through others."""
    seen: set[str] = set()
    pending = [start]
    while pending:
        id = pending.pop()
        if id == end:
            return True
        if id not in seen and id in lines:
            seen.add(id)
            pending.extend(lines[id].overrides)
    return False


def _words(selection: Where | AnyOf | None) -> str:
    if selection is None:
        return ""
    if isinstance(selection, AnyOf):
        return " or ".join(_words(where) for where in selection.any)
    words = []
    for name in sorted(selection.model_fields_set - {"tags"}):
        words.append(f"{name} {' or '.join(getattr(selection, name))}")
    for key, values in sorted((selection.tags or {}).items()):
        words.append(f"tag {key}={' or '.join(values)}")
    return ", ".join(words)
