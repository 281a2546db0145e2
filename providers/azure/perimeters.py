"""Network security perimeters: with an association, their rules admit beside a resource's own firewall, or
decide alone.

https://learn.microsoft.com/azure/private-link/network-security-perimeter-transition
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.azure.client.calls import ArmCall
from scanner.model.evidence import Observed, Unknown, any_of, join
from scanner.policy.addresses import cover_world

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Perimeter:
    """The perimeter that a resource is associated with."""

    enforced: bool
    """The resource's own firewall is ignored."""
    admits_world: bool
    """An inbound rule admits the internet."""


def associations(namespace: str, of: str, operation: str, version: str) -> ArmCall:
    """The call for the perimeters of one resource of the type, such as ``storageAccounts``."""
    return ArmCall(
        name=f"{namespace}/{operation}",
        permission=f"{namespace}/{of}/networkSecurityPerimeterConfigurations/read",
        path="{id}/networkSecurityPerimeterConfigurations",
        of=f"{namespace}/{of}".lower(),
        version=version,
        paged=True,
    )


def to_perimeter(call: ArmCall, configurations: Sequence[Row]) -> Observed[Perimeter | None]:
    """The perimeter in a list of configurations; ``None`` without an association.

    ``Learning`` is the former name of ``Transition``; in the mode ``Audit`` nothing is blocked either. A
    configuration that is not ``Succeeded`` may or may not be in force.
    """
    if not configurations:
        return None
    modes = {_mode(one["properties"]["resourceAssociation"]["accessMode"]) for one in configurations}
    states = {str(one["properties"].get("provisioningState") or "Succeeded") for one in configurations}
    if states != {"Succeeded"} or len(modes) > 1:
        message = "the association with a network security perimeter is not in a definite state"
        return Unknown.because("unsupported", call.name, None, message)
    rules = [rule for one in configurations for rule in one["properties"]["profile"]["accessRules"]]
    prefixes = [prefix for rule in rules for prefix in _inbound(rule["properties"])]
    everywhere = any(prefix.lower() in ("*", "internet") for prefix in prefixes)
    return Perimeter(modes == {True}, everywhere or cover_world(prefixes))


def _mode(mode: str) -> bool:
    return {"enforced": True, "learning": False, "transition": False, "audit": False}[mode.lower()]


def _inbound(rule: Row) -> Sequence[str]:
    direction = rule["direction"].lower()
    if direction not in ("inbound", "outbound"):
        raise ValueError("direction")
    if direction == "outbound":
        return ()
    # Subscriptions and other perimeters that a rule admits are not the internet.
    tags = [tag for tag in rule.get("serviceTags") or () if tag.lower() == "internet"]
    return (*(rule.get("addressPrefixes") or ()), *tags)


def reachable_with(own: Observed[bool], perimeter: Observed[Perimeter | None]) -> Observed[bool]:
    """Whether the internet reaches the resource. ``own`` is whether its own firewall admits it: false where
    public access is disabled, or left to the perimeter."""
    if isinstance(perimeter, Unknown):
        return join([perimeter, *([own] if isinstance(own, Unknown) else [])])
    if perimeter is None:
        return own
    return perimeter.admits_world if perimeter.enforced else any_of(own, perimeter.admits_world)
