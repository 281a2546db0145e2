"""Rules: declarative checks of one kind of resource, each evidence for one control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from scanner.catalogue.control import Severity
from scanner.expression.predicate import Predicate
from scanner.expression.template import Template
from scanner.model.evidence import Unknown
from scanner.model.resources.base import ProviderName, Resource

Outcome = Literal["pass", "fail", "unknown", "n/a"]
"""The verdict of a rule on a resource."""

PROVIDERS: tuple[ProviderName, ...] = get_args(ProviderName)


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
    """Ids of requirements, by benchmark and version, that the rule answers, alone or together with the rules
    that share the id."""
    related: Mapping[str, tuple[str, ...]] = {}
    """Ids of requirements that the rule touches and does not answer."""
    aliases: tuple[str, ...] = ()
    """Former ids, oldest first; identities of findings are built on the first."""
    examples: tuple[Mapping[Outcome, Mapping[str, Any]], ...] = Field(min_length=1)
    """Resources with the verdict that they must get; each states exactly the facets that the rule reads."""


@dataclass(frozen=True)
class Rule:
    """A loaded rule."""

    id: str
    path: Path
    file: str
    """What messages call it."""
    text: RuleText
    model: type[Resource]
    applies: Predicate | None
    requires: Predicate
    message: Template

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
