"""EC2 security groups: what they let the internet reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from providers.aws.client.calls import AwsCall, AwsChain, AwsQuestion
from scanner.collect.collection import Answer, Item, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, join, lift
from scanner.model.resources.network import Firewall
from scanner.policy.reachability import Ingress, admin_ports, everything, open_to_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from providers.aws.client.client import AwsCaller

T = TypeVar("T")

DESCRIBE_SECURITY_GROUPS = AwsCall(
    "ec2",
    "describe_security_groups",
    "ec2:DescribeSecurityGroups",
    pages="SecurityGroups",
    page_size=1000,
    regional=True,
    root="DescribeSecurityGroupsResponse",
)
DESCRIBE_NETWORK_INTERFACES = AwsCall(
    "ec2",
    "describe_network_interfaces",
    "ec2:DescribeNetworkInterfaces",
    pages="NetworkInterfaces",
    page_size=1000,
    regional=True,
    root="DescribeNetworkInterfacesResponse",
)
GET_PREFIX_LIST = AwsCall(
    "ec2",
    "get_managed_prefix_list_entries",
    "ec2:GetManagedPrefixListEntries",
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
    """What the internet may reach through a group, as far as the sources of its rules could be told."""

    least: tuple[str, ...]
    """What is open whatever the prefix lists hold that could not be read."""
    most: tuple[str, ...]
    """What would be open if they held every address."""
    missing: Unknown | None
    """Why a prefix list could not be read."""

    def settled(self, function: Callable[[tuple[str, ...]], T]) -> Observed[T]:
        """The function of what is open, if the lists that are missing make no difference to it.

        The rules of a group only ever allow, so that the truth lies between the two.
        """
        least, most = function(self.least), function(self.most)
        return least if self.missing is None or least == most else self.missing


def interfaces(caller: AwsCaller, item: Item) -> Observed[frozenset[str]]:
    """The ids of all groups that an interface of the region has: ``Groups`` of DescribeNetworkInterfaces.

    Those of load balancers, databases and functions are among them.
    """
    found = caller.whole(DESCRIBE_NETWORK_INTERFACES, item)
    return lift(
        lambda all_: frozenset(group["GroupId"] for each in all_ for group in each["Groups"]),
        found,
    )


def reach(caller: AwsCaller, item: Item) -> Observed[Reach]:
    """``IpPermissions`` of DescribeSecurityGroups, with the prefix lists that they name.

    The lists of AWS's own services are read like all others: the addresses of one service are too few to
    be the internet.
    """
    permissions = item["IpPermissions"]
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
    """One rule for each permission; ``unread`` stands for what a list holds that could not be read.

    Another group as the source (``UserIdGroupPairs``) is not the internet.
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

    Every network has a group of the name ``default``; the network tells them apart.
    """
    owner, group = item["OwnerId"], item["GroupId"]
    network = f" ({item['VpcId']})" if to_default(item) and item.get("VpcId") else ""
    return {
        "provider": "aws",
        "partition": item["partition"],
        "scope": item["account"],
        "region": item["region"],
        "id": f"arn:{item['partition']}:ec2:{item['region']}:{owner}:security-group/{group}",
        "name": f"{item['GroupName']}{network}",
        "type": "aws.ec2.security-group",
    }


def to_tags(item: Item) -> Mapping[str, str]:
    """``Tags`` of DescribeSecurityGroups; left out where there are none."""
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}


def to_default(item: Item) -> bool:
    """``GroupName`` of DescribeSecurityGroups: AWS keeps the name ``default`` to itself."""
    return bool(item["GroupName"] == "default")


def to_default_allows(item: Item) -> bool:
    """Any rule at all in a default group, in (``IpPermissions``) or out (``IpPermissionsEgress``).

    AWS makes it with rules that let its members talk to each other and to everyone; the benchmark wants
    none (CIS AWS Foundations, "default security group of every VPC restricts all traffic").
    """
    rules = item["IpPermissions"], item["IpPermissionsEgress"]
    return to_default(item) and any(rules)


def to_attached(item: Item, answer: Answer) -> bool:
    """An interface of DescribeNetworkInterfaces has the group."""
    return item["GroupId"] in answer


def to_open(item: Item, answer: Reach) -> Observed[tuple[str, ...]]:
    """What is open by the group's rules for what comes in."""
    return answer.settled(lambda found: found)


def to_admin_ports(item: Item, answer: Reach) -> Observed[tuple[str, ...]]:
    """The administrative services among what is open."""
    return answer.settled(admin_ports)


def to_everything(item: Item, answer: Reach) -> Observed[bool]:
    """All ports of a protocol among what is open."""
    return answer.settled(everything)


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
