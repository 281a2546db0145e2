"""Access to a project: people, service account keys, and the bindings of the project's policy.

Bindings above the project belong to the folders and the organisation and are reported there; here they count
only if they make a person an administrator of the project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from providers.gcp.client.calls import RESOURCE_MANAGER, GcpCall, Item
from providers.gcp.policies.members import (
    HIERARCHY,
    PROJECTS,
    MemberHome,
    PrincipalType,
    home_of,
    is_agent,
    is_outside,
    to_domain,
    to_projects,
    type_of,
)
from providers.gcp.policies.policies import (
    CUSTOM_ROLES,
    CUSTOM_ROLES_ABOVE,
    GRANTING,
    GRANTING_ROLES,
    OWNER,
    POLICIES_ABOVE,
    PROJECT_POLICY,
    Permissions,
    grants,
    is_custom,
    permissions_of,
    policies_above,
    policy_of,
    project_policy,
    to_permissions,
)
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.resources.identity import AccessKey, Role, User

_SERVICE_ACCOUNT = "iam.googleapis.com/ServiceAccount"
_KEY = "iam.googleapis.com/ServiceAccountKey"
_NEVER = 9999
"""The year of expiry of keys that never expire."""
_SINGLE_MEMBERS = ("user:", "serviceAccount:", "principal:", "principalSet://iam.googleapis.com/")
"""Prefixes of members that contain no other Google accounts."""
_ORGANISATION_ADMIN = "roles/resourcemanager.organizationAdmin"

SERVICE_ACCOUNTS = GcpCall("ListAssets", (_SERVICE_ACCOUNT,))


def bindings(item: Item) -> Iterator[Item]:
    """One item for each role and member of the project's policy, except Google's own service agents. A grant
    is conditioned if all its bindings have a condition."""
    conditioned: dict[tuple[str, str], bool] = {}
    for role, member, condition in grants(policy_of(item.asset)):
        if not is_agent(member, item.project):
            conditioned[role, member] = conditioned.get((role, member), True) and condition
    for (role, member), condition in conditioned.items():
        yield Item(item.project, {"role": role, "member": member, "conditioned": condition})


def people(item: Item) -> Iterator[Item]:
    """One item for each person in the project's policy (``user:``)."""
    members = {member for _, member, _ in grants(policy_of(item.asset)) if member.startswith("user:")}
    for member in sorted({member.lower() for member in members}):
        yield Item(item.project, {"member": member})


def user_managed(item: Item) -> Iterator[Item]:
    """The key, if a user manages it; Google's own (``SYSTEM_MANAGED``) rotate automatically:
    https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys."""
    if item.data["keyType"] != "SYSTEM_MANAGED":
        yield item


def _header(item: Item, **more: str) -> Mapping[str, Any]:
    return {"provider": "gcp", "partition": "gcp", "scope": item.project.id, "region": None, **more}


def user_header(item: Item) -> Mapping[str, Any]:
    """A person has no asset: the ID is derived from the address."""
    mail = item.asset["member"].removeprefix("user:")
    return _header(
        item, id=f"//cloudidentity.googleapis.com/users/{mail}", name=mail, type="gcp.cloudidentity.user"
    )


def key_header(item: Item) -> Mapping[str, Any]:
    """The name is the key's own ID, which is not secret."""
    name = item.asset["name"]
    return _header(item, id=name, name=name.rpartition("/")[2], type="gcp.iam.service_account_key")


def role_header(item: Item) -> Mapping[str, Any]:
    """A binding has no asset: the ID is the project's, with role and member."""
    role, member = item.asset["role"], item.asset["member"]
    place = f"{RESOURCE_MANAGER}projects/{item.project.number}"
    return _header(
        item, id=f"{place}/bindings/{role}/{member}", name=f"{role} to {member}", type="gcp.iam.binding"
    )


def no_tags(_: Item) -> Mapping[str, str]:
    """None of the three kinds can be labelled."""
    return {}


def _unsupported(call: str, what: str) -> Any:
    """A facet that Cloud Asset Inventory does not have: no permission on the project would settle it."""
    unknown = Unknown.because("unsupported", call, None, f"Cloud Asset Inventory does not show {what}")
    return from_list(lambda _: unknown)


def to_member(item: Item) -> str:
    """The member as the policy writes it."""
    return str(item.asset["member"])


def to_type(item: Item) -> PrincipalType:
    """See :func:`~providers.gcp.policies.members.type_of`."""
    return type_of(item.asset["member"], item.project)


def to_home(item: Item) -> MemberHome:
    """See :func:`~providers.gcp.policies.members.home_of`."""
    return home_of(item.asset["member"], item.project)


def to_everything(item: Item) -> bool:
    """The basic role Owner. An editor cannot change IAM policies; custom roles cannot contain all
    permissions (https://cloud.google.com/iam/docs/understanding-custom-roles)."""
    return item.asset["role"] in OWNER


def to_conditioned(item: Item) -> bool:
    """``condition`` of the binding."""
    return bool(item.asset["conditioned"])


def to_role(item: Item) -> tuple[str, bool]:
    """The role, and whether it is a custom role."""
    return item.asset["role"], is_custom(item.asset["role"])


def to_grants_rights(
    role: Observed[tuple[str, bool]], own: Observed[Permissions], above: Observed[Permissions]
) -> Observed[bool]:
    """Google's roles by name, custom roles by their permissions; see
    :data:`~providers.gcp.policies.policies.GRANTING`."""
    if isinstance(role, Unknown):
        return role
    name, made_by_customer = role
    if not made_by_customer:
        return name in GRANTING_ROLES
    return lift(lambda held: bool(held & GRANTING), permissions_of(name, own, above))


