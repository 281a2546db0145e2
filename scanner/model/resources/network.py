"""Firewalls: what is reachable from the internet, computed from address and port ranges."""

from __future__ import annotations

from typing import ClassVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class Firewall(Resource):
    """An EC2 security group, an Azure network security group, or the VPC firewall rules of one network."""

    kind: ClassVar[str] = "firewall"

    attached: Observed[bool]
    """It is in use: attached to an interface, a subnet, or a network with instances."""
    default: Observed[bool]
    """It is created with the network and is used where no other is chosen."""
    open_to_world: Observed[tuple[str, ...]]
    """What anyone on the internet can reach, over IPv4 or IPv6, after deny rules with precedence: ``tcp 22``,
    ``tcp 8000-8100``, ``udp 53``, ``all`` for every protocol and port; sorted."""
    admin_ports_open: Observed[tuple[str, ...]]
    """The administrative and database services among them: ``SSH (tcp 22)``, …"""
    everything_open: Observed[bool]
    """All ports of TCP, of UDP or of all protocols are open to anyone."""
    default_allows: Observed[bool]
    """For a default firewall: it allows traffic that its owner did not configure (AWS default group with
    rules, Google Cloud default network rules). False for others."""
