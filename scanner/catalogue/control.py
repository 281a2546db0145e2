"""Controls and the terms of the shared responsibility model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from scanner.base.models import FrozenModel
from scanner.model.resources.base import ProviderName

Party = Literal["customer", "provider"]
"""The responsible party. There is no "shared": a shared control is one obligation of each party."""

ServiceModel = Literal["on_prem", "iaas", "caas", "faas", "paas", "saas"]
"""How much of the stack the provider operates, least first."""

Level = Literal["organisation", "tenant", "scope", "resource"]
"""Where a control is assessed: once for the organisation or tenant, at each scope, or on each resource."""

EvidenceMode = Literal["auto", "hybrid", "attestation"]
"""What proves a control: live configuration, a person's attestation, or (hybrid) both."""

Severity = Literal["low", "medium", "high", "critical"]
"""The impact if a control is not met, lowest first."""

ResponsibilityCell = Literal["customer", "provider", "both", "none"]
"""Who is responsible for a control under one service model; ``none``: it does not apply there."""

Framework = Literal["nist_800_53r5", "csa_ccm_4_0", "iso_27001_2022", "cis_controls_8_1", "pci_dss_4_0"]
"""A framework whose requirements a control is related to (without satisfying them)."""

SERVICE_MODELS: tuple[ServiceModel, ...] = get_args(ServiceModel)

Text = Annotated[str, Field(min_length=1)]
"""Text that is not empty."""


class Control(FrozenModel):
    """A control of the catalogue, with the obligations of each party."""

    id: str
    title: str
    domain: str
    layer: str
    level: Level
    severity: Severity
    responsibility: Mapping[ServiceModel, ResponsibilityCell]
    """Who is responsible under each service model; has all six keys."""
    obligations: Mapping[Party, str | None]
    """What each party must do, in one sentence; has both keys."""
    evidence: EvidenceMode
    kinds: Mapping[ProviderName, tuple[str, ...]]
    """The kinds of resource that a complete assessment on that cloud would cover."""
    refs: Mapping[Framework, tuple[str, ...]]
    """Ids of related requirements by framework."""
    aliases: tuple[str, ...] = ()
    """Former ids, oldest first. They remain valid in every file that names controls."""

    @property
    def first_id(self) -> str:
        """The control's original id, on which the identity of findings is based."""
        return self.aliases[0] if self.aliases else self.id


class Layer(FrozenModel):
    """A layer of the stack, with the default party of its controls under each service model."""

    title: Text
    default: Mapping[ServiceModel, Literal["customer", "provider", "both"]]