def to_administrator(item: Item, policies: Mapping[str, Any]) -> Observed[bool]:
    """Owner in the project's own policy. See :func:`_holds`."""
    return _holds(item, project_policy(item, policies), OWNER, "the project")


def to_administrator_above(item: Item, policies: Mapping[str, Any]) -> Observed[bool]:
    """Owner of a folder or the organisation above, or organisation administrator, who can become owner."""
    above = policies_above(item, policies)
    if isinstance(above, Unknown):
        return above
    return any_of(*(_holds(item, policy, _powers(place), place) for place, policy in above.items()))


def _powers(place: str) -> frozenset[str]:
    return OWNER | ({_ORGANISATION_ADMIN} if place.startswith("organizations/") else frozenset())


def _holds(item: Item, policy: Mapping[str, Any], roles: frozenset[str], place: str) -> Observed[bool]:
    """Whether the person holds one of the roles directly. If only a group, a domain or a pool holds one, the
    person may be a member of it, which no asset shows."""
    holders = [member for role, member, _ in grants(policy) if role in roles]
    if item.asset["member"] in (holder.lower() for holder in holders):
        return True
    groups = sorted({holder for holder in holders if not holder.startswith(_SINGLE_MEMBERS)})
    if not groups:
        return False
    member = item.asset["member"]
    why = f"no asset shows whether {member} is in {', '.join(groups)}, which administers {place}"
    return Unknown.because("unsupported", "cloudidentity:memberships.checkTransitiveMembership", None, why)


def to_holder(item: Item) -> str:
    """The service account's address, from ``name``."""
    return str(item.data["name"].split("/serviceAccounts/")[1].split("/")[0])


def to_usable(item: Item) -> bool:
    """Neither ``disabled`` nor outside its validity period."""
    data = item.data
    expires = to_expires(item)
    now = datetime.now(UTC)
    return not (data.get("disabled") is True or _time(data["validAfterTime"]) > now) and (
        expires is None or expires > now
    )


def to_holder_enabled(item: Item, accounts: Mapping[str, Any]) -> bool:
    """``disabled`` of https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts: the keys
    of a disabled account cannot be used.

    Raises :class:`LookupError` when the account is not in the listing.
    """
    parent = item.asset["name"].partition("/keys/")[0]
    holder = to_holder(item)
    for name, asset in accounts.items():
        data = asset["resource"]["data"]
        if name == parent or data["email"] == holder:
            return data.get("disabled") is not True
    raise LookupError(f"{holder} is not among the listed service accounts")


def to_created(item: Item) -> datetime:
    """``validAfterTime``: when Google created the key; for uploaded keys, the start of their validity."""
    return _time(item.data["validAfterTime"])


def to_expires(item: Item) -> datetime | None:
    """``validBeforeTime``; the year 9999 means never."""
    expires = _time(item.data["validBeforeTime"])
    return None if expires.year == _NEVER else expires


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the time has no time zone")
    return moment


_SIGN_IN = "admin:directory.users.get"

USERS = Table(
    kind=User,
    list=replace(PROJECT_POLICY, split=people),
    header=user_header,
    facets={
        "tags": from_list(no_tags),
        "root": from_list(lambda _: False),
        "enabled": _unsupported(_SIGN_IN, "whether an account is suspended"),
        "password": _unsupported(_SIGN_IN, "how people sign in"),
        "mfa": _unsupported(_SIGN_IN, "whether multi-factor authentication is enabled"),
        "access_keys": from_list(lambda _: 0),
        "last_used": _unsupported(_SIGN_IN, "when people signed in"),
        "external": Facet(
            (FacetRead(None, to_home), FacetRead(HIERARCHY, to_domain)),
            lambda home, domain: is_outside(home, domain, frozenset()),
        ),
        "administrator": Facet(
            (FacetRead(PROJECT_POLICY, to_administrator), FacetRead(POLICIES_ABOVE, to_administrator_above)),
            any_of,
        ),
    },
)
"""People in the project's policy. Only Cloud Identity or Google Workspace knows how they sign in. People have
no access keys (their HMAC keys for Cloud Storage are visible to nobody else)."""

ACCESS_KEYS = Table(
    kind=AccessKey,
    list=GcpCall("ListAssets", (_KEY,), split=user_managed),
    header=key_header,
    facets={
        "tags": from_list(no_tags),
        "holder": from_list(to_holder),
        "active": Facet((FacetRead(None, to_usable), FacetRead(SERVICE_ACCOUNTS, to_holder_enabled)), all_of),
        "created": from_list(to_created),
        "last_used": _unsupported("policyanalyzer:activities.query", "when a key was used"),
        "expires": from_list(to_expires),
    },
)
"""Keys of service accounts that a user created or uploaded."""

ROLES = Table(
    kind=Role,
    list=replace(PROJECT_POLICY, split=bindings),
    header=role_header,
    facets={
        "tags": from_list(no_tags),
        "principal": from_list(to_member),
        "principal_type": from_list(to_type),
        "everything": from_list(to_everything),
        "grants_rights": Facet(
            (
                FacetRead(None, to_role),
                FacetRead(CUSTOM_ROLES, to_permissions),
                FacetRead(CUSTOM_ROLES_ABOVE, to_permissions),
            ),
            to_grants_rights,
        ),
        "external": Facet(
            (FacetRead(None, to_home), FacetRead(HIERARCHY, to_domain), FacetRead(PROJECTS, to_projects)),
            is_outside,
        ),
        "conditioned": from_list(to_conditioned),
        "last_used": _unsupported("policyanalyzer:activities.query", "when a binding was used"),
    },
)
"""The bindings of the project's own policy."""
