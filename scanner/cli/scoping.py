"""Gates by scope and narrowing: names and options turned into selectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scanner.assess.gate import DEFAULT, ScopeGate
from scanner.assess.narrowing import Narrowing, Selector, parse_where, team_of
from scanner.assess.states import GATES, Gate, parse_fail_on
from scanner.base.yaml import suggestion
from scanner.catalogue.responsibility import Catalogue
from scanner.cli.exits import Usage
from scanner.ownership.file.file import OwnershipFile
from scanner.ownership.file.schema import AnyOf, Where
from scanner.ownership.resolve.selection import Clause, compile_selection
from scanner.run.config import Config

Names = Mapping[str, tuple[Clause, ...]]
"""The named scopes."""


@dataclass(frozen=True)
class Gates:
    """The gates: which findings cause exit code 1, by scope."""

    default: Gate
    scopes: tuple[ScopeGate, ...] = ()


def names_of(config: Config, file: OwnershipFile | None, catalogue: Catalogue) -> Names:
    """The ``selections`` of gapscan.yaml and the ``scopes`` of the ownership file.

    Raises :class:`~scanner.base.yaml.DocumentError` if both define the same name.
    """
    names = dict(file.scopes) if file is not None else {}
    for name, selection in config.selections.items():
        if file is not None and name in file.scopes:
            message = f"selections.{name}: {file.file} has a scope of that name: give it another"
            raise config.mistake(message, "selections", name)
        if kinds := _unknown_kinds(selection, catalogue):
            message = f"selections.{name}: no kind {kinds[0]!r}{suggestion(kinds[0], catalogue.kinds)}"
            raise config.mistake(message, "selections", name)
        names[name] = compile_selection(selection)
    return names


def gates_of(config: Config, name: str | None, fail_on: str | None, names: Names) -> Gates:
    """The gate of the command line, which applies everywhere, else those of gapscan.yaml, else the default.

    Raises :class:`Usage` or :class:`~scanner.base.yaml.DocumentError`, also for values
    that the command line overrides.
    """
    configured = config.gate if isinstance(config.gate, str) else None
    by_scope = {} if config.gate is None or isinstance(config.gate, str) else config.gate
    if by_scope and config.fail_on is not None:
        raise config.mistake("fail_on: give it under gate, for the scopes that it is for", "fail_on")
    scopes = tuple(_scope_gates(config, by_scope, names))
    given = _gate(name, fail_on)
    if given is not None:
        return Gates(given)
    try:
        default = _gate(configured, config.fail_on)
    except Usage as error:
        key = "gate" if configured is not None else "fail_on"
        raise config.mistake(f"{key}: {str(error).removeprefix('--fail-on: ')}", key) from None
    if DEFAULT in by_scope:
        default = _named(config, DEFAULT, by_scope[DEFAULT])
    return Gates(default or GATES["ownership"], scopes)


def _scope_gates(config: Config, by_scope: Mapping[str, str], names: Names) -> list[ScopeGate]:
    found = []
    for scope, text in by_scope.items():
        gate = _named(config, scope, text)
        if scope == DEFAULT:
            continue
        if scope not in names:
            known = (*names, DEFAULT)
            where = "selections has none of that name, nor has scopes of the ownership file"
            message = f"gate.{scope}: no scope {scope!r}{suggestion(scope, known)} ({where})"
            raise config.mistake(message, "gate", scope)
        found.append(ScopeGate(scope, Selector(names[scope]), gate))
    return found


def _named(config: Config, scope: str, text: str) -> Gate:
    """A gate of gapscan.yaml, by name or spelled out."""
    if text in GATES:
        return GATES[text]
    try:
        if ":" in text:
            return parse_fail_on(text)
        message = (
            f"no gate {text!r}{suggestion(text, GATES)} (known: {', '.join(GATES)}, or STATE:SEVERITY,…)"
        )
    except ValueError as error:
        message = str(error)
    raise config.mistake(f"gate.{scope}: {message}", "gate", scope)


def _gate(name: str | None, fail_on: str | None) -> Gate | None:
    if name is not None and fail_on is not None:
        raise Usage("give a gate by name or spell it out with fail-on, not both")
    if fail_on is not None:
        if fail_on == "none":
            return GATES["none"]
        try:
            return parse_fail_on(fail_on)
        except ValueError as error:
            raise Usage(f"--fail-on: {error}") from None
    if name is not None and name not in GATES:
        raise Usage(f"no gate {name!r}: it is one of {', '.join(GATES)}{suggestion(name, GATES)}")
    return GATES[name] if name is not None else None


def narrowing_of(
    team: str | None,
    where: tuple[str, ...],
    file: OwnershipFile | None,
    names: Names,
    catalogue: Catalogue,
) -> Narrowing | None:
    """What ``--team`` and ``--where`` narrow to; ``None``: not narrowed. Raises :class:`Usage`."""
    if team is None and not where:
        return None
    id = None
    if team is not None:
        if file is None:
            raise Usage("--team: needs an ownership file: give one with --ownership FILE")
        try:
            id = team_of(file, team)
        except ValueError as error:
            raise Usage(f"--team: {error}") from None
    clauses = tuple(clause for text in where for clause in _clauses(text, names, catalogue))
    return Narrowing(file, id, Selector(clauses) if where else None)


def _clauses(text: str, names: Names, catalogue: Catalogue) -> tuple[Clause, ...]:
    if "=" not in text:
        if text not in names:
            message = f"no scope {text!r}{suggestion(text, names)}; or spell it out: account=111122223333"
            raise Usage(f"--where: {message}")
        return names[text]
    try:
        selection = parse_where(text)
    except ValueError as error:
        raise Usage(f"--where: {error}") from None
    if kinds := _unknown_kinds(selection, catalogue):
        raise Usage(f"--where: no kind {kinds[0]!r}{suggestion(kinds[0], catalogue.kinds)}")
    return compile_selection(selection)


def _unknown_kinds(selection: Where | AnyOf, catalogue: Catalogue) -> list[str]:
    wheres = selection.any if isinstance(selection, AnyOf) else (selection,)
    return [kind for where in wheres for kind in where.kind or () if kind not in catalogue.kinds]
