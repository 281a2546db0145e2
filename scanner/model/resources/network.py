"""Firewalls: what the internet may reach, by real arithmetic on addresses and ports."""

from __future__ import annotations

from typing import ClassVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class Firewall(Resource):
    """An EC2 security group, an Azure network security group, the VPC firewall rules of one network."""

    kind: ClassVar[str] = "firewall"

    attached: Observed[bool]
    """Something stands behind it: an interface, a subnet, a network with instances."""
    default: Observed[bool]
    """The one that comes with the network and is used where nothing else is chosen."""
    open_to_world: Observed[tuple[str, ...]]
    """What anyone on the internet may reach, over IPv4 or IPv6, after denials that go first: ``tcp 22``,
    ``tcp 8000-8100``, ``udp 53``, ``all`` for every protocol and port; sorted."""
    admin_ports_open: Observed[tuple[str, ...]]
    """The administrative and database services among them, in words: ``SSH (tcp 22)``, …"""
    everything_open: Observed[bool]
    """Every port of TCP, of UDP or of all protocols is open to anyone."""
    default_allows: Observed[bool]
    """For a default firewall: it lets anything in or out that its owner did not write (AWS default group with
    rules, Google Cloud default network rules). False for others."""
