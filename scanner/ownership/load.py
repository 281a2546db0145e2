"""Reading an ownership file: every mistake is told with file, line and, where a name is close, that name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scanner.document import Document, DocumentError, Problem, read, suggestion
from scanner.ownership.file import Chosen, Line, OwnershipFile, TextT
from scanner.ownership.schema import AnyOf, ExcuseText, OwnershipText, OwnerText, StatementText, Where
from scanner.ownership.selection import EVERYTHING, compile_selection, is_pattern
from scanner.responsibility import Catalogue, UnknownControl

_EXCUSES = ("exceptions", "not_applicable")
_NOT_FOR_EXCUSES = {
    "tags": "cannot select by tags: whoever can tag must not be able to excuse",
    "region": "cannot select by region: use provider, path, account, kind or resource",
    "service": "cannot select by service: use provider, path, account, kind or resource",
}


def load_ownership(path: Path, catalogue: Catalogue) -> OwnershipFile:
    """The file at ``path``. Raises :class:`~scanner.document.DocumentError` with every mistake."""
    document = read(path)
    problems = list(_refused(document))
    try:
        text = _without_refused(document).validate(OwnershipText)
    except DocumentError as error:
        raise DocumentError([*problems, *error.problems]) from None
    loading = _Loading(document, path.name, text, catalogue, problems)
    file = loading.file(hashlib.sha256(path.read_bytes()).hexdigest())
    if problems:
        raise DocumentError(problems)
    return file


def _entries(value: Any, section: str) -> Iterator[tuple[int, dict[Any, Any]]]:
    entries = value.get(section) if isinstance(value, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield index, entry


def _refused(document: Document) -> Iterator[Problem]:
    """Keys of the format that this version does not read, or that do not belong where they are."""
    if isinstance(document.value, dict):
        for key in ("include", "documents"):
            if key in document.value:
                yield document.problem(f"{key}: not supported yet", key)
        for index, entry in _inferred(document.value):
            if entry.get("from") in ("backstage", "contact"):
                place = ("settings", "inferred", index, "from")
                yield document.problem(f"settings.inferred: from {entry['from']}: not supported yet", *place)
    for index, entry in _entries(document.value, "owners"):
        if "provided_by" in entry:
            yield document.problem("provided_by: not supported yet", "owners", index, "provided_by")
    for section in _EXCUSES:
        for index, entry in _entries(document.value, section):
            where = entry.get("where")
            for key in where if isinstance(where, dict) else ():
                if key in _NOT_FOR_EXCUSES:
                    yield document.problem(
                        f"{section}.{index}.where: {_NOT_FOR_EXCUSES[key]}", section, index, "where", key
                    )


def _inferred(value: Mapping[Any, Any]) -> Iterator[tuple[int, dict[Any, Any]]]:
    settings = value.get("settings")
    return _entries(settings, "inferred")


def _without_refused(document: Document) -> Document:
    """The document without what :func:`_refused` tells, so that the rest is checked too."""
    value = deepcopy(document.value)
    if not isinstance(value, dict):
        return document
    for key in ("include", "documents"):
        value.pop(key, None)
    if any(entry.get("from") in ("backstage", "contact") for _, entry in _inferred(value)):
        del value["settings"]["inferred"]
    for _, entry in _entries(value, "owners"):
        entry.pop("provided_by", None)
    for section in _EXCUSES:
        for _, entry in _entries(value, section):
            where = entry.get("where")
            if isinstance(where, dict) and (refused := where.keys() & _NOT_FOR_EXCUSES.keys()):
                entry["where"] = {key: where[key] for key in where if key not in refused}
                if not entry["where"]:
                    del entry["where"]
    return replace(document, value=value)


@dataclass
class _Loading:
    """One file on its way; mistakes are gathered in ``problems``."""

    document: Document
    name: str
    text: OwnershipText
    catalogue: Catalogue
    problems: list[Problem]
    _teams: dict[str, str] = field(default_factory=dict)
    """Team ids by id and alias, in lower case."""

    def file(self, digest: str) -> OwnershipFile:
        self._check_teams()
        self._check_settings()
        self._check_scopes()
        covers = {
            id: frozenset(self._controls(contract.covers, "contracts", id, "covers"))
            for id, contract in self.text.contracts.items()
        }
        owners = tuple(self._owner(index, line) for index, line in enumerate(self.text.owners))
        self._check_owners(owners)
        return OwnershipFile(
            file=self.name,
            digest=digest,
            settings=self.text.settings,
            teams=self.text.teams,
            owners=owners,
            contracts=self.text.contracts,
            covers=covers,
            contract_lines={id: self.document.line("contracts", id) for id in self.text.contracts},
            statements=tuple(self._statement(index, line) for index, line in enumerate(self.text.statements)),
            exceptions=tuple(self._excuses("exceptions", self.text.exceptions)),
            not_applicable=tuple(self._excuses("not_applicable", self.text.not_applicable)),
            reviewed=self.text.reviewed,
            reviewed_line=self.document.line("reviewed"),
        )

    def _problem(self, message: str, *loc: str | int) -> None:
        self.problems.append(self.document.problem(message, *loc))

    def _check_teams(self) -> None:
        for id, team in self.text.teams.items():
            self._named(id, id, "teams", id)
            for index, alias in enumerate(team.aliases):
                self._named(alias, id, "teams", id, "aliases", index)
            if team.status == "active" and team.disbanded_on is not None:
                self._problem(
                    f"teams.{id}.disbanded_on: but its status is active", "teams", id, "disbanded_on"
                )

    def _named(self, name: str, team: str, *loc: str | int) -> None:
        other = self._teams.setdefault(name.strip().lower(), team)
        if other != team:
            self._problem(f"teams.{team}: {name!r} already means team {other}", *loc)

    def _team(self, name: str, what: str, *loc: str | int, parties: bool = False) -> str:
        """The id of a team that must exist; with ``parties`` a party of a contract will do."""
        known = self._teams.get(name.strip().lower())
        others = {contract.party for contract in self.text.contracts.values()} if parties else set()
        if known is None and name not in others:
            hint = suggestion(name, [*self.text.teams, *self._teams, *sorted(others)])
            self._problem(f"{what}: no team {name!r}{hint}", *loc)
        return known or name

    def _controls(self, selectors: Iterable[str], *loc: str | int) -> dict[str, Chosen]:
        """Every control that the selectors mean, each by the most specific of them."""
        chosen: dict[str, Chosen] = {}
        for index, selector in enumerate(selectors):
            try:
                controls = self.catalogue.select(selector)
            except UnknownControl as error:
                self._problem(f"{'.'.join(map(str, loc))}: {error}", *loc, index)
                continue
            for control in controls:
                new = _chosen(selector, self.catalogue)
                chosen[control] = max(new, chosen.get(control, new))
        return chosen

    def _check_settings(self) -> None:
        for index, source in enumerate(self.text.settings.inferred):
            for domain in source.domains:
                if domain not in self.catalogue.domains:
                    hint = suggestion(domain, self.catalogue.domains)
                    place = ("settings", "inferred", index, "domains")
                    self._problem(f"{'.'.join(map(str, place))}: no domain {domain!r}{hint}", *place)

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
                self._problem(f"{'.'.join(map(str, loc))}.kind: no kind {kind!r}{hint}", *loc, "kind")

    def _selection(self, where: str | Where | AnyOf | None, *loc: str | int) -> Where | AnyOf | None:
        if not isinstance(where, str):
            if where is not None:
                self._check_kinds(where, *loc)
            return where
        if where not in self.text.scopes:
            hint = suggestion(where, self.text.scopes)
            self._problem(f"{'.'.join(map(str, loc))}: no entry {where!r} in scopes{hint}", *loc)
            return None
        return self.text.scopes[where]

    def _line(self, text: TextT, section: str, index: int) -> Line[TextT]:
        selection = self._selection(text.where, section, index, "where")
        told = text.model_dump(mode="json", include={"controls", "where", "accountable", "claim", "by"})
        own = None if isinstance(text, StatementText) else text.id
        made = hashlib.sha256(json.dumps([section, told], sort_keys=True).encode()).hexdigest()[:12]
        return Line(
            text=text,
            file=self.name,
            number=self.document.line(section, index),
            id=own or made,
            controls=self._controls(text.controls, section, index, "controls"),
            clauses=EVERYTHING if selection is None else compile_selection(selection),
            where=f"scope {text.where}" if isinstance(text.where, str) else _words(selection),
        )

    def _owner(self, index: int, text: OwnerText) -> Line[OwnerText]:
        place = ("owners", index)
        if text.accountable is None and text.claim != "provider":
            self._problem(
                f"owners.{index}.accountable: missing: every line names the team that answers", *place
            )
        if text.claim == "third_party" and not text.contract:
            self._problem(f"owners.{index}.contract: missing: a third party works by contract", *place)
        for role in ("responsible", "consulted", "informed"):
            for number, name in enumerate(getattr(text, role)):
                self._team(name, f"owners.{index}.{role}", *place, role, number, parties=True)
        for number, name in enumerate(text.contract):
            if name not in self.text.contracts:
                hint = suggestion(name, self.text.contracts)
                self._problem(
                    f"owners.{index}.contract: no contract {name!r}{hint}", *place, "contract", number
                )
        return self._line(text, "owners", index)

    def _check_owners(self, owners: tuple[Line[OwnerText], ...]) -> None:
        """Ids differ, and overrides name other lines without going round in a circle."""
        ids: dict[str, OwnerText] = {}
        for index, line in enumerate(owners):
            if line.text.id is not None:
                if line.text.id in ids:
                    self._problem(
                        f"owners.{index}.id: {line.text.id!r} is already used", "owners", index, "id"
                    )
                ids.setdefault(line.text.id, line.text)
        for index, line in enumerate(owners):
            for number, id in enumerate(line.text.overrides):
                place = ("owners", index, "overrides", number)
                if id not in ids:
                    hint = suggestion(id, ids)
                    self._problem(f"owners.{index}.overrides: no line has the id {id!r}{hint}", *place)
                elif line.text.id is not None and _reaches(id, line.text.id, ids):
                    self._problem(f"owners.{index}.overrides: {id!r} overrides this line", *place)

    def _statement(self, index: int, text: StatementText) -> Line[StatementText]:
        place = ("statements", index)
        self._team(text.by, f"statements.{index}.by", *place, "by")
        if text.expires < text.made:
            self._problem(f"statements.{index}.expires: before it is made", *place, "expires")
        return self._line(text, "statements", index)

    def _excuses(self, section: str, texts: tuple[ExcuseText, ...]) -> Iterator[Line[ExcuseText]]:
        for index, text in enumerate(texts):
            self._check_excuse(section, index, text)
            yield self._line(text, section, index)

    def _check_excuse(self, section: str, index: int, text: ExcuseText) -> None:
        name, place = f"{section}.{index}", (section, index)
        earlier = [*self.text.exceptions, *self.text.not_applicable]
        position = index + (len(self.text.exceptions) if section == "not_applicable" else 0)
        if any(other.id == text.id for other in earlier[:position]):
            self._problem(f"{name}.id: {text.id!r} is already used", *place, "id")
        owner = self._team(text.owner, f"{name}.owner", *place, "owner")
        if owner == self._team(text.approver, f"{name}.approver", *place, "approver"):
            self._problem(f"{name}.approver: must differ from the owner", *place, "approver")
        self._controls(text.compensating, *place, "compensating")
        if text.created is not None:
            if text.expires < text.created:
                self._problem(f"{name}.expires: before it is created", *place, "expires")
            longest = self.text.settings.max_exception
            if section == "exceptions" and text.expires - text.created > longest:
                told = f"more than {longest.days} days after {text.created} (settings.max_exception)"
                self._problem(f"{name}.expires: {told}", *place, "expires")
        raw_where = self.document.value[section][index].get("where")
        if text.where is None:
            if section == "exceptions" and raw_where is None:
                self._problem(f"{name}.where: missing: say what is excepted", *place)
            return
        selection = self.text.scopes.get(text.where) if isinstance(text.where, str) else text.where
        wheres = selection.any if isinstance(selection, AnyOf) else (selection,) if selection else ()
        for where in wheres:
            self._check_excused(name, where, *place, "where")

    def _check_excused(self, name: str, where: Where, *loc: str | int) -> None:
        for key in where.model_fields_set & _NOT_FOR_EXCUSES.keys():
            self._problem(f"{name}.where: {_NOT_FOR_EXCUSES[key]}", *loc)
        for resource in where.resource or ():
            if is_pattern(resource):
                told = f"cannot select by a pattern of names: {resource}; write the whole id"
                self._problem(f"{name}.where.resource: {told}", *loc, "resource")
            elif "/" not in resource and ":" not in resource and not where.account:
                told = f"{resource} may exist in several accounts: add the account, or write the whole id"
                self._problem(f"{name}.where.resource: {told}", *loc, "resource")


def _chosen(selector: str, catalogue: Catalogue) -> Chosen:
    if selector == "*":
        return Chosen.by(selector, "everything")
    if selector in catalogue.domains:
        return Chosen.by(selector, "domain")
    return Chosen.by(selector, "glob" if any(sign in selector for sign in "*?[") else "exact")


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
    told = []
    for name in sorted(selection.model_fields_set - {"tags"}):
        told.append(f"{name} {' or '.join(getattr(selection, name))}")
    for key, values in sorted((selection.tags or {}).items()):
        told.append(f"tag {key}={' or '.join(values)}")
    return ", ".join(told)
