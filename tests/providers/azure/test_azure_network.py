"""Network security groups: what their rules open to the internet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.azure.network import FIREWALLS
from providers.sandbox.azure.estate import SUBSCRIPTION
from providers.sandbox.azure.network import DEFAULT_RULES, rule
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.network import Firewall
from scanner.policy.reachability import admin_ports
from tests.providers.azure.azure_scan import WANTED, Scan, of_kind, unknown_facets

SHAPE = (KeyError, TypeError, ValueError, AttributeError)
LISTING = "Microsoft.ResourceGraph/Resources(networkSecurityGroups)"


@pytest.fixture
def scan(scan: Scan) -> Scan:
    """Only the kinds of this theme."""
    return partial(scan, wanted={kind: WANTED[kind] for kind in ("firewall",)})


def firewall(inventory: Inventory, name: str) -> Firewall:
    (found,) = (one for one in inventory.resources if isinstance(one, Firewall) and one.name == name)
    return found


def opened(*rules: dict[str, Any], defaults: Any = DEFAULT_RULES) -> Any:
    read = FIREWALLS.facets["open_to_world"].reads[0]
    item = {"properties": {"securityRules": list(rules), "defaultSecurityRules": defaults}}
    return read.function(item).by_rules


def allow(protocol: str, ports: str, source: str = "*", priority: int = 200, **more: Any) -> dict[str, Any]:
    return rule("a", "Allow", priority, protocol, ports, source, **more)


def deny(protocol: str, ports: str, source: str = "*", priority: int = 100, **more: Any) -> dict[str, Any]:
    return rule("d", "Deny", priority, protocol, ports, source, **more)


def test_a_web_tier(scan: Scan) -> None:
    found = firewall(scan(), "web-nsg")
    assert found.id == (
        f"/subscriptions/{SUBSCRIPTION}/resourcegroups/analytics-prod"
        "/providers/microsoft.network/networksecuritygroups/web-nsg"
    )
    assert (found.scope, found.region) == (SUBSCRIPTION, "westeurope")
    assert (found.type, found.tags) == ("azure.network.securitygroup", {"owner": "product", "env": "prod"})
    assert (found.attached, found.default, found.default_allows) == (True, False, False)
    assert found.open_to_world == ("tcp 80", "tcp 443")
    assert (found.admin_ports_open, found.everything_open) == ((), False)


def test_a_forgotten_jump_host(scan: Scan) -> None:
    found = firewall(scan(), "jumphost-nsg")
    assert (found.attached, found.tags) == (True, {})
    assert found.open_to_world == ("tcp 22", "tcp 3389", "udp 3389")
    assert found.admin_ports_open == ("SSH (tcp 22)", "RDP (tcp 3389)", "RDP (udp 3389)")
    assert found.everything_open is False


def test_an_internal_group_and_an_unused_one(scan: Scan) -> None:
    inventory = scan()
    internal, unused = firewall(inventory, "warehouse-nsg"), firewall(inventory, "migration-2021-nsg")
    assert (internal.open_to_world, internal.admin_ports_open, internal.everything_open) == ((), (), False)
    assert (unused.attached, unused.open_to_world, unused.everything_open) == (False, ("all",), True)
    assert len(of_kind(inventory, "firewall")) == 4


def test_only_the_requested_locations(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.security_groups[0]["location"] = "NorthEurope"
    inventory = scan(ConnectionRequest("azure", regions=("northeurope",)))
    assert [(one.name, one.region) for one in of_kind(inventory, "firewall")] == [("web-nsg", "northeurope")]


def test_a_hidden_group_is_a_blind_spot(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.hidden = {"jumphost-nsg"}
    azure.estate.permissions = [{"actions": ["Microsoft.Storage/*"], "notActions": []}]
    inventory = scan()
    assert len(of_kind(inventory, "firewall")) == 3
    assert not inventory.complete("azure", SUBSCRIPTION, "firewall")


def test_an_unreadable_rule_makes_its_group_unknown(azure: AzureSandbox, scan: Scan) -> None:
    azure.estate.security_groups[0]["properties"]["securityRules"][0]["properties"]["access"] = None
    inventory = scan()
    assert unknown_facets(inventory) == {
        ("firewall", name) for name in ("open_to_world", "admin_ports_open", "everything_open")
    }
    assert isinstance(firewall(inventory, "web-nsg").open_to_world, Unknown)
    assert firewall(inventory, "jumphost-nsg").everything_open is False
    assert inventory.blind_spots == ()


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((), ()),
        ((allow("Tcp", "22"),), ("tcp 22",)),
        ((allow("tcp", "22", "Internet"),), ("tcp 22",)),
        ((allow("TCP", "22", "INTERNET"),), ("tcp 22",)),
        ((allow("Tcp", "22", "Any"),), ("tcp 22",)),
        ((allow("Tcp", "22", "0.0.0.0/0"),), ("tcp 22",)),
        ((allow("Tcp", "22", "::/0"),), ("tcp 22",)),
        ((allow("Tcp", "22", "0.0.0.0/2,64.0.0.0/3"),), ("tcp 22",)),
        ((allow("Tcp", "22", "AzureCloud,Internet"),), ("tcp 22",)),
        ((allow("Tcp", "22", "203.0.113.7"),), ()),
        ((allow("Tcp", "22", "10.0.0.0/8,fd00::/8"),), ()),
        ((allow("Tcp", "22", "VirtualNetwork"),), ()),
        ((allow("Tcp", "22", "AzureLoadBalancer,Storage.WestEurope,AzureFrontDoor.Backend"),), ()),
        ((allow("Tcp", "22", "", sourceApplicationSecurityGroups=[{"id": "/x"}]),), ()),
        ((allow("Tcp", "22", direction="Outbound"),), ()),
        ((allow("Tcp", "80,443,8000-8100"),), ("tcp 80", "tcp 443", "tcp 8000-8100")),
        ((allow("Udp", "53-53"),), ("udp 53",)),
        ((allow("*", "53"),), ("tcp 53", "udp 53")),
        ((allow("*", "*"),), ("all",)),
        ((allow("*", "0-65535"),), ("all",)),
        ((allow("Tcp", "*"),), ("tcp 0-65535",)),
        ((allow("Tcp", "22,*"),), ("tcp 0-65535",)),
        ((allow("Icmp", "*"),), ("icmp",)),
        ((allow("Esp", "*"), allow("Ah", "*")), ("ah", "esp")),
        # An attacker can choose the source port, and any open machine behind the group.
        ((allow("Tcp", "22", sourcePortRange="53"),), ("tcp 22",)),
        ((allow("Tcp", "22", destinationAddressPrefix="10.0.0.4/32"),), ("tcp 22",)),
        # Deny rules with higher and with lower priority.
        ((deny("Tcp", "22"), allow("Tcp", "22")), ()),
        ((deny("*", "*", "Internet"), allow("*", "*")), ()),
        ((deny("*", "22"), allow("*", "*")), ("tcp 0-21", "tcp 23-65535", "udp 0-21", "udp 23-65535")),
        ((deny("Tcp", "22", priority=300), allow("Tcp", "22")), ("tcp 22",)),
        ((deny("Tcp", "22", destinationAddressPrefix="VirtualNetwork"), allow("Tcp", "22")), ()),
        # Deny rules that can be bypassed.
        ((deny("Tcp", "22", "VirtualNetwork"), allow("Tcp", "22")), ("tcp 22",)),
        ((deny("Tcp", "22", "0.0.0.0/0"), allow("Tcp", "22")), ("tcp 22",)),
        ((deny("Tcp", "22", destinationAddressPrefix="10.0.0.4"), allow("Tcp", "22")), ("tcp 22",)),
        ((deny("Tcp", "22", destinationAddressPrefix="Internet"), allow("Tcp", "22")), ("tcp 22",)),
        ((deny("Tcp", "22", destinationAddressPrefix="0.0.0.0/0"), allow("Tcp", "22")), ("tcp 22",)),
        (
            (deny("Tcp", "22", destinationAddressPrefix="0.0.0.0/0"), allow("Tcp", "22", "0.0.0.0/0")),
            (),
        ),
        ((deny("Tcp", "22", sourcePortRange="1024-65535"), allow("Tcp", "22")), ("tcp 22",)),
        ((deny("Tcp", "22", sourcePortRange="0-65535"), allow("Tcp", "22")), ()),
        (
            (deny("Tcp", "22", "", sourceApplicationSecurityGroups=[{"id": "/x"}]), allow("Tcp", "22")),
            ("tcp 22",),
        ),
    ],
)
def test_what_rules_open(rules: tuple[dict[str, Any], ...], expected: tuple[str, ...]) -> None:
    assert opened(*rules) == expected


def test_the_plural_fields_alone_say_the_same() -> None:
    one = allow("Tcp", "22")
    for name in (
        "destinationPortRange",
        "sourceAddressPrefix",
        "sourcePortRange",
        "destinationAddressPrefix",
    ):
        plural = f"{name}es" if name.endswith("Prefix") else f"{name}s"
        one["properties"][plural] = [one["properties"].pop(name)]
    assert opened(one) == ("tcp 22",)
    denial = deny("Tcp", "22")
    denial["properties"].update(destinationAddressPrefix="", destinationAddressPrefixes=["10.0.0.0/8", "*"])
    assert opened(one, denial) == ()


@pytest.mark.parametrize(
    "broken",
    [
        {"access": "Perhaps"},
        {"direction": None},
        {"protocol": None},
        {"priority": "100"},
        {"destinationPortRange": None},
        {"destinationPortRange": "ssh"},
        {"destinationPortRange": "22-"},
        {"destinationPortRange": "70000"},
        {"sourceAddressPrefix": None},
        {"sourceAddressPrefix": "10.0.0.1-10.0.0.9"},
        {"sourceAddressPrefix": "300.0.0.0/8"},
    ],
)
def test_an_unreadable_rule_raises(broken: dict[str, Any]) -> None:
    with pytest.raises(SHAPE):
        opened(allow("Tcp", "22", **broken))


@pytest.mark.parametrize(
    "properties", [{}, {"securityRules": []}, {"defaultSecurityRules": []}, {"securityRules": None}]
)
def test_a_group_without_its_rules_raises(properties: dict[str, Any]) -> None:
    read = FIREWALLS.facets["open_to_world"].reads[0]
    with pytest.raises(SHAPE):
        read.function({"properties": properties})


DRAWN = st.fixed_dictionaries(
    {
        "access": st.sampled_from(["Allow", "Deny"]),
        "protocol": st.sampled_from(["Tcp", "*", "Udp"]),
        "destinationPortRange": st.sampled_from(["22", "*", "23"]),
        "sourcePortRange": st.sampled_from(["*", "53"]),
        "sourceAddressPrefix": st.sampled_from(
            ["*", "Internet", "0.0.0.0/1", "128.0.0.0/1", "VirtualNetwork"]
        ),
        "destinationAddressPrefix": st.sampled_from(["*", "VirtualNetwork", "10.0.0.4"]),
    }
)


def allows(rules: list[dict[str, Any]], source: str, destination: str, source_port: int) -> bool:
    """Whether the first matching rule allows a TCP packet from the internet to port 22."""

    def holds(prefix: str, address: str, tags: tuple[str, ...]) -> bool:
        named = prefix in tags
        return named or (prefix[0].isdigit() and ip_address(address) in ip_network(prefix))

    for one in rules:
        if (
            one["protocol"] in ("Tcp", "*")
            and one["destinationPortRange"] != "23"
            and one["sourcePortRange"] in ("*", str(source_port))
            and holds(one["sourceAddressPrefix"], source, ("*", "Internet"))
            and holds(one["destinationAddressPrefix"], destination, ("*", "VirtualNetwork"))
        ):
            return bool(one["access"] == "Allow")
    return False


@settings(max_examples=400)
@given(st.lists(DRAWN, min_size=2, max_size=4))
def test_rules_that_allow_a_packet_are_never_closed(rules: list[dict[str, Any]]) -> None:
    """From either half of the internet, to either machine, from either source port."""
    ways = product(("8.8.8.8", "200.1.1.1"), ("10.0.0.4", "10.0.0.5"), (53, 4000))
    complete = [
        {**rule("r", "Allow", 100 + at, "*", "*", "*")["properties"], **one} for at, one in enumerate(rules)
    ]
    found = opened(*({"properties": one} for one in complete))
    if any(allows(rules, *way) for way in ways):
        assert "SSH (tcp 22)" in admin_ports(found)


def recorded(recordings: Callable[[str], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The groups as Resource Graph returns them: with the subscription, and tags or null."""
    bodies = [one["body"] for one in recordings("microsoft.network.networksecuritygroups")]
    listed = [one for body in bodies for one in body.get("value", [body])]
    return [{"tags": None, **one, "subscriptionId": one["id"].split("/")[2]} for one in listed]


def test_recorded_groups(recordings: Callable[[str], list[dict[str, Any]]]) -> None:
    found = recorded(recordings)
    assert len(found) > 15
    attached, reach = (FIREWALLS.facets[name].reads[0].function for name in ("attached", "open_to_world"))
    seen: dict[str, set[tuple[tuple[str, ...], bool]]] = {}
    for item in found:
        assert FIREWALLS.header(item)["id"] == item["id"].lower()
        seen.setdefault(item["name"], set()).add((reach(item).by_rules, attached(item)))
    assert seen["nsg-allow-all-ingress"] == {(("all",), False)}
    assert seen["nsg-deny-all-ingress"] == {((), False)}
    assert seen["nsg-mixed-rules"] == {(("tcp 80", "tcp 443"), False)}
    assert seen["k8s-master-C02B7042-nsg"] == {(("tcp 22", "tcp 443"), True)}
    # A deny rule for 8086 precedes the allow rule; without a protocol both TCP and UDP are open.
    web = ("tcp 80", "tcp 88-90", "tcp 8080-8084", "udp 80", "udp 88-90", "udp 8080-8084")
    assert seen["c7n-nsg"] == {(web, False), (("tcp 88-90", "udp 88-90"), True), ((), False)}
