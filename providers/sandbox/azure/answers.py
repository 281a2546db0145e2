"""The answers of the simulated Resource Manager and Resource Graph, from an estate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from providers.sandbox.azure import compute, keys, network, roles
from providers.sandbox.azure.estate import SUBSCRIPTION, Estate, Json, StorageAccount, setting
from providers.sandbox.recorded import states

_SUB = r"/subscriptions/(?P<subscription>[0-9a-f-]{36})"
_ACCOUNT = (
    _SUB
    + r"/resourcegroups/analytics-prod/providers/microsoft\.storage/storageaccounts/(?P<account>[a-z0-9]+)"
)


class Operation:
    """One GET that the simulated Resource Manager supports."""

    def __init__(self, name: str, action: str, path: str, *versions: str) -> None:
        self.name = name
        self.action = action
        self.path = re.compile(path)
        self.versions = frozenset(versions)


OPERATIONS = (
    Operation(
        "Microsoft.Resources/Subscriptions_List",
        "Microsoft.Resources/subscriptions/read",
        "/subscriptions",
        "2022-12-01",
    ),
    Operation(
        "Microsoft.Resources/Subscriptions_Get",
        "Microsoft.Resources/subscriptions/read",
        _SUB,
        "2022-12-01",
    ),
    Operation(
        "Microsoft.Resources/Subscriptions_ListLocations",
        "Microsoft.Resources/subscriptions/locations/read",
        _SUB + "/locations",
        "2022-12-01",
    ),
    Operation(
        "Microsoft.Authorization/Permissions_ListForSubscription",
        "Microsoft.Authorization/permissions/read",
        _SUB + r"/providers/microsoft\.authorization/permissions",
        "2022-04-01",
    ),
    Operation(
        "Microsoft.Authorization/DenyAssignments_List",
        "Microsoft.Authorization/denyAssignments/read",
        _SUB + r"/providers/microsoft\.authorization/denyassignments",
        "2022-04-01",
    ),
    Operation(
        "Microsoft.Security/SecurityContacts_List",
        "Microsoft.Security/securityContacts/read",
        _SUB + r"/providers/microsoft\.security/securitycontacts",
        "2020-01-01-preview",
        "2023-12-01-preview",
    ),
    Operation(
        "Microsoft.Insights/SubscriptionDiagnosticSettings_List",
        "Microsoft.Insights/diagnosticSettings/read",
        _SUB + r"/providers/microsoft\.insights/diagnosticsettings",
        "2021-05-01-preview",
    ),
    Operation(
        "Microsoft.Storage/BlobServices_GetServiceProperties",
        "Microsoft.Storage/storageAccounts/blobServices/read",
        _ACCOUNT + "/blobservices/default",
        "2023-05-01",
    ),
    Operation(
        "Microsoft.Storage/BlobContainers_List",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        _ACCOUNT + "/blobservices/default/containers",
        "2023-05-01",
    ),
    Operation(
        "Microsoft.Storage/NetworkSecurityPerimeterConfigurations_List",
        "Microsoft.Storage/storageAccounts/networkSecurityPerimeterConfigurations/read",
        _ACCOUNT + "/networksecurityperimeterconfigurations",
        "2025-01-01",
    ),
    Operation(
        "Microsoft.Insights/DiagnosticSettings_List",
        "Microsoft.Insights/diagnosticSettings/read",
        _ACCOUNT + r"/blobservices/default/providers/microsoft\.insights/diagnosticsettings",
        "2021-05-01-preview",
    ),
    *(Operation(*one) for one in keys.OPERATIONS),
    *(Operation(*one) for one in roles.OPERATIONS),
    *(Operation(*one) for one in compute.OPERATIONS),
)
GRAPH = "Microsoft.ResourceGraph/Resources"
GRAPH_PATH = "/providers/microsoft.resourcegraph/resources"
_ACCOUNTS_QUERY = (
    "resources | where type =~ 'microsoft.storage/storageaccounts' and kind !~ 'FileStorage'"
    " | project id, name, subscriptionId, location, tags, properties | order by id asc"
)
_LOCATIONS_QUERY = "resources | summarize locations = make_set(location) by subscriptionId"
_ANCESTORS_QUERY = (
    "resourcecontainers | where type =~ 'microsoft.resources/subscriptions'"
    " | project id, subscriptionId, ancestors = properties.managementGroupAncestorsChain"
    " | order by id asc"
)
QUERIES = {
    _ACCOUNTS_QUERY: f"{GRAPH}(storageAccounts)",
    _LOCATIONS_QUERY: f"{GRAPH}(locations)",
    _ANCESTORS_QUERY: f"{GRAPH}(managementGroups)",
    roles.QUERY: f"{GRAPH}(identities)",
    keys.VAULTS_QUERY: f"{GRAPH}(vaults)",
    keys.HSMS_QUERY: f"{GRAPH}(managedHsms)",
    network.QUERY: f"{GRAPH}(networkSecurityGroups)",
    network.ROUTES_QUERY: f"{GRAPH}(routeTables)",
    network.ADMIN_RULES_QUERY: f"{GRAPH}(effectiveSecurityAdminRules)",
    **{query: f"{GRAPH}({name})" for name, query in compute.QUERIES.items()},
}
"""Queries that the simulated Resource Graph supports, with their operation names."""
_TYPE = re.compile(r"resources \| where type =~ '([a-z./]+)' \| project ")


def query_name(query: str) -> str:
    """The name of a query: of one above, or of one for all resources of a type that is recorded."""
    match = _TYPE.match(query)
    recorded = {name.lower(): name for name in recorded_rows()}
    found = recorded.get(f"{GRAPH}({match[1]})".lower()) if match else None
    return found or QUERIES.get(query, GRAPH)


@cache
def recorded_rows() -> Mapping[str, Sequence[Json]]:
    """The rows of the company's recorded states, by the name of the query."""
    exchanges = (exchange for state in states("azure") for exchange in state.answers)
    return {exchange.call: exchange.answer["body"]["data"] for exchange in exchanges if exchange.answer}


