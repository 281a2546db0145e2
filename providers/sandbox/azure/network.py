"""The sample company's network security groups, as returned by Resource Graph."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

QUERY = (
    "resources | where type =~ 'microsoft.network/networksecuritygroups'"
    " | project id, name, subscriptionId, location, tags, properties | order by id asc"
)
ROUTES_QUERY = (
    "resources | where type =~ 'microsoft.network/routetables'"
    " | project id, name, subscriptionId, properties | order by id asc"
)
ADMIN_RULES_QUERY = (
    "networkresources | where type =~ 'microsoft.network/effectivesecurityadminrules'"
    " | project id, name, subscriptionId, properties | order by id asc"
)


def rule(name: str, access: str, priority: int, protocol: str, ports: str, source: str, **more: Any) -> Json:
    """A security rule, by default inbound and for everything behind the group. Several ports or sources are
    separated by commas: they go to the plural field."""
    return {
        "name": name,
        "type": "Microsoft.Network/networkSecurityGroups/securityRules",
        "properties": {
            "provisioningState": "Succeeded",
            "access": access,
            "direction": "Inbound",
            "priority": priority,
            "protocol": protocol,
            "sourcePortRange": "*",
            "sourcePortRanges": [],
            **_either("destinationPortRange", "s", ports),
            **_either("sourceAddressPrefix", "es", source),
            "destinationAddressPrefix": "*",
            "destinationAddressPrefixes": [],
            **more,
        },
    }


def _either(name: str, plural: str, value: str) -> Json:
    if "," in value:
        return {f"{name}{plural}": value.split(",")}
    return {name: value, f"{name}{plural}": []}


DEFAULT_RULES = (
    rule("AllowVnetInBound", "Allow", 65000, "*", "*", "VirtualNetwork"),
    rule("AllowAzureLoadBalancerInBound", "Allow", 65001, "*", "*", "AzureLoadBalancer"),
    rule("DenyAllInBound", "Deny", 65500, "*", "*", "*"),
    rule("AllowVnetOutBound", "Allow", 65000, "*", "*", "VirtualNetwork", direction="Outbound"),
    rule("AllowInternetOutBound", "Allow", 65001, "*", "*", "*", direction="Outbound"),
    rule("DenyAllOutBound", "Deny", 65500, "*", "*", "*", direction="Outbound"),
)


def security_group(
    subscription: str, group: str, name: str, tags: Json | None, rules: list[Json], **attached: list[str]
) -> Json:
    """A security group; ``attached`` are ``subnets`` or ``networkInterfaces`` by name."""
    network = f"{group}/providers/Microsoft.Network"
    return {
        "id": f"{network}/networkSecurityGroups/{name}",
        "name": name,
        "subscriptionId": subscription,
        "location": "westeurope",
        "tags": tags,
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": "00000000-0000-0000-0000-0000000000e5",
            "securityRules": rules,
            "defaultSecurityRules": list(DEFAULT_RULES),
            **{kind: [{"id": f"{network}/{one}"} for one in names] for kind, names in attached.items()},
        },
    }


def sample_groups(subscription: str, group: str) -> list[Json]:
    """Groups in every state: a compliant web tier, a forgotten jump host, a database, an unused group."""
    return [
        security_group(
            subscription,
            group,
            "web-nsg",
            {"owner": "product", "env": "prod"},
            [
                rule("https", "Allow", 100, "Tcp", "80,443", "Internet"),
                rule("ssh-from-office", "Allow", 110, "Tcp", "22", "203.0.113.0/24,2001:db8:7::/48"),
            ],
            subnets=["virtualNetworks/shop/subnets/web"],
        ),
        security_group(
            subscription,
            group,
            "jumphost-nsg",
            None,
            [
                rule("no-telnet", "Deny", 100, "*", "23", "*"),
                rule("ssh", "Allow", 300, "TCP", "22-23", "*"),
                rule("rdp-halves", "Allow", 310, "*", "3389", "0.0.0.0/1,128.0.0.0/1"),
            ],
            networkInterfaces=["networkInterfaces/jumphost-nic"],
        ),
        security_group(
            subscription,
            group,
            "warehouse-nsg",
            {"owner": "data", "env": "prod"},
            [
                rule("sql", "Allow", 100, "Tcp", "1433", "VirtualNetwork"),
                rule("factory", "Allow", 110, "Tcp", "1433", "DataFactory.WestEurope"),
                rule("ping", "Allow", 120, "Icmp", "*", "10.0.0.0/8"),
            ],
            subnets=["virtualNetworks/shop/subnets/warehouse"],
        ),
        security_group(
            subscription,
            group,
            "migration-2021-nsg",
            {},
            [rule("everything", "Allow", 200, "*", "*", "*")],
        ),
    ]


def perimeter(mode: str, *prefixes: str) -> Json:
    """The configuration of a network security perimeter that admits address ranges."""
    return {
        "name": "00000000-0000-0000-0000-0000000000d1.inside",
        "properties": {
            "provisioningState": "Succeeded",
            "provisioningIssues": [],
            "networkSecurityPerimeter": {"perimeterGuid": "00000000-0000-0000-0000-0000000000d1"},
            "resourceAssociation": {"name": "inside", "accessMode": mode},
            "profile": {
                "name": "default",
                "accessRulesVersion": 1,
                "accessRules": [
                    {
                        "name": "partners",
                        "properties": {"direction": "Inbound", "addressPrefixes": list(prefixes)},
                    }
                ],
            },
        },
    }


def sample_route_tables(subscription: str, group: str) -> list[Json]:
    """One that sends what leaves a subnet without a security group to a firewall."""
    network = f"{group}/providers/Microsoft.Network"
    return [
        {
            "id": f"{network}/routeTables/through-the-firewall",
            "name": "through-the-firewall",
            "subscriptionId": subscription,
            "properties": {
                "routes": [
                    {
                        "name": "default",
                        "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance"},
                    }
                ],
                "subnets": [{"id": f"{network}/virtualNetworks/batch/subnets/workers"}],
            },
        }
    ]


def sample_admin_rules(subscription: str, group: str) -> list[Json]:
    """The security admin rules of a virtual network without security groups."""
    network = f"{group}/providers/Microsoft.Network"
    return [
        {
            "id": (
                f"{network}/virtualNetworks/batch"
                "/providers/Microsoft.Network/effectiveSecurityAdminRules/default"
            ),
            "name": "default",
            "subscriptionId": subscription,
            "properties": {
                "effectiveSecurityAdminConfigurations": [
                    {"id": f"{network}/networkManagers/central/securityAdminConfigurations/base/snapshots/1"}
                ]
            },
        }
    ]
