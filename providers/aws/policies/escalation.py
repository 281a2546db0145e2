"""An escalation: actions by which an identity gives rights to others or to itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["policy", "credential", "identity_center", "assume", "pass", "workload"]
"""``policy``: it changes what identities may do, or who may use them. ``credential``: it makes a credential
of another identity. ``identity_center``: it changes who has which permission set. ``assume``: it takes a
role. ``pass``: a service runs code or calls with a role that is passed to it. ``workload``: it runs code in a
workload that has a role already."""


@dataclass(frozen=True)
class Right:
    """An action, and its resource's ARN with ``{name}``, ``{partition}`` and ``{account}``."""

    action: str
    """In lower case."""
    arn: str
    whole: bool = False
    """It counts only if allowed on all resources; on specific ones it is ordinary use."""
    others: bool = False
    """It counts only if allowed on other identities than the holder itself."""
    service: str | None = None
    """For ``iam:PassRole``: the service principal that the role is passed to."""

    @property
    def of_iam(self) -> bool:
        """Whether it is an IAM action."""
        return self.action.startswith("iam:")


@dataclass(frozen=True)
class Escalation:
    """Actions that together give rights, and where that is described."""

    kind: Kind
    rights: tuple[Right, ...]
    source: str
    service: str | None = None
    """The service principal that the role trusts, for ``pass`` and ``workload``."""
    administrator: bool = True
    """Allowed on all resources, it gives the identity itself every right; else less, or to others."""
    certain: bool = False
    """For ``workload``: on all of them, it counts whatever roles there are: each of them has one."""


ANY_RESOURCE = "\x06"
"""In place of the ARN, for actions without resource types: of all patterns only ``*`` matches it."""
WITHOUT_ACCOUNT = frozenset({"apigateway"})
"""The services whose ARNs have no account."""


def of_service(action: str) -> Right:
    """The right to an action on any resource of its service, whatever its type."""
    service = action.partition(":")[0]
    account = "" if service in WITHOUT_ACCOUNT else "{account}"
    return Right(action.lower(), f"arn:{{partition}}:{service}:*:{account}:{{name}}")
