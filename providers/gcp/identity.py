"""Access to a project: people, service account keys, and bindings.

Of the bindings above the project and on its service accounts, those of members from outside the organisation
are reported as well, for each project that they give access to. The others count if they make a person an
administrator of the project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from providers.gcp.administrators import to_administrator, to_held, to_held_above, to_own_accounts
from providers.gcp.client.calls import RESOURCE_MANAGER, Found, GcpCall, Item
from providers.gcp.policies.conditions import narrows_who
from providers.gcp.policies.members import (
    HIERARCHY,
    PROJECTS,
    MemberHome,
    PrincipalType,
    home_of,
    is_agent,
    is_outside,
    may_be_outside,
    to_domain,
    to_projects,
    type_of,
)
from providers.gcp.policies.policies import (
    CUSTOM_ROLES,
    CUSTOM_ROLES_ABOVE,
    POLICIES_ABOVE,
    PROJECT_POLICY,
    Permissions,
    grants,
    is_custom,
    permissions_of,
    policies_above,
    policy_of,
    to_permissions,
)
from providers.gcp.policies.roles import (
    OWNER,
    grants_rights,
    held_grants_rights,
)
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown, all_of, join
from scanner.model.resources.identity import AccessKey, Role, User

_SERVICE_ACCOUNT = "iam.googleapis.com/ServiceAccount"
_KEY = "iam.googleapis.com/ServiceAccountKey"
_NEVER = 9999
"""The year of expiry of keys that never expire."""
SERVICE_ACCOUNTS = GcpCall("ListAssets", (_SERVICE_ACCOUNT,))
SERVICE_ACCOUNT_POLICIES = GcpCall("ListAssets", (_SERVICE_ACCOUNT,), content="IAM_POLICY")


def bindings(item: Item) -> Iterator[Item]:
    """One item for each role and member of the project's policy, except Google's own service agents."""
    place = f"{RESOURCE_MANAGER}projects/{item.project.number}"
    yield from _bindings(item, policy_of(item.asset), place, PROJECT_POLICY)


def bindings_above(
    item: Item, policies: Mapping[str, Any], names: Observed[Any], projects: Observed[Any]
) -> Observed[Found]:
    """The bindings on the folders and the organisation above the project of members who may be outside."""
    above = policies_above(item, policies)
    if isinstance(above, Unknown):
        return above
    found = [
        each
        for place, policy in above.items()
        for each in _bindings(item, policy, RESOURCE_MANAGER + place, POLICIES_ABOVE, f"on {place}")
    ]
    return _outside(item, found, names, projects)


def bindings_on_accounts(
    item: Item, policies: Mapping[str, Any], names: Observed[Any], projects: Observed[Any]
) -> Found:
    """The bindings on service accounts themselves of members who may be outside:
    https://cloud.google.com/iam/docs/service-account-permissions. A listing omits accounts without a policy.
    """
    found = [
        each
        for name, asset in policies.items()
        for each in _bindings(
            item, policy_of(asset), name, SERVICE_ACCOUNT_POLICIES, f"on {name.partition(_PROJECTS)[2]}"
        )
    ]
    return _outside(item, found, names, projects)


def people_above(item: Item, policies: Mapping[str, Any], names: Observed[Any]) -> Observed[Found]:
    """The people in the policies above the project who may be outside the organisation."""
    above = policies_above(item, policies)
    if isinstance(above, Unknown):
        return above
    members = {member for policy in above.values() for _, member, _ in grants(policy)}
    people_found = sorted({member.lower() for member in members if member.startswith("user:")})
    return _outside(item, [Item(item.project, {"member": member}) for member in people_found], names, {})


_PROJECTS = "//iam.googleapis.com/projects/"


def _bindings(
    item: Item, policy: Mapping[str, Any], place: str, call: GcpCall, where: str = ""
) -> Iterator[Item]:
    """A grant is conditioned if a condition of each of its bindings restricts who can use it."""
    conditioned: dict[tuple[str, str], list[Observed[bool]]] = {}
    for role, member, condition in grants(policy):
        if not is_agent(member, item.project):
            conditioned.setdefault((role, member), []).append(narrows_who(condition, call.name))
    for (role, member), found in conditioned.items():
        asset = {
            "role": role,
            "member": member,
            "conditioned": all_of(*found),
            "place": place,
            "where": where,
        }
        yield Item(item.project, asset)


def _outside(item: Item, found: Iterable[Item], names: Observed[Any], projects: Observed[Any]) -> Found:
    """Those of members outside, and why that could not be told of others."""
    domain = names if isinstance(names, Unknown) else to_domain(item, names)
    known = projects if isinstance(projects, Unknown) else to_projects(item, projects)
    outside = [(one, may_be_outside(one.asset["member"], item.project, domain, known)) for one in found]
    lost = [fact for _, fact in outside if isinstance(fact, Unknown)]
    return [one for one, fact in outside if fact is True], join(lost) if lost else None


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
    """A binding has no asset: the ID is that of the project, folder, organisation or service account, with
    role and member."""
    role, member, where = item.asset["role"], item.asset["member"], item.asset["where"]
    name = f"{role} to {member} {where}".rstrip()
    return _header(
        item, id=f"{item.asset['place']}/bindings/{role}/{member}", name=name, type="gcp.iam.binding"
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
    """The basic role Owner, on the project or above it. An editor cannot change IAM policies; custom roles
    cannot contain all permissions (https://cloud.google.com/iam/docs/understanding-custom-roles)."""
    return item.asset["role"] in OWNER and item.asset["place"].startswith(RESOURCE_MANAGER)


def to_conditioned(item: Item) -> Observed[bool]:
    """See :func:`~providers.gcp.policies.conditions.narrows_who`."""
    conditioned: Observed[bool] = item.asset["conditioned"]
    return conditioned


def to_role(item: Item) -> tuple[str, bool]:
    """The role, and whether it is a custom role."""
    return item.asset["role"], is_custom(item.asset["role"])


def to_grants_rights(
    role: Observed[tuple[str, bool]], own: Observed[Permissions], above: Observed[Permissions]
) -> Observed[bool]:
    """Google's roles by name, custom roles by their permissions; see :mod:`~providers.gcp.policies.roles`."""
    if isinstance(role, Unknown):
        return role
    name, made_by_customer = role
    if not made_by_customer:
        return grants_rights(name, PROJECT_POLICY.name)
    held = permissions_of(name, own, above)
    return held if isinstance(held, Unknown) else held_grants_rights(name, held, CUSTOM_ROLES.name)


def to_holder(item: Item) -> str:
    """The service account's address, from ``name``."""
    return str(item.data["name"].split("/serviceAccounts/")[1].split("/")[0])


def to_usable(item: Item) -> bool:
    """Neither ``disabled`` nor outside its validity period."""
    data = item.data
    expires = to_expires(item)
    now = item.read_at
    return not (data.get("disabled") is True or to_time(data["validAfterTime"]) > now) and (
        expires is None or expires > now
    )


def to_holder_enabled(item: Item, accounts: Mapping[str, Any]) -> bool:
    """See :func:`is_enabled`."""
    return is_enabled(to_holder(item), accounts, item.asset["name"].partition("/keys/")[0])


def is_enabled(mail: str, accounts: Mapping[str, Any], name: str | None = None) -> bool:
    """``disabled`` of https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts: the keys
    of a disabled account cannot be used. The account has the address, or its asset the name.

    Raises :class:`LookupError` when the account is not in the listing.
    """
    for listed, asset in accounts.items():
        data = asset["resource"]["data"]
        if listed == name or data["email"] == mail:
            return data.get("disabled") is not True
    raise LookupError(f"{mail} is not among the listed service accounts")


def to_created(item: Item) -> datetime:
    """``validAfterTime``: when Google created the key; for uploaded keys, the start of their validity."""
    return to_time(item.data["validAfterTime"])


def to_expires(item: Item) -> datetime | None:
    """``validBeforeTime``; the year 9999 means never."""
    expires = to_time(item.data["validBeforeTime"])
    return None if expires.year == _NEVER else expires


def to_time(text: str) -> datetime:
    """A time of an answer. Raises :class:`ValueError` for one without a time zone."""
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
        "created": _unsupported(_SIGN_IN, "when people's accounts were created"),
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
            (
                FacetRead(None, to_own_accounts),
                FacetRead(PROJECT_POLICY, to_held),
                FacetRead(POLICIES_ABOVE, to_held_above),
                FacetRead(CUSTOM_ROLES, to_permissions),
                FacetRead(CUSTOM_ROLES_ABOVE, to_permissions),
            ),
            to_administrator,
        ),
    },
)
"""People in the project's policy, and people from outside in those above it. Only Cloud Identity or Google
Workspace knows how they sign in. People have no access keys (their HMAC keys for Cloud Storage are visible
to nobody else)."""

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
        "standing": from_list(lambda item: True),
        "conditioned": from_list(to_conditioned),
        "created": from_list(lambda _: None),
        "last_used": _unsupported("policyanalyzer:activities.query", "when a binding was used"),
    },
)
"""The bindings of the project's own policy; those of outsiders above the project and on its service accounts
are added."""