_OFFERED = ("eastus", "northeurope", "westeurope")


class RequestRejected(Exception):
    """A request that the simulated Resource Manager rejects, with status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Answers:
    """The answers from one estate; ``base`` is the server's address, for the next page links."""

    def __init__(self, estate: Estate, base: str) -> None:
        self._estate = estate
        self._base = base
        self._by_name: Mapping[str, Callable[[StorageAccount | None], Any]] = {
            "Subscriptions_List": lambda _: [estate.subscription()],
            "Subscriptions_Get": lambda _: estate.subscription(),
            "Subscriptions_ListLocations": lambda _: [_location(name) for name in _OFFERED],
            "Permissions_ListForSubscription": lambda _: estate.permissions,
            "DenyAssignments_List": lambda _: estate.deny_assignments,
            "SecurityContacts_List": lambda _: estate.contacts,
            "RoleAssignments_ListForSubscription": lambda _: estate.role_assignments,
            "RegistrationAssignments_List": lambda _: estate.delegations,
            "RoleEligibilityScheduleInstances_ListForScope": lambda _: estate.eligible,
            "PolicyAssignments_List": lambda _: estate.policy_assignments,
            "RoleDefinitions_List": lambda _: estate.role_definitions,
            "SubscriptionDiagnosticSettings_List": lambda _: estate.activity_log,
            "BlobServices_GetServiceProperties": lambda account: _blob_service(_required(account)),
            "BlobContainers_List": lambda account: _containers(_required(account)),
            "NetworkSecurityPerimeterConfigurations_List": lambda account: _required(account).perimeters,
            "DiagnosticSettings_List": lambda account: _blob_logs(_required(account)),
        }

    def get(self, operation: Operation, path: str, parameters: Mapping[str, str]) -> Json:
        """The answer to a GET. Raises :class:`RequestRejected`."""
        match = operation.path.fullmatch(path.lower())
        assert match is not None
        groups = match.groupdict()
        self._check_subscription(operation, groups.get("subscription"))
        if "vault" in groups:
            return self._keys(groups, path, parameters)
        if "server" in groups:
            return self._database(path, parameters)
        account = None
        if "account" in groups:
            named = [one for one in self._estate.accounts if one.name == groups["account"]]
            if not named:
                raise RequestRejected(
                    404,
                    "ResourceNotFound",
                    f"The Resource 'Microsoft.Storage/storageAccounts/{groups['account']}' under resource "
                    "group 'Analytics-Prod' was not found.",
                )
            account = named[0]
        answer = self._by_name[operation.name.split("/")[1]](account)
        return answer if isinstance(answer, dict) else self._page(answer, path, parameters)

    def _keys(self, groups: Mapping[str, str], path: str, parameters: Mapping[str, str]) -> Json:
        hsm = "/managedhsms/" in path.lower()
        stores = self._estate.managed_hsms if hsm else self._estate.vaults
        answer = keys.answer(stores, groups["vault"], groups.get("key"))
        if answer is None:
            name = groups.get("key") or groups["vault"]
            raise RequestRejected(404, "ResourceNotFound", f"The Resource '{name}' was not found.")
        return answer if isinstance(answer, dict) else self._page(answer, path, parameters)

    def _database(self, path: str, parameters: Mapping[str, str]) -> Json:
        answer = self._estate.compute.answer(path, parameters)
        if answer is None:
            raise RequestRejected(404, "ResourceNotFound", "The requested resource was not found.")
        return answer if isinstance(answer, dict) else self._page(answer, path, parameters)

    def graph(self, body: Mapping[str, Any]) -> Json:
        """The answer to a query. Raises :class:`RequestRejected`."""
        query = str(body.get("query"))
        rows = self._rows(query) if SUBSCRIPTION in body.get("subscriptions", ()) else []
        options = body.get("options") or {}
        start = int(str(options.get("$skipToken", "")).removeprefix("row-") or 0)
        size = min(int(options.get("$top", 100)), self._estate.page)
        page = rows[start : start + size]
        more = start + size < len(rows)
        answer: Json = {
            "totalRecords": len(rows),
            "count": len(page),
            "data": page,
            "facets": [],
            "resultTruncated": "true" if more else "false",
        }
        if more:
            answer["$skipToken"] = f"row-{start + size}"
        return answer

    def _rows(self, query: str) -> list[Json]:
        visible = [one for one in self._estate.accounts if one.name not in self._estate.hidden]
        if query == _ACCOUNTS_QUERY:
            return sorted(
                (
                    {
                        "id": one.id,
                        "name": one.name,
                        "subscriptionId": SUBSCRIPTION,
                        "location": one.location,
                        "tags": one.tags,
                        "properties": one.properties,
                    }
                    for one in visible
                    if one.kind != "FileStorage"
                ),
                key=lambda row: str(row["id"]),
            )
        if query == roles.QUERY:
            return self._estate.identities
        if query == _LOCATIONS_QUERY:
            names = {one.location for one in visible} | set(self._estate.other_locations)
            return [{"subscriptionId": SUBSCRIPTION, "locations": sorted(names)}]
        if query == _ANCESTORS_QUERY:
            return [
                {
                    "id": f"/subscriptions/{SUBSCRIPTION}",
                    "subscriptionId": SUBSCRIPTION,
                    "ancestors": self._estate.ancestors,
                }
            ]
        listed = {
            keys.VAULTS_QUERY: [one.row for one in self._estate.vaults],
            keys.HSMS_QUERY: [one.row for one in self._estate.managed_hsms],
            network.QUERY: self._estate.security_groups,
            network.ROUTES_QUERY: self._estate.route_tables,
            network.ADMIN_RULES_QUERY: self._estate.admin_rules,
            **{query: self._estate.compute.rows[name] for name, query in compute.QUERIES.items()},
        }
        found = listed.get(query, recorded_rows().get(query_name(query)))
        if found is not None:
            rows = [row for row in found if row["name"] not in self._estate.hidden]
            return sorted(rows, key=lambda row: str(row["id"]))
        raise RequestRejected(400, "BadRequest", "Query is invalid. Please refer to the documentation.")

    def _check_subscription(self, operation: Operation, subscription: str | None) -> None:
        if subscription in (None, SUBSCRIPTION):
            return
        if subscription in self._estate.without_role:
            raise RequestRejected(
                403,
                "AuthorizationFailed",
                f"The client does not have authorization to perform action '{operation.action}' over scope "
                f"'/subscriptions/{subscription}' or the scope is invalid.",
            )
        raise RequestRejected(
            404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found."
        )

    def _page(self, items: Sequence[Json], path: str, parameters: Mapping[str, str]) -> Json:
        start = int(parameters.get("$skipToken", "0"))
        end = start + self._estate.page
        answer: Json = {"value": list(items[start:end])}
        if end < len(items):
            answer["nextLink"] = (
                f"{self._base}{quote(path)}?api-version={parameters['api-version']}&%24skipToken={end}"
            )
        return answer


