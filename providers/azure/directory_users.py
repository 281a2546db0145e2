"""What an Entra user is: a member or a guest, enabled or disabled, signing in here or elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scanner.model.evidence import Observed, Unknown

Row = Mapping[str, Any]
GuestKind = Literal["internalGuest", "b2bCollaborationGuest", "b2bCollaborationMember"]
"""The guest and external user types that have a user in the directory, as Conditional Access names them.
https://learn.microsoft.com/graph/api/resources/conditionalaccessguestsorexternalusers"""
GUEST_KINDS: frozenset[GuestKind] = frozenset(
    {"internalGuest", "b2bCollaborationGuest", "b2bCollaborationMember"}
)


def signs_in_elsewhere(user: Row) -> bool:
    """Whether another tenant or identity provider authenticates the user: the name contains ``#EXT#``, or an
    identity is federated. An internal guest signs in here.

    https://learn.microsoft.com/entra/external-id/user-properties
    """
    identities = user.get("identities") or ()
    federated = any(one["signInType"] == "federated" for one in identities)
    return "#ext#" in user["userPrincipalName"].lower() or federated


def is_external_user(user: Row) -> bool:
    """Whether a directory user is outside the organisation: a guest, or one who signs in elsewhere."""
    return user["userType"] == "Guest" or signs_in_elsewhere(user)


def guest_kind(user: Row) -> GuestKind | None:
    """Which kind of guest or external user it is; ``None`` for the organisation's own members."""
    if signs_in_elsewhere(user):
        return "b2bCollaborationGuest" if user["userType"] == "Guest" else "b2bCollaborationMember"
    return "internalGuest" if user["userType"] == "Guest" else None


@dataclass(frozen=True)
class DirectoryUser:
    """What decides whether and of whom something is required."""

    enabled: bool
    guest: GuestKind | None


DirectoryUsers = Mapping[str, Observed[DirectoryUser]]
"""By object ID, in lower case."""


def directory_users(rows: Iterable[Row]) -> DirectoryUsers:
    """The users of the tenant; a malformed entry makes that user unknown."""
    return {row["id"].lower(): _user(row) for row in rows}


def _user(row: Row) -> Observed[DirectoryUser]:
    try:
        enabled, guest = row["accountEnabled"], guest_kind(row)
    except (AttributeError, KeyError, TypeError):
        return _UNREADABLE
    return DirectoryUser(enabled, guest) if isinstance(enabled, bool) else _UNREADABLE


_UNREADABLE = Unknown.because(
    "error", "Microsoft.Graph/users", None, "the answer about the user has an unexpected format"
)


def known_user(user: str, users: Observed[DirectoryUsers]) -> Observed[DirectoryUser]:
    """The user; one that is not listed counts as an enabled member."""
    return users if isinstance(users, Unknown) else users.get(user, DirectoryUser(True, None))
