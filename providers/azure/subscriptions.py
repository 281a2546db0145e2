"""The subscriptions that a scan is of: those of the request, else all that the identity can access; and the
locations of the request, which must be there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from providers.azure.client.calls import ArmCall
from providers.azure.client.client import ResourceManager
from providers.azure.client.token_identity import TokenIdentity
from scanner.collect.answers import Replay
from scanner.collect.provider import ConnectionRequest, Unreachable
from scanner.model.evidence import Observed, Unknown
from scanner.model.inventory import Target

Row = Mapping[str, Any]

SUBSCRIPTIONS = ArmCall(
    name="Microsoft.Resources/Subscriptions_List",
    permission="Microsoft.Resources/subscriptions/read",
    path="/subscriptions",
    version="2022-12-01",
    paged=True,
)
SUBSCRIPTION = ArmCall(
    name="Microsoft.Resources/Subscriptions_Get",
    permission="Microsoft.Resources/subscriptions/read",
    path="/subscriptions/{subscription}",
    version="2022-12-01",
)
OFFERED_LOCATIONS = ArmCall(
    name="Microsoft.Resources/Subscriptions_ListLocations",
    permission="Microsoft.Resources/subscriptions/locations/read",
    path="/subscriptions/{subscription}/locations",
    version="2022-12-01",
    paged=True,
)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_READER = "Grant the identity the Reader role on the subscription, and check its ID and tenant."


def subscription_id(subscription: Row) -> str:
    """Its ID, in lower case."""
    return str(subscription["subscriptionId"]).lower()


def tenant_of(subscription: Row) -> str:
    """The tenant that it belongs to."""
    return str(subscription["tenantId"]).lower()


def _uncounted(operation: str) -> None:
    """Requests while connecting are not counted: there is no collection yet."""


def subscriptions(
    request: ConnectionRequest, manager: ResourceManager, identity: TokenIdentity
) -> tuple[list[Row], tuple[Target, ...]]:
    """Those that were found, as ``Subscriptions_Get`` returns them, and those of the request that were not.

    Raises :class:`~scanner.collect.provider.Unreachable` if they cannot be listed.
    """
    if request.scopes:
        return _named_subscriptions(request.scopes, request, manager, identity)
    listed = manager.get(SUBSCRIPTIONS, "", "", _uncounted)
    if isinstance(listed, Unknown) and request.replay is not None:
        recorded = _recorded_subscriptions(request.replay, identity)
        if recorded:
            return _named_subscriptions(recorded, request, manager, identity)
    every = (
        listed
        if isinstance(listed, Unknown)
        else manager.read(SUBSCRIPTIONS, lambda rows: [_checked(row, None) for row in rows], listed)
    )
    if isinstance(every, Unknown):
        cause = every.causes[0]
        raise Unreachable(
            "azure",
            f"the subscriptions could not be listed: {cause.message}.",
            "Check the network, AZURE_RESOURCE_MANAGER_URL and the identity's role.",
        )
    return sorted(every, key=subscription_id), ()


def _recorded_subscriptions(replay: Replay, identity: TokenIdentity) -> Sequence[str]:
    """The subscriptions of a recording that was made with named ones, and so has no list of them."""
    if replay.exchanges("azure", SUBSCRIPTIONS.name):
        return ()
    tenant = (identity.tenant or "").lower()
    return [scope for scope in replay.scopes("azure") if _GUID.fullmatch(scope) and scope != tenant]


def _named_subscriptions(
    scopes: Sequence[str], request: ConnectionRequest, manager: ResourceManager, identity: TokenIdentity
) -> tuple[list[Row], tuple[Target, ...]]:
    found: dict[str, Row] = {}
    unreached: list[Target] = []

    def add_unreached(scope: str, message: str) -> None:
        unreached.append(Target("azure", scope, identity.name, request.expected, False, message))

    for scope in dict.fromkeys(scope.lower() for scope in scopes):
        if not _GUID.fullmatch(scope):
            add_unreached(scope, "This is not a subscription ID. `az account list` shows the IDs.")
            continue
        answer = manager.get(SUBSCRIPTION, scope, "", _uncounted)
        one = answer if isinstance(answer, Unknown) else manager.read(SUBSCRIPTION, _checked, answer, scope)
        if isinstance(one, Unknown):
            add_unreached(scope, f"{one.causes[0].message} {_READER}")
        else:
            found[scope] = one
    return list(found.values()), tuple(unreached)


def _checked(row: Row, scope: str | None) -> Row:
    """The subscription, validated for the header. Raises if it is another one or incomplete."""
    identifier = subscription_id(row)
    if not _GUID.fullmatch(identifier) or (scope is not None and identifier != scope):
        raise ValueError("subscriptionId")
    if not isinstance(row["displayName"], str):
        raise TypeError("displayName")
    if not _GUID.fullmatch(tenant_of(row)):
        raise ValueError("tenantId")
    return row


def raise_unreachable(unreached: Sequence[Target]) -> NoReturn:
    """Raises :class:`~scanner.collect.provider.Unreachable`: no subscription was found."""
    if len(unreached) == 1:
        only = unreached[0]
        raise Unreachable(
            "azure", f"subscription {only.scope} cannot be read.", only.message or "", scope=only.scope
        )
    if unreached:
        first = unreached[0]
        raise Unreachable(
            "azure",
            f"none of the {len(unreached)} subscriptions can be read.",
            f"The first, {first.scope}: {first.message}",
        )
    raise Unreachable(
        "azure",
        "the identity has access to no subscription.",
        "Grant it the Reader role on a subscription or management group.",
    )


def requested_locations(
    request: ConnectionRequest, manager: ResourceManager, found: Sequence[Row]
) -> frozenset[str]:
    """The requested locations. Raises if one is not available in any subscription."""
    requested = frozenset(name.lower().replace(" ", "") for name in request.regions)
    if not requested:
        return requested
    offered: set[str] = set()
    for one in found:
        answer = manager.get(OFFERED_LOCATIONS, subscription_id(one), "", _uncounted)
        names: Observed[set[str]] = (
            answer
            if isinstance(answer, Unknown)
            else manager.read(
                OFFERED_LOCATIONS, lambda rows: {str(row["name"]).lower() for row in rows}, answer
            )
        )
        if isinstance(names, Unknown):
            # A misspelt name would match no resources, which would look like a pass.
            raise Unreachable(
                "azure",
                f"the locations could not be checked: {names.causes[0].message}.",
                "Grant the identity the Reader role, or do not name locations.",
            )
        offered |= names
    unknown = sorted(requested - offered)
    if unknown:
        raise Unreachable(
            "azure",
            f"Azure offers no location {', '.join(unknown)} in these subscriptions.",
            "`az account list-locations` shows the names.",
        )
    return requested
