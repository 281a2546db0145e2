"""The words of responsibility, and what a control is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.model.resources.base import ProviderName

Party = Literal["customer", "provider"]
"""Who must do something. "Shared" is never an answer: a shared control is one obligation of each."""

ServiceModel = Literal["on_prem", "iaas", "caas", "faas", "paas", "saas"]
"""How much of the stack the provider operates, least first."""

Level = Literal["organisation", "tenant", "scope", "resource"]
"""Where a control is judged: once for the organisation or tenant, at each scope, or on each resource."""

EvidenceMode = Literal["auto", "hybrid", "statement"]
"""What shows a control: live configuration, a person's statement, or (hybrid) both."""

Severity = Literal["low", "medium", "high", "critical"]
"""How bad it is when a control is not met, least first."""

ResponsibilityCell = Literal["customer", "provider", "both", "none"]
"""Whose a control is under one service model; ``none``: it has no meaning there."""

Framework = Literal["nist_800_53r5", "csa_ccm_4_0", "iso_27001_2022", "cis_controls_8_1", "pci_dss_4_0"]
"""A catalogue of requirements that a control is related to (never: that it satisfies)."""

SERVICE_MODELS: tuple[ServiceModel, ...] = get_args(ServiceModel)

Text = Annotated[str, Field(min_length=1)]
"""Text that says something."""


class Control(FrozenModel):
    """An obligation of the catalogue, with each party's part in it."""

    id: str
    title: str
    domain: str
    layer: str
    level: Level
    severity: Severity
    responsibility: Mapping[ServiceModel, ResponsibilityCell]
    """Whose it is under each service model; all six are there."""
    obligations: Mapping[Party, str | None]
    """What each party has to do, in a sentence; both keys are there."""
    evidence: EvidenceMode
    kinds: Mapping[ProviderName, tuple[str, ...]]
    """The kinds of resource that a complete judgement on that cloud would look at."""
    refs: Mapping[Framework, tuple[str, ...]]
    """Ids of related requirements elsewhere."""
    aliases: tuple[str, ...] = ()
    """Former ids, oldest first. They go on working in every file that names controls."""

    @property
    def first_id(self) -> str:
        """The id that the control was born with; a finding's identity is built on it."""
        return self.aliases[0] if self.aliases else self.id


class Layer(FrozenModel):
    """A layer of the stack, and whose it is under each service model where a control says nothing."""

    title: Text
    default: Mapping[ServiceModel, Literal["customer", "provider", "both"]]
