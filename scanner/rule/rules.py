"""Rules: declarative checks of one kind of resource, each evidence for one control.

A rule is one YAML file; its path under the pack is its id (``data/bucket-not-public.yaml`` is
``data.bucket-not-public``). Everything is checked when a pack is loaded: the expressions against the
model, the control against the catalogue, the examples against the facets that the rule reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanner.base.yaml import Document, DocumentError, Problem, read, suggestion
from scanner.catalogue.control import Severity
from scanner.catalogue.responsibility import Catalogue
from scanner.expression.errors import ExpressionError
from scanner.expression.located import located
from scanner.expression.predicate import Predicate, compile_predicate, variable_of
from scanner.expression.template import Template, compile_template
from scanner.model.evidence import Unknown
from scanner.model.resources.base import HEADER, ProviderName, Resource
from scanner.model.resources.kinds import KINDS

Outcome = Literal["pass", "fail", "unknown", "n/a"]
"""The verdict of a rule on a resource."""

PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)
BUILTIN = "builtin"
"""The name of the pack that comes with gapscan."""

EXAMPLE_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""What ``now`` is in examples."""


class RuleText(BaseModel):
    """A rule file, as it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="gapscan rule")

    title: str = Field(min_length=1)
    """The compliant condition in a few words."""
    control: str
    """Id of the control that the rule is evidence for."""
    severity: Severity
    for_: str = Field(alias="for")
    """The kind of resource that is checked."""
    when: str | None = None
    """To which resources it applies: false makes n/a, unknown makes unknown. Absent: to all."""
    require: str
    """The compliant condition."""
    message: str
    """What a failure says; ``{bucket.name}`` holes are filled from the resource."""
    rationale: str
    """Why it matters."""
    remediation: Mapping[ProviderName, str]
    """What ends a failure, on each cloud that the rule is for."""
    notes: Mapping[ProviderName, str] = {}
    providers: tuple[ProviderName, ...] = PROVIDERS
    """The clouds on which the facts exist."""
    refs: Mapping[str, tuple[str, ...]] = {}
    """Ids of related requirements, by benchmark and version: related to, never a claim to satisfy."""
    aliases: tuple[str, ...] = ()
    """Former ids, oldest first; identities of findings are built on the first."""
    examples: tuple[Mapping[Outcome, Mapping[str, Any]], ...] = Field(min_length=1)
    """Resources with the verdict that they must get; each states exactly the facets that the rule reads."""


@dataclass(frozen=True)
class Example:
    """A resource made of an example, and the verdict that it must get."""

    line: int
    expected: Outcome
    resource: Resource


@dataclass(frozen=True)
class Rule:
    """A loaded rule."""

    id: str
    file: str
    text: RuleText
    model: type[Resource]
    applies: Predicate | None
    requires: Predicate
    message: Template
    examples: tuple[Example, ...]

    @property
    def first_id(self) -> str:
        """The id that the rule had first."""
        return self.text.aliases[0] if self.text.aliases else self.id

    @cached_property
    def facets(self) -> frozenset[str]:
        """The facets that decide its verdict."""
        return self.requires.facets | (self.applies.facets if self.applies else frozenset())

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The facets to collect for it: those that decide, and those that its message tells."""
        return self.facets | self.message.facets

    def evaluate(self, resource: Resource, now: datetime) -> tuple[Outcome, Unknown | None]:
        """The verdict on a resource of its kind; for ``unknown`` with all causes."""
        if self.applies is not None:
            applies = self.applies.evaluate(resource, now)
            if isinstance(applies, Unknown):
                return "unknown", applies
            if not applies:
                return "n/a", None
        met = self.requires.evaluate(resource, now)
        if isinstance(met, Unknown):
            return "unknown", met
        return ("pass" if met else "fail"), None


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
                rule = load_rule(file, rule_id, label, catalogue)
            except DocumentError as error:
                problems += error.problems
                continue
            if rule_id in rules:
                problems.append(Problem(label, 1, f"rule {rule_id} is also in {rules[rule_id].file}"))
            rules[rule_id] = rule
            digest.update(rule_id.encode() + b"\0" + file.read_bytes() + b"\0")
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


def load_rule(path: Path, rule_id: str, label: str, catalogue: Catalogue) -> Rule:
    """Loads one rule file. Raises :class:`DocumentError` with every mistake."""
    document = read(path, label)
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
    rule = Rule(rule_id, label, text, model, applies, requires, message, ())
    examples = tuple(_examples(document, rule))
    return Rule(rule_id, label, text, model, applies, requires, message, examples)


def _examples(document: Document, rule: Rule) -> Iterator[Example]:
    problems: list[Problem] = []
    for index, entry in enumerate(rule.text.examples):
        for outcome, given in entry.items():
            place = ("examples", index, outcome)
            stated = frozenset(given) - frozenset(HEADER)
            if stated != rule.facets:
                more = ", ".join(sorted(stated - rule.facets))
                less = ", ".join(sorted(rule.facets - stated))
                told = "; ".join(
                    [f"lacks {less}"] * bool(less)
                    + [f"has {more}, which the rule does not read"] * bool(more)
                )
                problems.append(document.problem(f"example {index + 1} {told}", *place))
                continue
            try:
                yield Example(document.line(*place), outcome, _resource(rule.model, given))
            except (ValidationError, ValueError) as error:
                first = error.errors()[0] if isinstance(error, ValidationError) else None
                told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error)
                problems.append(document.problem(f"example {index + 1}: {told}", *place))
    if problems:
        raise DocumentError(problems)


def _resource(model: type[Resource], given: Mapping[str, Any]) -> Resource:
    """The resource that an example describes; the header is made up where it is not stated."""
    record: dict[str, Any] = {
        "kind": model.kind,
        "provider": "aws",
        "partition": "aws",
        "scope": "111122223333",
        "region": None,
        "id": "example",
        "name": "example",
        "type": f"aws.example.{model.kind}",
        "tags": {},
        "unknown": {},
    }
    for name, value in given.items():
        if isinstance(value, Mapping) and set(value) == {"unknown"}:
            cause = {"reason": value["unknown"], "call": "example", "permission": None, "message": "example"}
            record["unknown"][name] = [cause]
            record.pop(name, None)
        else:
            record[name] = value
    return model.from_record(record)


def run_examples(rule: Rule) -> Iterator[Problem]:
    """Every example whose verdict is not the one that it states."""
    for example in rule.examples:
        outcome, unknown = rule.evaluate(example.resource, EXAMPLE_TIME)
        if outcome != example.expected:
            why = f" ({unknown.causes[0].message})" if unknown else ""
            yield Problem(rule.file, example.line, f"expected {example.expected}, got {outcome}{why}")
