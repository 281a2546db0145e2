"""Packs of rules: folders with one YAML file a rule.

The path of a file under its pack is the id of its rule (``data/bucket-not-public.yaml`` is
``data.bucket-not-public``). Loading checks everything but the examples: the expressions against the model,
the control against the catalogue, the ids against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from scanner.base.yaml import DocumentError, Problem, parse_bytes, read_bytes, suggestion
from scanner.catalogue.responsibility import Catalogue
from scanner.expression.errors import ExpressionError
from scanner.expression.located import located
from scanner.expression.predicate import Predicate, compile_predicate, variable_of
from scanner.expression.template import compile_template
from scanner.model.resources.kinds import KINDS
from scanner.rule.rule import Rule, RuleText

BUILTIN = "builtin"
"""The name of the pack that comes with gapscan."""


@dataclass(frozen=True)
class Pack:
    """The rules of all packs that a scan uses."""

    rules: Mapping[str, Rule]
    digest: str
    """SHA-256 of the rule files, in the order of their ids."""

    def choose(self, rules: Sequence[str] = (), controls: Iterable[str] | None = None) -> tuple[Rule, ...]:
        """The rules with one of the ids (all if none is given) and of one of the controls.

        Raises :class:`KeyError` with a message if an id is no rule.
        """
        known = {alias: rule.id for rule in self.rules.values() for alias in (*rule.text.aliases, rule.id)}
        for name in rules:
            if name not in known:
                raise KeyError(f"no rule {name!r}{suggestion(name, known)}")
        ids = {known[name] for name in rules} or set(self.rules)
        wanted = None if controls is None else frozenset(controls)
        return tuple(
            rule
            for rule in self.rules.values()
            if rule.id in ids and (wanted is None or rule.text.control in wanted)
        )


def load_packs(packs: Sequence[str], catalogue: Catalogue) -> Pack:
    """Loads rule packs: folders, or ``builtin``. Raises :class:`DocumentError` with every mistake."""
    rules: dict[str, Rule] = {}
    problems: list[Problem] = []
    digest = hashlib.sha256()
    for pack in packs:
        for file, rule_id, label in _files(pack):
            try:
                content = read_bytes(file, label)
                rule = load_rule(file, content, rule_id, label, catalogue)
            except DocumentError as error:
                problems += error.problems
                continue
            if rule_id in rules:
                problems.append(Problem(label, 1, f"rule {rule_id} is also in {rules[rule_id].file}"))
            rules[rule_id] = rule
            digest.update(rule_id.encode() + b"\0" + content + b"\0")
    problems += _alias_problems(rules)
    if problems:
        raise DocumentError(problems)
    return Pack({name: rules[name] for name in sorted(rules)}, digest.hexdigest())


def _alias_problems(rules: Mapping[str, Rule]) -> Iterator[Problem]:
    taken = dict(rules)
    for rule in rules.values():
        for alias in rule.text.aliases:
            other = taken.setdefault(alias, rule)
            if other is not rule:
                yield Problem(rule.file, 1, f"alias {alias} already means {other.id} ({other.file})")


def _files(pack: str) -> Iterator[tuple[Path, str, str]]:
    """The rule files of a pack: path, rule id, and the name for messages."""
    if pack == BUILTIN:
        root = Path(str(files("rules")))
    else:
        root = Path(pack)
        if not root.is_dir():
            raise DocumentError([Problem(pack, 1, "no such rule pack: a pack is a folder of YAML files")])
    found = [
        path
        for path in sorted(root.rglob("*.y*ml"))
        if path.suffix in (".yaml", ".yml")
        and path.parent != root
        and path.relative_to(root).parts[0] != "controls"
    ]
    if not found:
        raise DocumentError([Problem(pack, 1, "holds no rules: expected DOMAIN/RULE.yaml")])
    for path in found:
        inside = path.relative_to(root)
        label = f"rules/{inside}" if pack == BUILTIN else str(path)
        yield path, ".".join(inside.with_suffix("").parts), label


def load_rule(path: Path, content: bytes, rule_id: str, label: str, catalogue: Catalogue) -> Rule:
    """Loads the content of a rule file. Raises :class:`DocumentError` with every mistake."""
    document = parse_bytes(content, label)
    text = document.validate(RuleText)
    problems: list[Problem] = []
    if text.control not in catalogue.controls:
        hint = suggestion(text.control, catalogue.controls)
        problems.append(document.problem(f"control: no control {text.control!r}{hint}", "control"))
    if missing := set(text.providers) - set(text.remediation):
        problems.append(
            document.problem(f"remediation: missing for {', '.join(sorted(missing))}", "remediation")
        )
    model = KINDS.get(text.for_)
    if model is None:
        hint = suggestion(text.for_, KINDS)
        raise DocumentError([*problems, document.problem(f"for: no kind {text.for_!r}{hint}", "for")])

    def predicate(field: str, source: str) -> Predicate | None:
        try:
            return compile_predicate(source, variable_of(text.for_), model)
        except ExpressionError as error:
            problems.append(located(document, error, source, field))
            return None

    applies = predicate("when", text.when) if text.when is not None else None
    requires = predicate("require", text.require)
    try:
        message = compile_template(text.message, variable_of(text.for_), model)
    except ExpressionError as error:
        raise DocumentError([*problems, located(document, error, text.message, "message")]) from None
    if problems or requires is None:
        raise DocumentError(problems)
    return Rule(rule_id, path, label, text, model, applies, requires, message)
