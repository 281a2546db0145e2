from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.aws import network
from providers.aws.network import Reach
from providers.sandbox.aws.server import AwsSandbox
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.network import Firewall
from tests.providers.aws.aws_scan import WHOLE, Scan, named

WANTED = {"firewall": Firewall.facets()}
CLOSED = {
    "attached": True,
    "default": False,
    "open_to_world": (),
    "admin_ports_open": (),
    "everything_open": False,
    "default_allows": False,
}
GROUPS: dict[str, dict[str, object]] = {
    "web": {"open_to_world": ("tcp 80", "tcp 443")},
    "bastion-old": {
        "open_to_world": ("tcp 22", "tcp 3389"),
        "admin_ports_open": ("SSH (tcp 22)", "RDP (tcp 3389)"),
    },
    "ledger-db": {},
    "office-admin": {},
}


def items(*rules: dict[str, Any], name: str = "g", out: tuple[Any, ...] = ()) -> dict[str, Any]:
    return {
        "GroupId": "sg-1",
        "GroupName": name,
        "OwnerId": "111122223333",
        "VpcId": "vpc-1",
        "IpPermissions": list(rules),
        "IpPermissionsEgress": list(out),
        "account": "111122223333",
        "partition": "aws",
        "region": "eu-west-1",
    }


def rule(protocol: str = "tcp", ports: tuple[int, int] | None = (22, 22), **sources: Any) -> dict[str, Any]:
    range_ = {} if ports is None else {"FromPort": ports[0], "ToPort": ports[1]}
    return {"IpProtocol": protocol, **range_, **sources}


ANYONE: dict[str, Any] = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ANYONE_V6: dict[str, Any] = {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
LIST: dict[str, Any] = {"PrefixListIds": [{"PrefixListId": "pl-1"}]}
DENIED = Unknown.because("denied", "ec2:GetManagedPrefixListEntries", "ec2:GetManagedPrefixListEntries", "no")


class Lists:
    """A caller with fixed prefix lists."""

    def __init__(self, **lists: Any) -> None:
        self.lists = lists

    def once(self, key: Any, question: Any) -> Any:
        return question()

    def read(self, call: Any, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    def whole(self, call: Any, item: Any) -> Any:
        found = self.lists[item["PrefixListId"].replace("-", "_")]
        return found if isinstance(found, Unknown) else [{"Cidr": cidr} for cidr in found]


def reach(item: Any, **lists: Any) -> Reach:
    found = network.reach(Lists(**lists), item)  # type: ignore[arg-type]
    assert isinstance(found, Reach)
    return found


def opened(item: Any, **lists: Any) -> Any:
    return network.to_open(item, reach(item, **lists))


def test_groups_are_as_the_company_created_them(whole: Inventory) -> None:
    groups = named(whole, "firewall")
    for name, facts in GROUPS.items():
        assert {facet: getattr(groups[name], facet) for facet in CLOSED} == {**CLOSED, **facts}, name
    loose = groups["load-test"]
    assert loose.open_to_world == ("all",)  # type: ignore[attr-defined]
    assert loose.everything_open is True  # type: ignore[attr-defined]
    assert loose.attached is False  # type: ignore[attr-defined]
    assert all(not group.unknowns() for group in groups.values())
    assert whole.blind_spots == ()


def test_default_groups_are_named_with_their_vpc(whole: Inventory) -> None:
    defaults = [g for g in whole.resources if isinstance(g, Firewall) and g.default is True]
    assert [(g.region, g.default_allows) for g in sorted(defaults, key=lambda g: str(g.region))] == [
        ("eu-west-1", False),
        ("us-east-1", True),
    ]
    assert all(group.name.startswith("default (vpc-") for group in defaults)


def test_a_group_is_identified_by_its_arn(whole: Inventory) -> None:
    group = named(whole, "firewall")["bastion-old"]
    assert group.id.startswith("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-")
    assert (group.region, group.type, group.tags) == ("eu-west-1", "aws.ec2.security-group", {"env": "prod"})


def test_only_enabled_and_requested_regions_are_listed(scan: Scan, sandbox: AwsSandbox) -> None:
    scan(WHOLE, wanted=WANTED)
    assert sandbox.calls["ec2:DescribeSecurityGroups"] == len(sandbox.enabled)
    # Interfaces are listed once per region, a prefix list once for all groups that name it.
    assert sandbox.calls["ec2:DescribeNetworkInterfaces"] == 2
    assert sandbox.calls["ec2:GetManagedPrefixListEntries"] == 1
    sandbox.calls.clear()
    found = scan(ConnectionRequest("aws", regions=("us-east-1", "af-south-1")), wanted=WANTED)
    assert sandbox.calls["ec2:DescribeSecurityGroups"] == 1
    assert {group.region for group in found.resources} == {"us-east-1"}


def test_an_unread_prefix_list_hides_only_the_groups_that_name_it(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "denied" if name == "ec2:GetManagedPrefixListEntries" else None
    found = named(scan(wanted=WANTED), "firewall")
    assert {name for name, group in found.items() if group.unknowns()} == {"office-admin"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (items(), ()),
        (items(rule(**ANYONE)), ("tcp 22",)),
        (items(rule(**ANYONE_V6)), ("tcp 22",)),
        (items(rule("6", (22, 22), **ANYONE)), ("tcp 22",)),
        (items(rule("17", (53, 53), **ANYONE)), ("udp 53",)),
        (items(rule("-1", None, **ANYONE)), ("all",)),
        (items(rule("icmp", (-1, -1), **ANYONE)), ("icmp",)),
        # An ICMP type and code are not ports.
        (items(rule("icmp", (15, -1), **ANYONE)), ("icmp",)),
        (items(rule("58", (-1, -1), **ANYONE_V6)), ("icmpv6",)),
        (items(rule("50", None, **ANYONE)), ("50",)),
        (items(rule(IpRanges=[{"CidrIp": "10.0.0.0/8"}])), ()),
        (items(rule(UserIdGroupPairs=[{"GroupId": "sg-2"}])), ()),
        (items(rule(**ANYONE), rule(ports=(23, 25), **ANYONE)), ("tcp 22-25",)),
    ],
)
def test_what_rules_open(item: Any, expected: tuple[str, ...]) -> None:
    assert opened(item) == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["198.51.100.0/24"], ()),
        (["0.0.0.0/1", "128.0.0.0/1"], ("tcp 22",)),
        # The ranges of one AWS service are not the internet.
        (["54.231.0.0/17", "52.216.0.0/15"], ()),
        ([], ()),
    ],
)
def test_a_prefix_list_is_resolved_to_its_entries(entries: list[str], expected: tuple[str, ...]) -> None:
    assert opened(items(rule(**LIST)), pl_1=entries) == expected


