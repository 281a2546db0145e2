"""VPC networks: the internet traffic that passes rules and policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.gcp.client.calls import Item, Project
from providers.gcp.client.client import Client
from providers.gcp.network import (
    FIREWALLS,
    to_default_rules,
    to_levels_above,
    to_open,
    to_policies,
    to_policies_first,
    to_rules,
)
from providers.sandbox.gcp.network import policy, policy_rule, rule, tcp
from scanner.collect.provider import Limits
from scanner.model.evidence import Unknown
from scanner.model.resources.base import HEADER
from scanner.policy.reachability import every_port_open

PROJECT, NUMBER = "batch-prod", "12"
ABOVE = ("folders/2", "organizations/3")
HERE = Project(PROJECT, NUMBER, "Batch", {}, ABOVE, "3")
CHAIN = (f"projects/{NUMBER}", *ABOVE)
LOST = Unknown.because("denied", "a call", "a.permission", "denied")
WORLD = ["0.0.0.0/0"]
URL = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks"
ALL = [{"ipProtocol": "all"}]


def network(name: str = "batch", **data: Any) -> Item:
    full = f"//compute.googleapis.com/projects/{PROJECT}/global/networks/{name}"
    return Item(HERE, {"name": full, "resource": {"data": {"name": name, "id": "77", **data}}})


def by_name(*assets: Any) -> dict[str, Any]:
    return {asset["name"]: asset for asset in assets}


def allow(sources: list[str], *allowed: Any, name: str = "a", priority: int = 1000, **more: Any) -> Any:
    return rule(PROJECT, name, "batch", CHAIN, sources, allowed, priority=priority, **more)


def deny(sources: list[str], *denied: Any, name: str = "d", priority: int = 1000, **more: Any) -> Any:
    return rule(PROJECT, name, "batch", CHAIN, sources, (), denied=denied, priority=priority, **more)


def opened(
    *rules: Any, own: tuple[Any, ...] = (), above: tuple[Any, ...] = (), item: Item | None = None
) -> Any:
    item = item or network()
    return to_open(
        to_rules(item, by_name(*rules)),
        to_policies(item, by_name(*own)),
        to_levels_above(item, by_name(*above)),
        to_policies_first(item),
    )


def edge(*rules: Any, place: str = "organizations/3", number: str = "5") -> Any:
    return policy(number, f"edge-{number}", [place], above=ABOVE[1:], rules=rules)


def on_network(*rules: Any, region: str | None = None, number: str = "8") -> Any:
    where = f"regions/{region}" if region else "global"
    path = f"projects/{PROJECT}/{where}/firewallPolicies/{number}"
    return policy(number, f"net-{number}", [f"{URL}/batch"], above=CHAIN, rules=rules, path=path)


def test_the_networks_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    assert found.names("firewall") == ["batch", "default", "scratch"]
    default = found.one("firewall", "default")
    assert (default.default, default.default_allows, default.attached) == (True, True, True)
    assert default.open_to_world == ("icmp", "tcp 22")
    assert default.admin_ports_open == ("SSH (tcp 22)",)
    batch = found.one("firewall", "batch")
    assert (batch.default, batch.default_allows, batch.attached) == (False, False, True)
    assert (batch.open_to_world, batch.admin_ports_open) == (("tcp 443",), ())
    scratch = found.one("firewall", "scratch")
    assert (scratch.everything_open, scratch.attached) == (True, False)
    assert scratch.open_to_world == ("tcp 0-3388", "tcp 3390-65535", "udp 0-65535")
    assert (scratch.region, scratch.tags) == (None, {})


@pytest.mark.parametrize(
    ("rules", "reach"),
    [
        ([], ()),
        ([allow(WORLD, tcp("22"))], ("tcp 22",)),
        ([allow(["::/0"], tcp("22"))], ("tcp 22",)),
        ([allow(["10.0.0.0/8"], tcp("22"))], ()),
        ([allow(["203.0.113.9/32"], tcp("22"))], ()),
        ([allow([], tcp("22"))], ("tcp 22",)),
        ([allow([], tcp("22"), sourceTags=["web"])], ()),
        ([allow([], tcp("22"), sourceServiceAccounts=["a@p.iam.gserviceaccount.com"])], ()),
        ([allow(WORLD, tcp("22"), sourceTags=["web"])], ("tcp 22",)),
        ([allow(WORLD, tcp("22"), disabled=True)], ()),
        ([allow(WORLD, tcp("22"), direction="EGRESS")], ()),
        ([allow(WORLD, {"IPProtocol": "6", "ports": ["80-81"]})], ("tcp 80-81",)),
        ([allow(WORLD, {"IPProtocol": "58"})], ("icmpv6",)),
        ([allow(WORLD, {"IPProtocol": "all"})], ("all",)),
        ([allow(WORLD, {"IPProtocol": "sctp", "ports": ["5000"]}, tcp())], ("sctp", "tcp 0-65535")),
        ([allow(["0.0.0.0/1"], tcp("22")), allow(["128.0.0.0/1"], tcp("23"), name="b")], ("tcp 22-23",)),
        ([allow(WORLD, tcp("22")), deny(WORLD, tcp())], ()),
        ([allow(WORLD, tcp("22"), priority=999), deny(WORLD, tcp())], ("tcp 22",)),
        ([allow(WORLD, tcp("20-30")), deny(WORLD, tcp("22"), priority=1)], ("tcp 20-21", "tcp 23-30")),
        ([allow(WORLD, tcp("22")), deny(["198.18.0.0/15"], tcp("22"), priority=1)], ("tcp 22",)),
        ([allow(WORLD, tcp("22")), deny(WORLD, tcp("22"), priority=1, targetTags=["db"])], ("tcp 22",)),
        (
            [
                allow(WORLD, tcp("22"), targetTags=["db"]),
                deny(WORLD, tcp("22"), priority=1, targetTags=["db"]),
            ],
            (),
        ),
        (
            [
                allow(WORLD, tcp("22"), targetTags=["db", "web"]),
                deny(WORLD, tcp("22"), priority=1, targetTags=["db"]),
            ],
            ("tcp 22",),
        ),
        (
            [
                allow(WORLD, tcp("22"), targetTags=["web"]),
                allow(WORLD, tcp("23"), name="b", targetServiceAccounts=["a@p.iam.gserviceaccount.com"]),
            ],
            ("tcp 22-23",),
        ),
        ([rule(PROJECT, "other", "elsewhere", CHAIN, WORLD, [tcp("22")])], ()),
    ],
)
def test_rules_of_a_network(rules: list[Any], reach: tuple[str, ...]) -> None:
    assert opened(*rules) == reach


SSH = [{"ipProtocol": "tcp", "ports": ["22"]}]
API = [{"ipProtocol": "tcp", "ports": ["8080"]}]
WEB = [{"ipProtocol": "tcp", "ports": ["443"]}]
OPEN_SSH = allow(WORLD, tcp("22", "443"))


@pytest.mark.parametrize(
    ("above", "reach"),
    [
        ([edge(policy_rule(1, "deny", WORLD, SSH))], ("tcp 443",)),
        ([edge(policy_rule(1, "allow", WORLD, API))], ("tcp 22", "tcp 443", "tcp 8080")),
        (
            [edge(policy_rule(1, "goto_next", WORLD, WEB), policy_rule(2, "deny", WORLD, ALL))],
            ("tcp 443",),
        ),
        (
            [edge(policy_rule(2, "goto_next", WORLD, WEB), policy_rule(1, "deny", WORLD, ALL))],
            (),
        ),
        (
            [
                edge(
                    policy_rule(1, "goto_next", ["35.235.240.0/20"], SSH),
                    policy_rule(2, "deny", WORLD, SSH),
                    policy_rule(3, "goto_next", WORLD, ALL),
                )
            ],
            ("tcp 443",),
        ),
        (
            [
                edge(policy_rule(1, "allow", WORLD, SSH)),
                edge(policy_rule(1, "deny", WORLD, ALL), place="folders/2", number="6"),
            ],
            ("tcp 22",),
        ),
        (
            [
                edge(policy_rule(1, "allow", WORLD, SSH), place="folders/2", number="6"),
                edge(policy_rule(1, "deny", WORLD, ALL)),
            ],
            (),
        ),
        ([edge(policy_rule(1, "deny", WORLD, ALL), place="folders/99")], ("tcp 22", "tcp 443")),
        ([edge(policy_rule(1, "deny", WORLD, ALL, disabled=True))], ("tcp 22", "tcp 443")),
        ([edge({**policy_rule(1, "deny", WORLD, ALL), "direction": "EGRESS"})], ("tcp 22", "tcp 443")),
        ([edge(policy_rule(1, "deny", WORLD, ALL, targetResources=[f"{URL}/batch"]))], ()),
        ([edge(policy_rule(1, "deny", WORLD, ALL, targetResources=[f"{URL}/77"]))], ()),
        ([edge(policy_rule(1, "deny", WORLD, ALL, targetResources=[f"{URL}/other"]))], ("tcp 22", "tcp 443")),
        (
            [edge(policy_rule(1, "deny", WORLD, ALL, targetServiceAccounts=["a@p.iam.gserviceaccount.com"]))],
            ("tcp 22", "tcp 443"),
        ),
        (
            [edge(policy_rule(1, "deny", WORLD, ALL, match={"srcNetworkScope": "INTRA_VPC"}))],
            ("tcp 22", "tcp 443"),
        ),
        ([edge(policy_rule(1, "deny", WORLD, ALL, match={"srcNetworkScope": "INTERNET"}))], ()),
        ([edge(policy_rule(1, "deny", [], ALL, match={"srcRegionCodes": ["AQ"]}))], ("tcp 22", "tcp 443")),
        (
            [
                edge(
                    policy_rule(1, "apply_security_profile_group", WORLD, WEB),
                    policy_rule(2, "deny", WORLD, ALL),
                )
            ],
            ("tcp 443",),
        ),
    ],
)
def test_policies_above_go_first(above: list[Any], reach: tuple[str, ...]) -> None:
    assert opened(OPEN_SSH, above=tuple(above)) == reach


def test_a_policy_above_can_open_a_closed_network() -> None:
    assert opened(above=(edge(policy_rule(1, "allow", WORLD, SSH)),)) == ("tcp 22",)


def test_network_policies_follow_the_rules_unless_set_to_precede_them() -> None:
    closing = on_network(policy_rule(1, "deny", WORLD, ALL))
    assert opened(OPEN_SSH, own=(closing,)) == ("tcp 22", "tcp 443")
    before = network(networkFirewallPolicyEnforcementOrder="BEFORE_CLASSIC_FIREWALL")
    assert opened(OPEN_SSH, own=(closing,), item=before) == ()
    opening = on_network(policy_rule(1, "allow", WORLD, SSH))
    assert opened(own=(opening,)) == ("tcp 22",)
    assert opened(deny(WORLD, {"IPProtocol": "all"}), own=(opening,)) == ()


def test_a_regional_policy_applies_only_to_its_region() -> None:
    opening = on_network(policy_rule(1, "allow", WORLD, SSH), region="europe-west1", number="9")
    assert opened(own=(opening,)) == ("tcp 22",)
    closing = on_network(policy_rule(1, "deny", WORLD, ALL), region="europe-west1", number="9")
    before = network(networkFirewallPolicyEnforcementOrder="BEFORE_CLASSIC_FIREWALL")
    assert opened(OPEN_SSH, own=(closing,), item=before) == ("tcp 22", "tcp 443")
    shut = on_network(policy_rule(1, "deny", WORLD, ALL))
    assert opened(own=(shut, opening)) == ()


def test_a_policy_of_another_network_does_not_count() -> None:
    other = policy("8", "n", [f"{URL}/other"], above=CHAIN, rules=[policy_rule(1, "allow", WORLD, SSH)])
    assert opened(own=(other,)) == ()


def test_a_referenced_policy_must_be_listed() -> None:
    item = network(firewallPolicy=f"{URL.rpartition('/')[0]}/firewallPolicies/8")
    with pytest.raises(LookupError):
        to_policies(item, {})


@pytest.mark.parametrize(
    "doubtful",
    [
        policy_rule(1, "allow", [], SSH, match={"srcRegionCodes": ["US"]}),
        policy_rule(1, "allow", [], SSH, match={"srcAddressGroups": ["projects/p/addressGroups/x"]}),
        policy_rule(1, "allow", [], SSH, match={"srcThreatIntelligences": ["iplist-public-clouds"]}),
        policy_rule(1, "deny", [], WEB, match={"srcAddressGroups": ["projects/p/addressGroups/x"]}),
        policy_rule(1, "deny", WORLD, WEB, match={"destIpRanges": ["10.1.0.0/16"]}),
    ],
)
def test_a_doubtful_rule_is_unknown_where_it_matters(doubtful: Any) -> None:
    web = allow(WORLD, tcp("443"))
    found = opened(web, above=(edge(doubtful),))
    assert isinstance(found, Unknown)
    assert "rule 1 of firewall policy edge-5" in found.causes[0].message
    settled = policy_rule(0, "deny", [*WORLD, "::/0"], ALL)
    assert opened(web, above=(edge(settled, doubtful),)) == ()


def test_a_doubtful_delegation_is_unknown_where_it_matters() -> None:
    group = {"srcAddressGroups": ["projects/p/addressGroups/x"]}
    delegated, closed = policy_rule(1, "goto_next", [], SSH, match=group), policy_rule(2, "deny", WORLD, ALL)
    assert isinstance(opened(OPEN_SSH, above=(edge(delegated, closed),)), Unknown)
    assert opened(above=(edge(delegated, closed),)) == ()


def test_a_denial_for_some_destinations_protects_only_those() -> None:
    closing = deny(WORLD, tcp("22"), priority=1, destinationRanges=["10.1.0.0/16"])
    assert isinstance(opened(allow(WORLD, tcp("22")), closing), Unknown)
    assert opened(closing) == ()


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_an_unknown_level_makes_the_result_unknown(lost: int) -> None:
    item = network()
    levels: list[Any] = [
        to_rules(item, by_name(OPEN_SSH)),
        to_policies(item, {}),
        to_levels_above(item, {}),
        to_policies_first(item),
    ]
    levels[lost] = LOST
    assert to_open(*levels) == LOST


@pytest.mark.parametrize(
    "broken",
    [
        allow(["anywhere"], tcp("22")),
        allow(WORLD, tcp("22-21")),
        allow(WORLD, tcp("http")),
        allow(WORLD, {"ports": ["22"]}),
        rule(PROJECT, "none", "batch", CHAIN, WORLD, ()),
        rule(PROJECT, "both", "batch", CHAIN, WORLD, [tcp()], denied=[tcp()]),
    ],
)
def test_an_invalid_rule_is_an_error(broken: Any) -> None:
    with pytest.raises(ValueError):
        to_rules(network(), by_name(broken))


def test_an_unknown_action_is_an_error() -> None:
    with pytest.raises(LookupError):
        to_levels_above(network(), by_name(edge(policy_rule(1, "mirror", WORLD, ALL))))


def test_the_rules_created_with_the_default_network() -> None:
    item = network("default")

    def given(name: str, **more: Any) -> bool:
        return to_default_rules(
            item, by_name(rule(PROJECT, name, "default", CHAIN, WORLD, [tcp("22")], **more))
        )

    assert given("default-allow-ssh") is True
    assert given("default-allow-ssh", disabled=True) is False
    assert given("ssh") is False
    assert to_default_rules(item, by_name(allow(WORLD, tcp("22"), name="default-allow-ssh"))) is False


@pytest.mark.parametrize(
    ("data", "attached"),
    [
        ({"subnetworks": ["x"]}, True),
        ({"subnetworks": []}, False),
        ({}, False),
        ({"IPv4Range": "10.0.0.0/8"}, True),
    ],
)
def test_whether_a_network_is_attached(data: dict[str, Any], attached: bool) -> None:
    assert FIREWALLS.facets["attached"].reads[0].function(network(**data)) is attached


def recorded_rules(recorded: Callable[[str], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    found = [
        line["asset"]["resource"]["data"]
        for line in recorded("gcp-cai/compute.jsonl")
        if line["asset"]["asset_type"].endswith("/Firewall")
    ]
    for line in recorded("gcp-rest/compute.jsonl"):
        if line["kind"] in ("compute#firewall", "compute#firewallList"):
            body = line["body"]
            found += body.get("items", [body] if line["kind"] == "compute#firewall" else [])
    return found


def test_every_recorded_rule_is_understood(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    found: dict[str, Any] = {}
    for data in recorded_rules(recorded):
        _, _, place = data["network"].partition("/projects/")
        project, name = place.split("/")[0], place.split("/")[-1]
        item = Item(
            Project(project, "1", "P", {}, (), None), {"name": "x", "resource": {"data": {"name": name}}}
        )
        level = to_rules(item, {"rule": {"resource": {"data": data}}})
        found[data["name"]] = to_open(level, to_policies(item, {}), (), False)
        assert isinstance(found[data["name"]], tuple)
    assert len(found) > 30
    assert found["cf-test-fw-rule-tcp-all"] == ("tcp 0-65535",)
    assert every_port_open(found["cf-test-fw-rule-udp-all"])
    assert found["cf-test-fw-rule-0"] == ("icmp", "tcp 123", "udp 1000-7000")
    assert found["cf-test-fw-rule-1"] == ()
    assert found["cf-test-fw-rule-target-3"] == ("all",)
    assert found["cf-test-fw-rule-target-8"] == ()
    assert found["default-allow-https-lb"] == ()
    assert found["default-allow-rdp"] == ("tcp 3389",)
    assert found["allow-inbound-xyz"] == ("all",)
    assert found["test"] == ()


def test_every_recorded_network_is_understood(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    client = Client(None, None, Limits())
    networks = [
        line["asset"]["resource"]["data"]
        for line in recorded("gcp-cai/compute.jsonl")
        if line["asset"]["asset_type"].endswith("/Network")
    ]
    for line in recorded("gcp-rest/compute.jsonl"):
        networks += line["body"]["items"] if line["kind"] == "compute#networkList" else []
    found = {}
    for data in networks:
        item = Item(HERE, {"name": data["selfLink"], "resource": {"data": data}})
        header = client.read(None, FIREWALLS.header, item)
        assert set(header) == set(HEADER)
        facts = [
            client.read(None, FIREWALLS.facets[name].reads[0].function, item)
            for name in ("attached", "default")
        ]
        assert client.read(None, to_policies_first, item) is False
        found[data["name"]] = facts
    assert found["default"] == [True, True]
    assert found["custodian-test"] == [True, False]
