"""EC2 security groups: what they expose to the internet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.table import header_of
from scanner.collect.table import Answer, Item, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, join, lift
from scanner.model.resources.network import Firewall
from scanner.policy.reachability import Ingress, admin_ports, every_port_open, open_to_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from providers.aws.client.client import AwsCaller

T = TypeVar("T")

DESCRIBE_SECURITY_GROUPS = AwsCall(
    "ec2",
    "DescribeSecurityGroups",
    pages="SecurityGroups",
    page_size=1000,
    regional=True,
    root="DescribeSecurityGroupsResponse",
)
DESCRIBE_NETWORK_INTERFACES = AwsCall(
    "ec2",
    "DescribeNetworkInterfaces",
    pages="NetworkInterfaces",
    page_size=1000,
    regional=True,
    root="DescribeNetworkInterfacesResponse",
)
GET_PREFIX_LIST = AwsCall(
    "ec2",
    "GetManagedPrefixListEntries",
    parameters=(("PrefixListId", "PrefixListId"),),
    pages="Entries",
    page_size=100,
    regional=True,
    root="GetManagedPrefixListEntriesResponse",
)

PROTOCOLS = {"-1": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""``IpProtocol`` by number where EC2 also has a name for it (API reference, IpPermission)."""
ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Reach:
    """What a group exposes to the internet, as far as the sources of its rules are known."""

    least: tuple[str, ...]
    """What is open whatever the unread prefix lists contain."""
    most: tuple[str, ...]
    """What is open if they contain every address."""
    missing: Unknown | None
    """Why a prefix list could not be read."""

    def settled(self, function: Callable[[tuple[str, ...]], T]) -> Observed[T]:
        """``function`` of what is open; unknown if the unread prefix lists can change the result.

        The rules of a group only allow, so that the true result lies between ``least`` and ``most``.
        """
        least, most = function(self.least), function(self.most)
        return least if self.missing is None or least == most else self.missing


def interfaces(caller: AwsCaller, item: Item) -> Observed[frozenset[str]]:
    """The ids of all groups attached to an interface of the region: ``Groups`` of DescribeNetworkInterfaces.

    Includes the interfaces of load balancers, databases and functions.
    """
    found = caller.whole(DESCRIBE_NETWORK_INTERFACES, item)
    return lift(
        lambda all_: frozenset(group["GroupId"] for each in all_ for group in each["Groups"]),
        found,
    )


def reach(caller: AwsCaller, item: Item) -> Observed[Reach]:
    """``IpPermissions`` of DescribeSecurityGroups, with the prefix lists that they name.

    AWS-managed lists are read like all others: the addresses of one service are too few to count as the
    internet.
    """
    permissions = caller.read(DESCRIBE_SECURITY_GROUPS, lambda: item["IpPermissions"])
    if isinstance(permissions, Unknown):
        return permissions
    names = {entry["PrefixListId"] for each in permissions for entry in each.get("PrefixListIds", ())}
    lists = {name: _entries(caller, item, name) for name in sorted(names)}
    unread = [entries for entries in lists.values() if isinstance(entries, Unknown)]
    least = open_to_world(_rules(permissions, lists, ()))
    if not unread:
        return Reach(least, least, None)
    return Reach(least, open_to_world(_rules(permissions, lists, ANYWHERE)), join(unread))


def _entries(caller: AwsCaller, item: Item, name: str) -> Observed[tuple[str, ...]]:
    def ask() -> Observed[tuple[str, ...]]:
        entries = caller.whole(GET_PREFIX_LIST, {**item, "PrefixListId": name})
        return lift(lambda found: tuple(entry["Cidr"] for entry in found), entries)

    return caller.once((GET_PREFIX_LIST, item["region"], name), lambda: caller.read(GET_PREFIX_LIST, ask))


def _rules(
    permissions: Sequence[Mapping[str, Any]],
    lists: Mapping[str, Observed[tuple[str, ...]]],
    unread: tuple[str, ...],
) -> Iterator[Ingress]:
    """One rule per permission; ``unread`` stands for the addresses of a list that could not be read.

    Another group as the source (``UserIdGroupPairs``) does not count as the internet.
    """
    for permission in permissions:
        sources = [entry["CidrIp"] for entry in permission.get("IpRanges", ())]
        sources += [entry["CidrIpv6"] for entry in permission.get("Ipv6Ranges", ())]
        for entry in permission.get("PrefixListIds", ()):
            held = lists[entry["PrefixListId"]]
            sources += unread if isinstance(held, Unknown) else held
        protocol = PROTOCOLS.get(permission["IpProtocol"], permission["IpProtocol"])
        # For ICMP these are a type and a code.
        numbered = protocol in ("tcp", "udp")
        ports = ((permission["FromPort"], permission["ToPort"]),) if numbered else ()
        yield Ingress(allow=True, priority=0, protocol=protocol, ports=ports, sources=tuple(sources))


INTERFACES = AwsChain((DESCRIBE_NETWORK_INTERFACES,), interfaces, regional=True)
REACH = AwsChain((GET_PREFIX_LIST,), reach, about=("GroupId",), regional=True)


def header(item: Item) -> Mapping[str, Any]:
    """``GroupId``, ``GroupName`` and ``OwnerId`` of DescribeSecurityGroups.

    Every VPC has a group named ``default``; the VPC id in the name distinguishes them.
    """
    owner, group = item["OwnerId"], item["GroupId"]
    network = f" ({item['VpcId']})" if to_default(item) and item.get("VpcId") else ""
    return header_of(
        item,
        f"arn:{item['partition']}:ec2:{item['region']}:{owner}:security-group/{group}",
        f"{item['GroupName']}{network}",
        "aws.ec2.security-group",
    )


def to_tags(item: Item) -> Mapping[str, str]:
    """``Tags`` of DescribeSecurityGroups; missing if there are none."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}


def to_default(item: Item) -> bool:
    """``GroupName`` of DescribeSecurityGroups: the name ``default`` is reserved for AWS."""
    return bool(item["GroupName"] == "default")


def to_default_allows(item: Item) -> bool:
    """Any rule of a default group, inbound (``IpPermissions``) or outbound (``IpPermissionsEgress``).

    AWS creates it with rules that allow traffic between its members and to everyone; the benchmark requires
    that there is none (CIS AWS Foundations, "default security group of every VPC restricts all traffic").
    """
    rules = item["IpPermissions"], item["IpPermissionsEgress"]
    return to_default(item) and any(rules)


def to_attached(item: Item, answer: Answer) -> bool:
    """Whether an interface of DescribeNetworkInterfaces has the group."""
    return item["GroupId"] in answer


def to_open(item: Item, answer: Reach) -> Observed[tuple[str, ...]]:
    """What the group's inbound rules open."""
    return answer.settled(lambda found: found)


def to_admin_ports(item: Item, answer: Reach) -> Observed[tuple[str, ...]]:
    """The administrative services that are open."""
    return answer.settled(admin_ports)


def to_everything(item: Item, answer: Reach) -> Observed[bool]:
    """Whether all ports of a protocol are open."""
    return answer.settled(every_port_open)


FIREWALLS: Table[AwsQuestion] = Table(
    kind=Firewall,
    list=DESCRIBE_SECURITY_GROUPS,
    header=header,
    facets={
        "tags": from_list(to_tags),
        "attached": asked(INTERFACES, to_attached),
        "default": from_list(to_default),
        "open_to_world": asked(REACH, to_open),
        "admin_ports_open": asked(REACH, to_admin_ports),
        "everything_open": asked(REACH, to_everything),
        "default_allows": from_list(to_default_allows),
    },
)