def test_an_unread_prefix_list_hides_only_what_depends_on_it() -> None:
    item = items(rule(ports=(8080, 8080), **LIST))
    found = reach(item, pl_1=DENIED)
    assert network.to_open(item, found) == DENIED
    assert network.to_admin_ports(item, found) == ()
    assert network.to_everything(item, found) is False
    item = items(rule(**LIST), rule(**ANYONE))
    assert opened(item, pl_1=DENIED) == ("tcp 22",)
    item = items(rule("-1", None, **LIST), rule(**ANYONE))
    assert network.to_everything(item, reach(item, pl_1=DENIED)) == DENIED
    item = items(rule("-1", None, **LIST), rule("-1", None, **ANYONE))
    assert network.to_everything(item, reach(item, pl_1=DENIED)) is True


@pytest.mark.parametrize(
    "permission",
    [
        rule(ports=None, **ANYONE),
        rule(ports=(-1, -1), **ANYONE),
        rule(ports=(22, 21), **ANYONE),
        rule(IpRanges=[{"CidrIp": "anywhere"}]),
        rule(IpRanges=[{}]),
        {"FromPort": 22, "ToPort": 22, **ANYONE},
    ],
)
def test_a_rule_with_another_format_is_an_error(permission: Any) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        reach(items(permission))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (items(name="default"), False),
        (items(rule(UserIdGroupPairs=[{"GroupId": "sg-1"}]), name="default"), True),
        (items(name="default", out=(rule("-1", None, **ANYONE),)), True),
        (items(rule(**ANYONE), out=(rule("-1", None, **ANYONE),)), False),
    ],
)
def test_a_default_group_must_be_empty(item: Any, expected: bool) -> None:
    assert network.to_default_allows(item) is expected


def recorded(recordings: Path, operation: str) -> list[dict[str, Any]]:
    lines = (recordings / "ec2.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["response"] for row in rows if row["operation"] == operation and row["status"] < 300]


def test_recorded_groups_are_understood(recordings: Path) -> None:
    context = {"account": "644160558196", "partition": "aws", "region": "us-east-1"}
    groups = [
        {**group, **context}
        for answer in recorded(recordings, "DescribeSecurityGroups")
        for group in answer["SecurityGroups"]
    ]
    assert groups
    everywhere = 0
    for group in groups:
        header = network.header(group)
        assert header.keys() == set(Firewall.model_fields) - Firewall.facets()
        assert header["id"] == group.get("SecurityGroupArn", header["id"])
        network.to_tags(group)
        network.to_default_allows(group)
        found = reach(group, pl_63a5400b=["52.216.0.0/15"])
        network.to_admin_ports(group, found)
        network.to_everything(group, found)
        sources = [each for permission in group["IpPermissions"] for each in permission["IpRanges"]]
        if any(source["CidrIp"] == "0.0.0.0/0" for source in sources):
            everywhere += 1
            assert network.to_open(group, found) != ()
        elif not any(permission.get("Ipv6Ranges") for permission in group["IpPermissions"]):
            assert network.to_open(group, found) == ()
    assert everywhere > 20


def test_recorded_interfaces_are_understood(recordings: Path) -> None:
    class Recorded(Lists):
        def whole(self, call: Any, item: Any) -> Any:
            return item["NetworkInterfaces"]

    attached: set[str] = set()
    shortened = 0
    for answer in recorded(recordings, "DescribeNetworkInterfaces"):
        if all("Groups" in each for each in answer["NetworkInterfaces"]):
            found = network.interfaces(Recorded(), answer)  # type: ignore[arg-type]
            assert not isinstance(found, Unknown)
            attached |= found
        else:
            # Recordings reduced by hand: an interface without "Groups" is an error, not one without groups.
            shortened += 1
            with pytest.raises(KeyError):
                network.interfaces(Recorded(), answer)  # type: ignore[arg-type]
    assert len(attached) > 10
    assert shortened == 2
