"""The networks of the sample project, their firewall rules, and the organisation's firewall policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.sandbox.gcp.asset import Asset, asset

_COMPUTE = "https://www.googleapis.com/compute/v1"
_WORLD = ["0.0.0.0/0"]
Allowed = Sequence[Mapping[str, Any]]


def tcp(*ports: str) -> Mapping[str, Any]:
    """TCP, on all or these ports."""
    return {"IPProtocol": "tcp", **({"ports": list(ports)} if ports else {})}


def assets(identifier: str, above: Sequence[str], root: Sequence[str]) -> list[Asset]:
    """A default network as created, a network behind a load balancer, an open one without instances; and the
    organisation's policy."""
    everything = [{"IPProtocol": "all"}]
    inside = [tcp("0-65535"), {"IPProtocol": "udp", "ports": ["0-65535"]}, {"IPProtocol": "icmp"}]
    return [
        network(identifier, "default", above, subnetworks=["us-central1/subnetworks/default"]),
        network(identifier, "batch", above, subnetworks=["us-central1/subnetworks/workers"]),
        network(identifier, "scratch", above),
        rule(identifier, "default-allow-ssh", "default", above, _WORLD, [tcp("22")], priority=65534),
        rule(identifier, "default-allow-rdp", "default", above, _WORLD, [tcp("3389")], priority=65534),
        rule(
            identifier,
            "default-allow-icmp",
            "default",
            above,
            _WORLD,
            [{"IPProtocol": "icmp"}],
            priority=65534,
        ),
        rule(
            identifier, "default-allow-internal", "default", above, ["10.128.0.0/9"], inside, priority=65534
        ),
        rule(
            identifier,
            "batch-load-balancer",
            "batch",
            above,
            ["130.211.0.0/22", "35.191.0.0/16"],
            [tcp("8080")],
            targetTags=["api"],
        ),
        rule(identifier, "batch-web", "batch", above, _WORLD, [tcp("443")], targetTags=["api"]),
        rule(identifier, "batch-iap", "batch", above, ["35.235.240.0/20"], [tcp("22")]),
        rule(identifier, "scratch-all", "scratch", above, _WORLD, everything),
        policy(
            "525252525252",
            "edge",
            root,
            above=root,
            rules=[
                policy_rule(1000, "goto_next", ["35.235.240.0/20"], [{"ipProtocol": "tcp", "ports": ["22"]}]),
                policy_rule(1100, "deny", ["0.0.0.0/0", "::/0"], [{"ipProtocol": "tcp", "ports": ["3389"]}]),
                policy_rule(2147483646, "goto_next", _WORLD, [{"ipProtocol": "all"}]),
            ],
        ),
    ]


def network(
    identifier: str, name: str, above: Sequence[str], *, subnetworks: Sequence[str] = (), **more: Any
) -> Asset:
    """A VPC network."""
    path = f"projects/{identifier}/global/networks/{name}"
    regions = f"{_COMPUTE}/projects/{identifier}/regions"
    data = {
        "kind": "compute#network",
        "id": "7187875227597763497",
        "name": name,
        "selfLink": f"{_COMPUTE}/{path}",
        "autoCreateSubnetworks": name == "default",
        "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL",
        **({"subnetworks": [f"{regions}/{each}" for each in subnetworks]} if subnetworks else {}),
        **more,
    }
    return asset("compute.googleapis.com/Network", f"//compute.googleapis.com/{path}", data, above)


def rule(
    identifier: str,
    name: str,
    network_name: str,
    above: Sequence[str],
    sources: Sequence[str],
    allowed: Allowed,
    *,
    denied: Allowed = (),
    priority: int = 1000,
    **more: Any,
) -> Asset:
    """A VPC firewall rule for ingress."""
    path = f"projects/{identifier}/global/firewalls/{name}"
    data = {
        "kind": "compute#firewall",
        "name": name,
        "network": f"{_COMPUTE}/projects/{identifier}/global/networks/{network_name}",
        "selfLink": f"{_COMPUTE}/{path}",
        "direction": "INGRESS",
        "priority": priority,
        "disabled": False,
        "logConfig": {"enable": False},
        **({"sourceRanges": list(sources)} if sources else {}),
        **({"allowed": list(allowed)} if allowed else {}),
        **({"denied": list(denied)} if denied else {}),
        **more,
    }
    return asset("compute.googleapis.com/Firewall", f"//compute.googleapis.com/{path}", data, above)


def policy(
    number: str,
    name: str,
    attached: Sequence[str],
    *,
    above: Sequence[str],
    rules: Sequence[Mapping[str, Any]],
    path: str | None = None,
) -> Asset:
    """A firewall policy associated with the targets in ``attached``."""
    full = path or f"locations/global/firewallPolicies/{number}"
    data = {
        "kind": "compute#firewallPolicy",
        "id": number,
        "name": number,
        "shortName": name,
        "associations": [
            {"name": f"{name}-{place.split('/')[-1]}", "attachmentTarget": place, "firewallPolicyId": number}
            for place in attached
        ],
        "rules": list(rules),
    }
    return asset("compute.googleapis.com/FirewallPolicy", f"//compute.googleapis.com/{full}", data, above)


def policy_rule(
    priority: int, action: str, sources: Sequence[str], traffic: Allowed, **more: Any
) -> Mapping[str, Any]:
    """A rule of a firewall policy; ``match`` extends its match."""
    match = {"srcIpRanges": list(sources), "layer4Configs": list(traffic), **more.pop("match", {})}
    return {
        "kind": "compute#firewallPolicyRule",
        "priority": priority,
        "action": action,
        "direction": "INGRESS",
        "match": match,
        **more,
    }