def _required(account: StorageAccount | None) -> StorageAccount:
    assert account is not None
    return account


def _location(name: str) -> Json:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": name.title(),
        "metadata": {"regionType": "Physical"},
    }


def _blob_service(account: StorageAccount) -> Json:
    if account.kind == "FileStorage":
        raise RequestRejected(400, "FeatureNotSupportedForAccount", "Blob is not supported for the account.")
    properties: Json = {
        "cors": {"corsRules": []},
        "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": True, "days": 7},
    }
    if account.versioning is not None:
        properties["isVersioningEnabled"] = account.versioning
    return {
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "id": f"{account.id}/blobServices/default",
        "name": "default",
        "type": "Microsoft.Storage/storageAccounts/blobServices",
        "properties": properties,
    }


def _containers(account: StorageAccount) -> list[Json]:
    return [
        {
            "id": f"{account.id}/blobServices/default/containers/{name}",
            "name": name,
            "type": "Microsoft.Storage/storageAccounts/blobServices/containers",
            "etag": '"0x8D8BE1D525A6958"',
            "properties": {
                "deleted": False,
                "remainingRetentionDays": 0,
                "defaultEncryptionScope": "$account-encryption-key",
                "denyEncryptionScopeOverride": False,
                "publicAccess": access,
                "leaseStatus": "Unlocked",
                "leaseState": "Available",
                "lastModifiedTime": "2024-03-04T10:00:41.0000000Z",
                "hasImmutabilityPolicy": False,
                "hasLegalHold": False,
            },
        }
        for name, access in sorted(account.containers.items())
    ]


def _blob_logs(account: StorageAccount) -> list[Json]:
    if not account.logged:
        return []
    return [setting(f"{account.id}/blobServices/default".lower(), "blobs-to-central-logs", account.logged)]
