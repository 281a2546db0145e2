"""Whether a listing is complete, from the caller's own permissions.

Resource Graph silently omits what the caller may not read. So a listing is complete only if the caller may
read every resource of the kind in the whole subscription: a role at the subscription or above allows the
action, and no deny assignment there or below may block it.
https://learn.microsoft.com/azure/role-based-access-control/role-definitions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

EVERYONE = "00000000-0000-0000-0000-000000000000"
"""The principal ID that means all principals in a deny assignment."""
_INDIVIDUAL_TYPES = frozenset({"user", "serviceprincipal"})


@lru_cache(maxsize=4096)
def overlap(one: str, other: str) -> bool:
    """Whether some action matches both patterns, in which ``*`` matches any text."""
    one, other = one.lower(), other.lower()
    if not one or not other:
        return not (one or other).strip("*")
    if one[0] == "*":
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == "*":
        return overlap(one, other[1:]) or overlap(one[1:], other)
    return one[0] == other[0] and overlap(one[1:], other[1:])


@lru_cache(maxsize=4096)
def covers(pattern: str, action: str) -> bool:
    """Whether the pattern matches everything that the action, possibly a pattern itself, matches."""
    pattern, action = pattern.lower(), action.lower()
    if not pattern or not action:
        return not action and not pattern.strip("*")
    if pattern[0] == "*":
        return covers(pattern[1:], action) or covers(pattern, action[1:])
    return pattern[0] == action[0] and covers(pattern[1:], action[1:])


def allows(permissions: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Whether the permissions fully allow the action: by the actions of one role, minus its notActions.

    ``permissions`` is the ``value`` of ``Permissions_ListForSubscription``. A notAction restricts its own
    role only. Conditions on roles apply to data actions and role assignments, so they are ignored here. For
    an action with ``*``, roles that allow it only in combination are not considered: errs towards "no".
    Raises :class:`KeyError`, :class:`TypeError` or :class:`AttributeError` for another format.
    """
    return any(_grants(entry, action) for entry in permissions)


def may_hide(
    assignments: Iterable[Mapping[str, Any]], action: str, principal: str | None
) -> Sequence[Mapping[str, Any]]:
    """The deny assignments that block, or may block, the action for the principal somewhere.

    ``assignments`` is the ``value`` of ``DenyAssignments_List``. It does not list group members, so an
    assignment to a group counts. Raises the same errors as :func:`allows`.
    """
    return [entry for entry in assignments if _denies(entry["properties"], action, principal)]


def _grants(entry: Mapping[str, Any], action: str) -> bool:
    actions = [pattern for pattern in entry["actions"] if covers(pattern, action)]
    return bool(actions) and not any(overlap(pattern, action) for pattern in entry.get("notActions") or ())


def _denies(properties: Mapping[str, Any], action: str, principal: str | None) -> bool:
    denied = any(
        any(overlap(pattern, action) for pattern in entry.get("actions") or ())
        and not any(covers(pattern, action) for pattern in entry.get("notActions") or ())
        for entry in properties["permissions"]
    )
    own = (principal or "").lower()
    excluded = {str(one["id"]).lower() for one in properties.get("excludePrincipals") or ()}
    if not denied or (own and own in excluded):
        return False
    for one in properties["principals"]:
        principal_id = str(one["id"]).lower()
        individual = str(one.get("type", "")).lower() in _INDIVIDUAL_TYPES
        if principal_id in (EVERYONE, own) or not individual or not own:
            return True
    return False
