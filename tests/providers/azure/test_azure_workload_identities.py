"""Who can sign in as a managed identity, by what is allowed where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from providers.azure.administrators import administrations
from providers.azure.role_assignments import AssignedRoles, Assignee
from providers.azure.role_definitions import Grant, KnownRoles, RolePermissions
from providers.azure.workload_identities import Use, reaches_targets, uses
from scanner.model.evidence import Observed, Unknown

SUB = "/subscriptions/0a0a0a0a-1111-4222-8333-444455556666"
OTHER = "/subscriptions/0a0a0a0a-1111-4222-8333-444455557777"
IDENTITY = f"{SUB}/resourcegroups/ids/providers/microsoft.managedidentity/userassignedidentities/one"
MACHINES = "Microsoft.Compute/virtualMachines"
UNKNOWN = "unknown"
NOBODY = AssignedRoles({}, {}, {})


def of(type_: str, *actions: str, scope: str = SUB, resource: str | None = None) -> Any:
    """Whether a role with these actions reaches the identity of a resource of the type."""
    known: KnownRoles = {"r": RolePermissions("One", ({"actions": actions, "notActions": []},))}
    item = resource or f"{SUB}/resourcegroups/g/providers/{type_.lower()}/one"
    used = (Use("identity", item, type_.lower()),)
    found = reaches_targets((Grant("r", None, scope),), known, {"identity": True}, used, (), {})
    return UNKNOWN if isinstance(found, Unknown) else found


AUTOMATION = "Microsoft.Automation/automationAccounts"
SITES = "Microsoft.Web/sites"
FACTORIES = "Microsoft.DataFactory/factories"


@pytest.mark.parametrize(
    ("type_", "actions", "expected"),
    [
        (MACHINES, ["*/read"], False),
        (MACHINES, [f"{MACHINES}/runCommands/write"], True),
        (MACHINES, [f"{MACHINES}/*/write"], True),
        (MACHINES, [f"{MACHINES}/start/action", f"{MACHINES}/delete"], False),
        (MACHINES, ["Microsoft.Compute/virtualMachineScaleSets/*"], False),
        ("Microsoft.HybridCompute/machines", ["Microsoft.HybridCompute/machines/runCommands/write"], True),
        (AUTOMATION, [f"{AUTOMATION}/jobs/write"], False),
        (AUTOMATION, [f"{AUTOMATION}/runbooks/write"], UNKNOWN),
        (AUTOMATION, [f"{AUTOMATION}/runbooks/write", f"{AUTOMATION}/webhooks/write"], True),
        (SITES, [f"{SITES}/publish/action"], True),
        (SITES, [f"{SITES}/host/listkeys/action"], True),
        (SITES, [f"{SITES}/restart/action"], False),
        (SITES, [f"{SITES}/slotsswap/action"], UNKNOWN),
        (FACTORIES, [f"{FACTORIES}/pipelines/createrun/action"], False),
        (FACTORIES, [f"{FACTORIES}/pipelines/*"], True),
        ("Microsoft.App/containerApps", ["Microsoft.App/containerApps/getAuthToken/action"], True),
        ("Microsoft.App/jobs", ["Microsoft.App/jobs/start/action"], True),
        ("Microsoft.Logic/workflows", ["Microsoft.Logic/workflows/triggers/run/action"], False),
        ("Microsoft.Cache/redis", ["Microsoft.Cache/redis/read"], False),
        ("Microsoft.Cache/redis", ["Microsoft.Cache/redis/write"], UNKNOWN),
    ],
)
def test_which_actions_run_code_as_which_resource(type_: str, actions: list[str], expected: object) -> None:
    assert of(type_, *actions) == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("/", True),
        ("/providers/microsoft.management/managementgroups/root", True),
        (f"{SUB}/resourcegroups/g", True),
        (f"{SUB}/resourcegroups/g2", False),
        (f"{SUB}/resourcegroups/g/providers/microsoft.compute/virtualmachines/one", True),
        (f"{SUB}/resourcegroups/g/providers/microsoft.compute/virtualmachines/one-2", False),
    ],
)
def test_where_the_role_must_apply(scope: str, expected: bool) -> None:
    assert of(MACHINES, f"{MACHINES}/*", scope=scope) is expected


def test_the_principals_of_user_assigned_identities() -> None:
    identity = {"id": IDENTITY.upper(), "type": "Microsoft.ManagedIdentity/userAssignedIdentities"}
    machine = {
        "id": f"{SUB}/m",
        "type": MACHINES,
        "principalId": "",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: None}},
    }
    found = uses([machine, {**identity, "identity": None, "principalId": "P"}])
    assert {(one.principal, one.resource) for one in found} == {("p", IDENTITY), ("p", f"{SUB}/m")}
    with pytest.raises(KeyError):
        uses([machine])


@pytest.mark.parametrize(("user", "administers"), [("contributor", True), ("elsewhere", False)])
def test_an_identity_may_administer_another_subscription_than_that_of_its_machine(
    user: str, administers: bool
) -> None:
    known: KnownRoles = {
        "owner": RolePermissions("Owner", ({"actions": ["*"], "notActions": []},)),
        "vm": RolePermissions("Machines", ({"actions": [f"{MACHINES}/*"], "notActions": []},)),
    }
    owner = Assignee("identity", Grant("owner", None, OTHER))
    assigned = (
        AssignedRoles({"contributor": (Grant("vm", None, SUB),)}, {}, {}),
        AssignedRoles({"elsewhere": (Grant("vm", None, OTHER),)}, {}, {"owner": (owner,)}),
    )
    machine = Use("identity", f"{SUB}/resourcegroups/g/{MACHINES}/one".lower(), MACHINES.lower())
    used: Sequence[Observed[Sequence[Use]]] = ((machine,), ())
    facts = [
        one.of(one.assigned.users.get(user, ()))
        for one in administrations(assigned, (NOBODY, NOBODY), (known, known), used, ((), ()), {}, {})
        if not isinstance(one, Unknown)
    ]
    assert (True in facts) is administers
