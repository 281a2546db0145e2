"""Role assignments: what a role allows, at which scope, and to whom; and the recorded ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from providers.azure.client.endpoints import endpoints
from providers.azure.conditional_access import Holders
from providers.azure.credentials import credentials_of_application
from providers.azure.entra import directory_roles, group_users
from providers.azure.identity import to_active
from providers.azure.role_assignments import assigned_roles
from providers.azure.role_definitions import RolePermissions, permissions_by_role
from providers.azure.roles import (
    roles,
    to_everything,
    to_principal_type,
    workload_is_external,
)
from scanner.model.evidence import Unknown

Recordings = Callable[[str], list[dict[str, Any]]]
SUB = "/subscriptions/ea42f556-5106-4743-99b0-c129bfa71a47"
ROLE = "0f0f0f0f-1111-4222-8333-0000000000c0"
TENANT = "00000000-0000-0000-0000-00000000000a"


def role_permissions(*sets: tuple[list[str], list[str]]) -> RolePermissions:
    permissions = [{"actions": actions, "notActions": not_actions} for actions, not_actions in sets]
    row = {
        "id": f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{ROLE.upper()}",
        "properties": {"roleName": "One", "permissions": permissions},
    }
    return permissions_by_role([row])[ROLE]


@pytest.mark.parametrize(
    ("sets", "everything", "grants_rights"),
    [
        ([(["*"], [])], True, True),
        ([(["*"], ["Microsoft.Authorization/*/Write"])], False, False),
        ([(["*/read", "*/write", "*/delete", "*/action"], [])], True, True),
        ([(["*/write", "*/delete", "*/action"], [])], False, True),
        (
            [(["*"], ["Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action"])],
            False,
            False,
        ),
        ([(["*"], ["Microsoft.Storage/*"])], True, True),
        ([(["*/read"], [])], False, False),
        ([(["Microsoft.Authorization/*"], [])], False, True),
        ([(["Microsoft.Authorization/roleAssignments/write"], [])], False, True),
        ([(["Microsoft.Authorization/*/write"], ["Microsoft.Authorization/locks/write"])], False, True),
        ([(["Microsoft.Authorization/locks/*"], [])], False, False),
        ([(["*/write"], [])], False, True),
        ([(["*/read"], []), (["*"], [])], True, True),
        ([([], [])], False, False),
        ([], False, False),
    ],
)
def test_what_a_role_allows(sets: list[Any], everything: bool, grants_rights: bool) -> None:
    found = role_permissions(*sets)
    assert (found.everything, found.grants_rights) == (everything, grants_rights)


def assignment(scope: str, kind: str = "User", role: str = ROLE) -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/a",
        "properties": {
            "scope": scope,
            "principalType": kind,
            "principalId": "P1",
            "roleDefinitionId": f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        },
    }


@pytest.mark.parametrize(
    ("scope", "wide"),
    [
        (SUB, True),
        (f"{SUB}/", True),
        ("/", True),
        ("/providers/Microsoft.Management/managementGroups/mg-root", True),
        (f"{SUB}/resourceGroups/shop", False),
        (f"{SUB}/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/s", False),
        (f"{SUB}/providers/Microsoft.Storage/x/y", False),
    ],
)
def test_where_it_applies(scope: str, wide: bool) -> None:
    known = {ROLE: RolePermissions("Owner", ({"actions": ["*"], "notActions": []},))}
    assert to_everything(assignment(scope), known) is wide
    assert assigned_roles([assignment(scope, "ServicePrincipal")]).workloads
    assert assigned_roles([assignment(scope)]).users


def test_a_role_without_definition() -> None:
    assert isinstance(to_everything(assignment(SUB), {}), Unknown)
    assert to_everything(assignment(f"{SUB}/resourceGroups/shop"), {}) is False


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("User", "user"), ("Group", "group"), ("ServicePrincipal", "workload"), ("ForeignGroup", "account")],
)
def test_principal_types(kind: str, expected: str) -> None:
    assert to_principal_type(assignment(SUB, kind)) == expected


def test_an_unsupported_principal_type() -> None:
    with pytest.raises(KeyError):
        to_principal_type(assignment(SUB, "Robot"))


def test_a_foreign_group_is_external() -> None:
    combine = roles("azure", "s", TENANT).facets["external"].combine
    unknown = Unknown.because("denied", "x", None, "no")
    assert combine("account", unknown, unknown) is True
    assert combine("group", unknown, unknown) is False
    assert combine("user", True, unknown) is True
    assert combine("workload", unknown, False) is False
    assert combine("user", unknown, False) is unknown


@pytest.mark.parametrize(
    ("owner", "foreign"),
    [
        (TENANT, False),
        (None, False),
        ("f8cdef31-a31e-4b4a-93e4-5f571e91255a", False),
        ("00000000-0000-0000-0000-0000000000f1", True),
    ],
)
def test_applications_of_others(owner: str | None, foreign: bool) -> None:
    item = assignment(SUB, "ServicePrincipal")
    assert workload_is_external(item, {"p1": owner}, TENANT) is foreign
    assert workload_is_external(assignment(SUB), {}, TENANT) is False
    assert isinstance(workload_is_external(item, {}, TENANT), Unknown)


def test_directory_roles_apply_to_the_whole_tenant() -> None:
    row = {"roleDefinitionId": ROLE.upper(), "principalId": "P1", "directoryScopeId": "/"}
    kind = {"principal": {"@odata.type": "#microsoft.graph.user"}}
    unit = {**row, **kind, "directoryScopeId": "/administrativeUnits/x"}
    assert directory_roles([unit]) == {}
    (found,) = directory_roles([{**row, **kind}, unit]).values()
    assert found == Holders(frozenset({"p1"}), frozenset(), frozenset())
    (found,) = directory_roles(
        [{**row, "principal": {"@odata.type": "#microsoft.graph.servicePrincipal"}}]
    ).values()
    assert not found.users | found.groups | found.unknown_type
    with pytest.raises(KeyError):
        group_users([{"id": "p1"}])


def test_what_is_kept_of_an_application() -> None:
    secret = {
        "keyId": "k",
        "hint": "abc",
        "secretText": "abcdef",
        "startDateTime": "2026-01-01T00:00:00Z",
        "endDateTime": None,
    }
    application = {
        "id": "o",
        "appId": "a",
        "displayName": None,
        "disabledByMicrosoftStatus": "DisabledDueToViolationOfServicesAgreement",
        "passwordCredentials": [secret],
        "keyCredentials": [],
    }
    (item,) = credentials_of_application(application)
    assert "abc" not in str(item)
    assert item["holder"] == "a"
    from datetime import UTC, datetime

    later = datetime(2026, 6, 1, tzinfo=UTC)
    assert to_active(item, later) is False
    assert to_active({**item, "disabled_status": None}, later) is True
    assert to_active({**item, "disabled_status": None}, datetime(2025, 6, 1, tzinfo=UTC)) is False


@pytest.mark.parametrize(
    ("environment", "graph"),
    [
        ({}, "https://graph.microsoft.com"),
        ({"AZURE_AUTHORITY_HOST": "login.microsoftonline.us"}, "https://graph.microsoft.us"),
        (
            {"AZURE_AUTHORITY_HOST": "https://login.chinacloudapi.cn/"},
            "https://microsoftgraph.chinacloudapi.cn",
        ),
        ({"AZURE_GRAPH_URL": "https://dod-graph.microsoft.us/"}, "https://dod-graph.microsoft.us"),
    ],
)
def test_where_microsoft_graph_is(environment: Mapping[str, str], graph: str) -> None:
    where = endpoints(environment)
    assert (where.graph, where.graph_audience) == (graph, f"{graph}/.default")


def test_only_https_for_microsoft_graph() -> None:
    with pytest.raises(ValueError, match="AZURE_GRAPH_URL"):
        endpoints({"AZURE_GRAPH_URL": "http://graph.example.com"})


def test_recorded_assignments_and_roles(recordings: Recordings) -> None:
    known = permissions_by_role(
        [one["body"] for one in recordings("microsoft.authorization.roledefinitions")]
    )
    assert {one.name for one in known.values() if one.everything} == {"Owner"}
    assert {one.name for one in known.values() if one.grants_rights} == {"Owner"}
    assert "Contributor" in {one.name for one in known.values()}
    table = roles("azure", SUB.rsplit("/", 1)[1], TENANT)
    kinds = set()
    for answer in recordings("microsoft.authorization.roleassignments"):
        rows = answer["body"]["value"]
        assert len(rows) == 74
        assert assigned_roles(rows).users
        for item in rows:
            header = table.header({**item, "role": None})
            assert header["id"] == item["id"].lower()
            assert table.facets["conditioned"].reads[0].function(item, known) is not None
            for name in ("principal", "principal_type"):
                (read,) = table.facets[name].reads
                value = read.function(item)
                assert value is not None
                if name == "principal_type":
                    kinds.add(value)
            everything = to_everything(item, known)
            if "/resourceGroups/" in item["properties"]["scope"]:
                assert everything is False
    assert {"user", "workload"} <= kinds
