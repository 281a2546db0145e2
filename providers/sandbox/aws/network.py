"""The sample account's security groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ANYONE: Mapping[str, Any] = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
HALVES: Mapping[str, Any] = {"IpRanges": [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]}
ANYONE_V6: Mapping[str, Any] = {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
OFFICES = ("198.51.100.0/24", "203.0.113.0/24")


def _tcp(first: int, last: int | None = None, **sources: Any) -> Mapping[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last or first, **sources}


@dataclass(frozen=True)
class SampleGroup:
    """One group and its inbound rules."""

    name: str
    tags: Mapping[str, str]
    rules: Sequence[Mapping[str, Any]]
    attached: bool = True


def sample(offices: str, web: str) -> tuple[SampleGroup, ...]:
    """The groups after the first one, whose id is ``web``; ``offices`` is the id of a prefix list."""
    from_offices: Mapping[str, Any] = {"PrefixListIds": [{"PrefixListId": offices}]}
    from_web: Mapping[str, Any] = {"UserIdGroupPairs": [{"GroupId": web}]}
    return (
        SampleGroup("bastion-old", {"env": "prod"}, [_tcp(22, **ANYONE), _tcp(3389, **ANYONE_V6)]),
        SampleGroup("ledger-db", {"owner": "payments", "env": "prod"}, [_tcp(5432, **from_web)]),
        SampleGroup("office-admin", {"owner": "platform"}, [_tcp(22, **from_offices)]),
        SampleGroup("load-test", {"owner": "ghost"}, [{"IpProtocol": "-1", **HALVES}], attached=False),
    )


def seed(client: Callable[[str, str], Any], account: str, main: str, regions: Sequence[str]) -> None:
    """Creates the groups, removes all rules of the default group in the main region, and deletes the default
    networks of the unused regions.
    """
    ec2 = client("ec2", main)
    network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    offices = ec2.create_managed_prefix_list(
        PrefixListName="offices",
        MaxEntries=5,
        AddressFamily="IPv4",
        Entries=[{"Cidr": cidr} for cidr in OFFICES],
    )["PrefixList"]["PrefixListId"]

    def group(each: SampleGroup) -> str:
        tags = [{"Key": name, "Value": value} for name, value in each.tags.items()]
        made: str = ec2.create_security_group(
            GroupName=each.name,
            Description=each.name,
            VpcId=network,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(each.rules))
        if each.attached:
            ec2.create_network_interface(SubnetId=subnet, Groups=[made])
        return made

    web = SampleGroup("web", {"owner": "product"}, [_tcp(443, **ANYONE, **ANYONE_V6), _tcp(80, **ANYONE)])
    for each in sample(offices, group(web)):
        group(each)
    for each in ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]:
        out = each["IpPermissionsEgress"]
        ec2.revoke_security_group_egress(GroupId=each["GroupId"], IpPermissions=out)
    _forget_networks(account, [region for region in regions if region not in (main, "us-east-1")])


def _forget_networks(account: str, regions: Sequence[str]) -> None:
    """Deletes the default networks of the unused regions, faster than by API calls."""
    from moto.ec2.models import ec2_backends

    for region in regions:
        backend = ec2_backends[account][region]
        backend.groups.clear()
        backend.vpcs.clear()
        backend.subnets.clear()
