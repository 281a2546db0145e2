"""The actions by which somebody signs in as a managed identity, by the type of the resource that has it.

Data only: :mod:`providers.azure.workload_identities` evaluates it. The actions are from the reference of
permissions, https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations; each
row names what tells that its actions run code, or calls, as the identity.

Not in the data: who may make others run code, such as by a push to a repository or to an image's registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Escalation:
    """Actions that together run code as the identity of a resource of the type."""

    type: str
    """The resource type, in lower case."""
    actions: tuple[str, ...]
    source: str
    """Below https://learn.microsoft.com/."""
    certain: bool = True
    """Otherwise it depends on what the resource has, or runs, already."""
    data: bool = False
    """They are data actions."""


def _each(
    type_: str, actions: str, source: str, certain: bool = True, data: bool = False
) -> Iterator[Escalation]:
    """One escalation per action below the type; those joined by ``+`` are needed together."""
    for each in actions.split():
        names = tuple(f"{type_}/{one}" for one in each.split("+"))
        yield Escalation(type_.lower(), names, source, certain, data)


_MACHINE = "Microsoft.Compute/virtualMachines"
_SCALE_SET = "Microsoft.Compute/virtualMachineScaleSets"
_SITE = "Microsoft.Web/sites"
_SLOT = "Microsoft.Web/sites/slots"
_AUTOMATION = "Microsoft.Automation/automationAccounts"
_FACTORY = "Microsoft.DataFactory/factories"
# Code in the app, or what deploys it: the publishing credentials, the master key, the settings that name the
# package.
_CODE = (
    "write config/write publish/action publishxml/action functions/write sourcecontrols/write "
    "extensions/write host/listkeys/action hostruntime/host/action"
)
WORKLOADS: tuple[Escalation, ...] = (
    # A write of the machine installs VM applications and sets user data.
    *_each(
        _MACHINE,
        "write runCommand/action runCommands/write extensions/write",
        "azure/virtual-machines/run-command-overview",
    ),
    # Only with the sign-in extension, and over the network.
    *_each(
        _MACHINE,
        "login/action loginAsAdmin/action",
        "entra/identity/devices/howto-vm-sign-in-azure-ad-linux",
        certain=False,
        data=True,
    ),
    *_each(
        _SCALE_SET,
        "write extensions/write virtualMachines/write virtualMachines/runCommand/action "
        "virtualMachines/runCommands/write virtualMachines/extensions/write",
        "azure/virtual-machines/run-command-overview",
    ),
    *_each(
        "Microsoft.HybridCompute/machines",
        "runcommands/write extensions/write",
        "azure/azure-arc/servers/run-command",
    ),
    *_each(_SITE, _CODE, "azure/azure-functions/functions-deployment-technologies"),
    # A swap brings the code of a slot, which must be there already.
    *_each(_SITE, "slotsswap/action", "azure/app-service/deploy-staging-slots", certain=False),
    *_each(_SLOT, _CODE, "azure/app-service/deploy-staging-slots"),
    # The settings name the storage account that has the code, if it is there.
    *(
        one
        for type_ in (_SITE, _SLOT)
        for one in _each(type_, "config/list/action", "azure/azure-functions/storage-considerations", False)
    ),
    *_each(
        "Microsoft.App/containerApps",
        # The token is for the console of a container.
        "write getauthtoken/action",
        "azure/container-apps/container-console",
    ),
    # The start takes another image and command than the job has.
    *_each("Microsoft.App/jobs", "write start/action", "rest/api/containerapps/jobs/start"),
    *_each(
        "Microsoft.ContainerInstance/containerGroups",
        "write containers/exec/action",
        "azure/container-instances/container-instances-exec",
    ),
    *_each(
        _AUTOMATION,
        "runbooks/write+jobs/write runbooks/draft/write+runbooks/publish/action+jobs/write "
        "runbooks/draft/content/write+runbooks/publish/action+jobs/write "
        "runbooks/write+webhooks/write runbooks/write+jobSchedules/write "
        "runbooks/draft/write+runbooks/draft/testJob/write "
        "runbooks/draft/content/write+runbooks/draft/testJob/write",
        "azure/automation/enable-managed-identity-for-automation",
    ),
    # It runs only if something starts it; a module is in what runs already.
    *_each(
        _AUTOMATION,
        "runbooks/write runbooks/draft/write+runbooks/publish/action "
        "runbooks/draft/content/write+runbooks/publish/action modules/write python3Packages/write",
        "azure/automation/enable-managed-identity-for-automation",
        certain=False,
    ),
    *_each("Microsoft.Logic/workflows", "write", "azure/logic-apps/authenticate-with-managed-identity"),
    *_each(
        "Microsoft.Resources/deploymentScripts",
        "write",
        "azure/azure-resource-manager/templates/deployment-script-template",
    ),
    *_each(
        _FACTORY,
        "pipelines/write+pipelines/createrun/action pipelines/write+pipelines/sandbox/action",
        "azure/data-factory/control-flow-web-activity",
    ),
    *_each(_FACTORY, "pipelines/write", "azure/data-factory/control-flow-web-activity", certain=False),
    *_each(
        "Microsoft.ContainerRegistry/registries/tasks",
        "write",
        "azure/container-registry/container-registry-tasks-authentication-managed-identity",
    ),
    *_each("Microsoft.Batch/batchAccounts", "pools/write", "azure/batch/managed-identity-pools"),
    # Which identity pods and jobs get depends on the node pool or the compute.
    *_each(
        "Microsoft.ContainerService/managedClusters",
        "write runCommand/action listClusterAdminCredential/action agentPools/write",
        "azure/aks/use-managed-identity",
        certain=False,
    ),
    *_each(
        "Microsoft.MachineLearningServices/workspaces",
        "write computes/write jobs/write",
        "azure/machine-learning/how-to-identity-based-service-authentication",
        certain=False,
    ),
    # A policy of the gateway calls with its identity.
    *_each(
        "Microsoft.ApiManagement/service",
        "policies/write apis/policies/write apis/operations/policies/write products/policies/write",
        "azure/api-management/authentication-managed-identity-policy",
    ),
)
POLICIES: tuple[Escalation, ...] = tuple(
    # What the policy deploys where it finds something, as the identity of its assignment. Which definition an
    # assignment is of, and whether it deploys anything, is not read.
    Escalation(
        "microsoft.authorization/policyassignments",
        (f"Microsoft.Authorization/{action}",),
        "azure/governance/policy/how-to/remediate-resources",
        certain=False,
    )
    for action in ("policyAssignments/write", "policyDefinitions/write", "policySetDefinitions/write")
)
ESCALATIONS_BY_TYPE: Mapping[str, tuple[Escalation, ...]] = {
    type_: tuple(one for one in (*WORKLOADS, *POLICIES) if one.type == type_)
    for type_ in {one.type for one in (*WORKLOADS, *POLICIES)}
}
IDENTITY = "microsoft.managedidentity/userassignedidentities"
"""The type of a user-assigned identity."""
FEDERATE = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"
"""An identity provider of one's own then signs in as the identity.
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust-user-assigned-managed-identity"""
ASSIGN_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
"""Gives the identity to a workload; alone, without a write of a workload, it gives nothing.
https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/identity#managed-identity-operator"""
HOSTS = (
    *(f"{type_}/write" for type_ in (_MACHINE, _SCALE_SET, _SITE, _SLOT, _AUTOMATION)),
    "Microsoft.App/containerApps/write",
    "Microsoft.App/jobs/write",
    "Microsoft.ContainerInstance/containerGroups/write",
    "Microsoft.Logic/workflows/write",
    "Microsoft.Resources/deploymentScripts/write",
    "Microsoft.ContainerRegistry/registries/tasks/write",
    "Microsoft.Batch/batchAccounts/pools/write",
    f"{_FACTORY}/write",
)
"""The writes that make a workload with a user-assigned identity, or give it one.
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identities-status"""
