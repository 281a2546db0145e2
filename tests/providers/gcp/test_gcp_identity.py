"""People, keys of service accounts, and bindings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.gcp.administrators import to_administrator, to_held, to_held_above, to_own_accounts
from providers.gcp.client.calls import Item, Project
from providers.gcp.client.client import Client
from providers.gcp.identity import (
    ACCESS_KEYS,
    bindings,
    bindings_above,
    people,
    to_expires,
    to_grants_rights,
    to_holder_enabled,
    to_usable,
    user_managed,
)
from providers.gcp.policies.members import (
    MemberHome,
    home_of,
    is_agent,
    is_outside,
    to_domain,
    to_projects,
    type_of,
)
from providers.gcp.policies.policies import to_permissions
from providers.sandbox.gcp.company import Company, project
from providers.sandbox.gcp.server import GcpSandbox
from scanner.collect.provider import Limits
from scanner.model.evidence import Unknown
from tests.providers.gcp.conftest import UNSUPPORTED

HERE = Project("batch-prod", "12", "Batch", {}, ("folders/2", "organizations/3"), "3")
ALONE = Project("batch-prod", "12", "Batch", {}, (), None)
LOST = Unknown.because("denied", "a call", "a.permission", "denied")
MANAGER = "//cloudresourcemanager.googleapis.com/"
POOL = "iam.googleapis.com/projects/12/locations/global/workloadIdentityPools"


def outside(member: str, project: Project = HERE, domain: Any = "example.com", projects: Any = None) -> Any:
    known = frozenset({"batch-prod", "12", "logs", "34"}) if projects is None else projects
    return is_outside(home_of(member, project), domain, known)


def test_the_people_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    assert found.names("user") == [
        "batch-lead@example.com",
        "batch-oncall@example.com",
        "migration-vendor@example.net",
    ]
    people_found = {
        user.name: (user.external, user.administrator)
        for user in found.inventory.resources
        if user.kind == "user"
    }
    # The vendor may change the project's policy.
    assert people_found == {
        "batch-lead@example.com": (False, True),
        "batch-oncall@example.com": (False, False),
        "migration-vendor@example.net": (True, True),
    }
    lead = found.one("user", "batch-lead@example.com")
    assert (lead.root, lead.access_keys, lead.tags, lead.region) == (False, 0, {}, None)


def test_facts_that_no_asset_has_are_unsupported(scan: Callable[..., Any]) -> None:
    facts = scan().facts()
    unsupported = {key: fact for key, fact in facts.items() if (key[0], key[2]) in UNSUPPORTED}
    assert unsupported
    for fact in unsupported.values():
        (cause,) = fact.causes
        assert (cause.reason, cause.permission) == ("unsupported", None)


def test_the_keys_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    keys_found = {k.name: (k.holder, k.active) for k in found.inventory.resources if k.kind == "access_key"}
    assert keys_found == {
        "4a1f": ("ci@batch-prod.iam.gserviceaccount.com", True),
        "5b2e": ("exporter@batch-prod.iam.gserviceaccount.com", True),
        "6c3d": ("exporter@batch-prod.iam.gserviceaccount.com", False),
        "7d4c": ("retired@batch-prod.iam.gserviceaccount.com", False),
        "GOOG1EXAMPLEOFF2026": ("media-sync@batch-prod.iam.gserviceaccount.com", False),
        "GOOG1EXAMPLEOLD2019": ("media-sync@batch-prod.iam.gserviceaccount.com", False),
        "GOOG1EXAMPLESYNC2021": ("media-sync@batch-prod.iam.gserviceaccount.com", True),
        "GOOG1EXAMPLESYNC2026": ("media-sync@batch-prod.iam.gserviceaccount.com", True),
    }
    assert found.one("access_key", "4a1f").created == datetime(2022, 3, 14, 10, tzinfo=UTC)
    assert found.one("access_key", "4a1f").expires is None
    assert found.one("access_key", "5b2e").expires == datetime(2099, 1, 18, 8, tzinfo=UTC)


def test_the_roles_of_the_sample_company(scan: Callable[..., Any]) -> None:
    found = scan()
    roles = {
        (role.id.split("/bindings/")[1].rpartition("/")[0], role.principal): role
        for role in found.inventory.resources
        if role.kind == "role"
    }
    assert len(roles) == 11
    assert not [
        principal for _, principal in roles if "compute-system" in principal or "deleted" in principal
    ]
    owner = roles["roles/owner", "user:batch-lead@example.com"]
    assert (owner.everything, owner.grants_rights, owner.principal_type) == (True, True, "user")
    admin = roles["roles/resourcemanager.projectIamAdmin", "user:migration-vendor@example.net"]
    assert (admin.everything, admin.grants_rights, admin.external) == (False, True, True)
    support = roles["roles/storage.objectViewer", "group:support@example.net"]
    assert (support.external, support.conditioned, support.grants_rights) == (True, False, False)
    compute = "serviceAccount:210987654321-compute@developer.gserviceaccount.com"
    assert roles["roles/editor", compute].grants_rights is True
    assert roles["roles/editor", compute].principal_type == "workload"
    operator = roles["projects/batch-prod/roles/batchOperator", "group:data-team@example.com"]
    assert (operator.grants_rights, operator.external, operator.conditioned) == (False, False, False)
    logs = "serviceAccount:collector@security-logs.iam.gserviceaccount.com"
    assert roles["roles/logging.viewer", logs].external is False
    assert roles["roles/logging.viewer", logs].principal_type == "account"


def test_all_members_are_external_without_an_organisation(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    policy = {"bindings": [{"role": "roles/owner", "members": ["user:someone@example.com"]}]}
    own_cloud(Company([project("batch-prod", "333333333333", "Alone", {}, (), policy)]))
    found = scan()
    user = found.one("user", "someone@example.com")
    assert (user.external, user.administrator) == (True, True)
    assert found.unknown() == set()


def test_a_project_without_a_policy_has_no_users_or_roles(
    own_cloud: Callable[..., GcpSandbox], scan: Callable[..., Any]
) -> None:
    asset = dict(project("batch-prod", "333333333333", "Alone", {}, ()))
    del asset["iamPolicy"]
    own_cloud(Company([asset]))
    found = scan()
    assert (found.names("user"), found.names("role")) == ([], [])
    assert found.inventory.blind_spots == ()


@pytest.mark.parametrize(
    ("member", "type_", "expected"),
    [
        ("allUsers", "public", True),
        ("allAuthenticatedUsers", "public", True),
        ("user:a@example.com", "user", False),
        ("user:A@Example.com", "user", False),
        ("user:a@eu.example.com", "user", True),
        ("user:a@gmail.com", "user", True),
        ("group:all@example.com", "group", False),
        ("group:friends@googlegroups.com", "group", True),
        ("domain:example.com", "group", False),
        ("domain:example.net", "group", True),
        ("projectOwner:batch-prod", "group", False),
        ("serviceAccount:ci@batch-prod.iam.gserviceaccount.com", "workload", False),
        ("serviceAccount:ci@logs.iam.gserviceaccount.com", "account", False),
        ("serviceAccount:ci@strange.iam.gserviceaccount.com", "account", True),
        ("serviceAccount:12-compute@developer.gserviceaccount.com", "workload", False),
        ("serviceAccount:99-compute@developer.gserviceaccount.com", "account", True),
        ("serviceAccount:batch-prod@appspot.gserviceaccount.com", "workload", False),
        ("serviceAccount:34@cloudbuild.gserviceaccount.com", "account", False),
        ("serviceAccount:service-99@gcp-sa-pubsub.iam.gserviceaccount.com", "account", True),
        ("serviceAccount:service-34@gs-project-accounts.iam.gserviceaccount.com", "account", False),
        ("serviceAccount:service-org-3@security-center-api.iam.gserviceaccount.com", "workload", False),
        ("serviceAccount:service-org-4@security-center-api.iam.gserviceaccount.com", "account", True),
        ("serviceAccount:batch-prod.svc.id.goog[jobs/runner]", "workload", False),
        (f"principal://{POOL}/batch-prod.svc.id.goog/subject/ns/jobs/sa/runner", "workload", False),
        (f"principalSet://{POOL}/github/attribute.repository/example/shop", "account", None),
        (f"principalSet://{POOL.replace('/12/', '/34/')}/github/*", "account", None),
        (f"principalSet://{POOL.replace('/12/', '/99/')}/github/*", "account", True),
        (
            "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/admins",
            "account",
            None,
        ),
        ("principalSet://cloudresourcemanager.googleapis.com/projects/12", "account", False),
        (
            "principalSet://cloudresourcemanager.googleapis.com/folders/2/type/ServiceAccount",
            "account",
            False,
        ),
        ("principalSet://cloudresourcemanager.googleapis.com/folders/7", "account", None),
        ("principalSet://cloudresourcemanager.googleapis.com/organizations/3", "account", False),
        ("principalSet://cloudresourcemanager.googleapis.com/organizations/4", "account", True),
    ],
)
def test_who_a_member_is(member: str, type_: str, expected: bool | None) -> None:
    assert type_of(member, HERE) == type_
    found = outside(member)
    assert isinstance(found, Unknown) if expected is None else found is expected


@pytest.mark.parametrize(
    "member", ["robot:x", "serviceAccount:x@example.com", "user:", "principal://elsewhere/x", ""]
)
def test_a_member_of_an_unknown_form_is_an_error(member: str) -> None:
    with pytest.raises((LookupError, ValueError)):
        home_of(member, HERE)


def test_service_accounts_of_a_domain_scoped_project() -> None:
    legacy = Project("example.com:shop", "12", "Shop", {}, (), None)
    assert home_of("serviceAccount:ci@shop.example.com.iam.gserviceaccount.com", legacy) == MemberHome(
        outside=False
    )


def test_arguments_that_are_not_needed_may_be_unknown() -> None:
    assert outside("user:a@gmail.com", domain=LOST, projects=LOST) is True
    assert outside("user:a@example.com", domain=LOST) == LOST
    assert outside("user:a@example.com", projects=LOST) is False
    assert (
        outside("serviceAccount:ci@batch-prod.iam.gserviceaccount.com", domain=LOST, projects=LOST) is False
    )
    assert outside("serviceAccount:ci@logs.iam.gserviceaccount.com", domain=LOST, projects=LOST) == LOST
    assert outside("serviceAccount:ci@logs.iam.gserviceaccount.com", ALONE, None, LOST) is True


def test_the_domain_and_projects_of_the_organisation() -> None:
    names = {f"{MANAGER}organizations/3": {"resource": {"data": {"displayName": "Example.com"}}}}
    assert to_domain(Item(HERE), names) == "example.com"
    assert to_domain(Item(ALONE), {}) is None
    with pytest.raises(LookupError):
        to_domain(Item(HERE), {})
    data = {"projectId": "logs", "projectNumber": 34.0}
    assert to_projects(Item(HERE), {"x": {"resource": {"data": data}}}) == {"logs", "34"}


@pytest.mark.parametrize(
    ("member", "agent"),
    [
        ("serviceAccount:service-12@compute-system.iam.gserviceaccount.com", True),
        ("serviceAccount:service-12@gcp-sa-pubsub.iam.gserviceaccount.com", True),
        ("serviceAccount:12@cloudservices.gserviceaccount.com", True),
        ("serviceAccount:service-org-3@gcp-sa-cloudasset.iam.gserviceaccount.com", True),
        ("serviceAccount:service-99@compute-system.iam.gserviceaccount.com", False),
        ("serviceAccount:service-12@batch-prod.iam.gserviceaccount.com", False),
        ("serviceAccount:service-12@notiam.gserviceaccount.com", False),
        ("serviceAccount:12-compute@developer.gserviceaccount.com", False),
        ("user:service-12@compute-system.iam.gserviceaccount.com", False),
    ],
)
def test_agents_of_google_that_act_for_the_project(member: str, agent: bool) -> None:
    assert is_agent(member, HERE) is agent


def test_a_grant_is_conditioned_if_all_its_bindings_are() -> None:
    condition = {"expression": "'accessPolicies/1/accessLevels/office' in request.auth.access_levels"}
    policy_bindings = [
        {"role": "roles/viewer", "members": ["user:a@example.com"], "condition": condition},
        {"role": "roles/viewer", "members": ["user:a@example.com", "user:B@example.com"]},
        {"role": "roles/browser", "members": ["user:a@example.com"], "condition": condition},
    ]
    policy = Item(HERE, {"iamPolicy": {"bindings": policy_bindings}})
    found = {
        (each.asset["role"], each.asset["member"]): each.asset["conditioned"] for each in bindings(policy)
    }
    assert found == {
        ("roles/viewer", "user:a@example.com"): False,
        ("roles/viewer", "user:B@example.com"): False,
        ("roles/browser", "user:a@example.com"): True,
    }
    assert [each.asset["member"] for each in people(policy)] == ["user:a@example.com", "user:b@example.com"]


@pytest.mark.parametrize(
    ("role", "grants"),
    [
        ("roles/owner", True),
        ("roles/editor", True),
        ("roles/iam.securityAdmin", True),
        ("roles/viewer", False),
        ("roles/storage.admin", False),
    ],
)
def test_roles_of_google_are_known_by_name(role: str, grants: bool) -> None:
    assert to_grants_rights((role, False), LOST, LOST) is grants


def test_custom_roles_are_known_by_their_permissions() -> None:
    def roles(**more: Any) -> Any:
        data = {"name": "projects/p/roles/x", "includedPermissions": ["iam.serviceAccounts.actAs"], **more}
        return to_permissions(Item(HERE), {"x": {"resource": {"data": data}}})

    custom_role = ("projects/p/roles/x", True)
    assert to_grants_rights(custom_role, roles(), LOST) is True
    assert to_grants_rights(custom_role, roles(includedPermissions=["compute.instances.list"]), LOST) is False
    assert to_grants_rights(custom_role, roles(deleted=True), LOST) is False
    assert to_grants_rights(custom_role, roles(stage="DISABLED"), LOST) is False
    assert to_grants_rights(custom_role, LOST, {}) == LOST
    assert isinstance(to_grants_rights(custom_role, {}, LOST), Unknown)
    above = {"organizations/3/roles/y": frozenset({"resourcemanager.projects.setIamPolicy"})}
    assert to_grants_rights(("organizations/3/roles/y", True), LOST, above) is True


def policy(place: str, role: str, *members: str) -> dict[str, Any]:
    return {MANAGER + place: {"iamPolicy": {"bindings": [{"role": role, "members": list(members)}]}}}


def administers(own: dict[str, Any], above: dict[str, Any]) -> Any:
    someone = Item(HERE, {"member": "user:a@example.com"})
    held, held_above = to_held(someone, own), to_held_above(someone, above)
    return to_administrator(to_own_accounts(someone), held, held_above, {}, {})


def test_who_administers_the_project() -> None:
    assert administers(policy("projects/12", "roles/owner", "user:A@example.com"), {}) is True
    assert administers(policy("projects/12", "roles/owner", "user:b@example.com"), {}) is False
    assert administers(policy("projects/12", "roles/editor", "user:a@example.com"), {}) is False
    for group in ("group:admins@example.com", "domain:example.com"):
        found = administers(policy("projects/12", "roles/owner", group), {})
        assert isinstance(found, Unknown)
        assert group in found.causes[0].message
    robot = "serviceAccount:x@batch-prod.iam.gserviceaccount.com"
    assert administers(policy("projects/12", "roles/owner", robot), {}) is False
    admin = "roles/resourcemanager.organizationAdmin"
    assert administers({}, policy("organizations/3", admin, "user:a@example.com")) is True
    assert administers({}, policy("folders/2", "roles/owner", "user:a@example.com")) is True
    assert administers({}, policy("folders/9", "roles/owner", "user:a@example.com")) is False


def key(**more: Any) -> Item:
    mail = "ci@batch-prod.iam.gserviceaccount.com"
    data = {
        "name": f"projects/batch-prod/serviceAccounts/{mail}/keys/1",
        "keyType": "USER_MANAGED",
        "validAfterTime": "2020-01-01T00:00:00Z",
        "validBeforeTime": "9999-12-31T23:59:59Z",
        **more,
    }
    name = "//iam.googleapis.com/projects/batch-prod/serviceAccounts/108/keys/1"
    return Item(HERE, {"name": name, "resource": {"data": data}})


def test_when_a_key_can_be_used() -> None:
    assert to_usable(key()) is True
    assert to_usable(key(disabled=True)) is False
    assert to_usable(key(validBeforeTime="2021-01-01T00:00:00Z")) is False
    assert to_usable(key(validAfterTime="9000-01-01T00:00:00Z")) is False
    assert to_expires(key(validBeforeTime="2021-01-01T00:00:00.123456789Z")) is not None
    assert not list(user_managed(key(keyType="SYSTEM_MANAGED")))
    assert list(user_managed(key()))
    with pytest.raises(LookupError):
        list(user_managed(Item(HERE, {"resource": {"data": {}}})))


def test_keys_of_a_disabled_account_cannot_be_used() -> None:
    def accounts(name: str, mail: str, **more: Any) -> dict[str, Any]:
        return {name: {"resource": {"data": {"email": mail, **more}}}}

    mail = "ci@batch-prod.iam.gserviceaccount.com"
    named = "//iam.googleapis.com/projects/batch-prod/serviceAccounts/108"
    assert to_holder_enabled(key(), accounts(named, mail)) is True
    assert to_holder_enabled(key(), accounts(named, mail, disabled=True)) is False
    assert to_holder_enabled(key(), accounts("//elsewhere", mail, disabled=True)) is False
    with pytest.raises(LookupError):
        to_holder_enabled(key(), accounts("//elsewhere", "other@example.com"))


def recorded_keys(recorded: Callable[[str], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    found = []
    for line in recorded("gcp-cai/iam.jsonl"):
        if line["asset"]["asset_type"].endswith("/ServiceAccountKey"):
            found.append(line["asset"]["resource"]["data"])
    for line in recorded("gcp-rest/untyped.jsonl"):
        keys = line["body"].get("keys", ()) if isinstance(line["body"], dict) else ()
        found += [data for data in keys if "/serviceAccounts/" in data["name"]]
    return found


def test_every_recorded_key_is_understood(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    client = Client(None, None, Limits())
    found = {}
    for data in recorded_keys(recorded):
        asset = {"name": f"//iam.googleapis.com/{data['name']}", "resource": {"data": data}}
        for each in user_managed(Item(HERE, asset)):
            values: dict[str, Any] = {"header": client.read(None, ACCESS_KEYS.header, each)}
            for name, facet in ACCESS_KEYS.facets.items():
                values[name] = client.read(None, facet.reads[0].function, each)
            unknown = {name for name, value in values.items() if isinstance(value, Unknown)}
            assert unknown == {"last_used"}
            found[data["name"]] = values
    assert found
    for values in found.values():
        assert values["holder"] == "test-cutodian-scc@cloud-custodian.iam.gserviceaccount.com"
        assert values["expires"] is None
        assert values["created"] == datetime(2021, 3, 31, 13, 27, 15, tzinfo=UTC)


def test_recorded_custom_roles_and_service_accounts(
    recorded: Callable[[str], list[dict[str, Any]]],
) -> None:
    assets = [line["asset"] for line in recorded("gcp-cai/iam.jsonl")]
    roles = {a["name"]: a for a in assets if a["asset_type"].endswith("/Role")}
    permissions = to_permissions(Item(HERE), roles)
    assert "compute.firewalls.create" in permissions["organizations/111222333/roles/role2"]
    assert to_grants_rights(("projects/project4/roles/role1", True), permissions, permissions) is False
    accounts = {a["name"]: a for a in assets if a["asset_type"].endswith("/ServiceAccount")}
    mail = "1042-compute@developer.gserviceaccount.com"
    assert to_holder_enabled(key(name=f"projects/p/serviceAccounts/{mail}/keys/1"), accounts) is True


def test_recorded_policies_of_projects(recorded: Callable[[str], list[dict[str, Any]]]) -> None:
    from tests.providers.gcp.test_gcp_recordings import round_trip

    found: dict[str, list[Item]] = {}
    for line in recorded("gcp-cai/cloudresourcemanager.jsonl"):
        if "iam_policy" in line["asset"]:
            asset = round_trip(line["asset"])
            number = asset["name"].rpartition("/")[2]
            here = Project(number, number, "P", {}, ("organizations/3",), "3")
            found[number] = list(bindings(Item(here, asset)))
            for each in found[number]:
                assert type_of(each.asset["member"], here) if "notiam" not in each.asset["member"] else True
    forseti = {(each.asset["role"], each.asset["member"]) for each in found["1043"]}
    assert ("roles/owner", "user:a_user@forseti.test") in forseti
    assert len(forseti) == 6
    assert len(found["12345"]) == 8


def test_members_above_who_cannot_be_told_from_outsiders_are_a_blind_spot() -> None:
    bound = policy("organizations/3", "roles/owner", "user:a@example.com", "user:a@gmail.com", "robot:x")
    found, missed = bindings_above(Item(HERE), bound, LOST, {})
    assert [one.asset["member"] for one in found if isinstance(one, Item)] == ["user:a@gmail.com", "robot:x"]
    assert missed == LOST
    names = {f"{MANAGER}organizations/3": {"resource": {"data": {"displayName": "example.com"}}}}
    found, missed = bindings_above(Item(HERE), bound, names, {})
    assert [one.asset["member"] for one in found if isinstance(one, Item)] == ["user:a@gmail.com", "robot:x"]
    assert missed is None
    assert bindings_above(Item(replace(HERE, ancestors=LOST)), bound, names, {}) == LOST
