"""Connecting: the identity, the reached subscriptions, and the messages when none is reached."""

from __future__ import annotations

import socket

import pytest

from providers.azure.scopes import connect
from providers.sandbox.azure.estate import CLIENT, OTHER_SUBSCRIPTION, SUBSCRIPTION
from providers.sandbox.azure.server import AzureSandbox
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from tests.providers.azure.azure_scan import LIMITS

QUICK = Limits(connect_seconds=1, read_seconds=1, attempts=1)


def unreachable(request: ConnectionRequest | None = None, limits: Limits = LIMITS) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        connect(request or ConnectionRequest("azure"), limits)
    error = caught.value
    assert error.provider == "azure"
    assert error.advice
    assert "\n" not in error.message + error.advice
    return error


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_all_subscriptions_that_the_identity_can_access(azure: AzureSandbox) -> None:
    provider = connect(ConnectionRequest("azure", expected=False), LIMITS)
    (target,) = provider.targets
    assert (target.scope, target.identity, target.expected) == (SUBSCRIPTION, CLIENT, False)
    assert provider.name == "azure"


def test_no_credentials(azure: AzureSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name)
    # Keeps the chain from querying the instance metadata service.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    error = unreachable()
    assert "no Azure credentials" in error.message
    assert "az login" in error.advice


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("AZURE_CLIENT_SECRET", "another", "client secret is wrong"),
        ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-0000000000ff", "no such application"),
        ("AZURE_TENANT_ID", "00000000-0000-0000-0000-0000000000fe", "no such tenant"),
    ],
)
def test_wrong_credentials(
    azure: AzureSandbox, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    error = unreachable()
    assert expected in error.message
    assert value not in error.message or variable != "AZURE_CLIENT_SECRET"


def test_blocked_by_conditional_access(azure: AzureSandbox) -> None:
    azure.fault = lambda operation: "denied_by_organisation" if "Token" in operation else None
    assert "Conditional Access" in unreachable().message


@pytest.mark.parametrize("fault", ["throttled", "failing", "malformed", "reset"])
def test_a_sign_in_service_that_fails(azure: AzureSandbox, fault: str) -> None:
    azure.fault = lambda operation: fault if operation.startswith("Microsoft.Entra/") else None  # type: ignore[assignment,return-value]
    unreachable(limits=QUICK)


def test_a_sign_in_service_that_hangs(azure: AzureSandbox) -> None:
    azure.fault = lambda operation: "hang" if operation.startswith("Microsoft.Entra/") else None
    assert "sign-in host" in unreachable(limits=QUICK).message


def test_an_unreachable_sign_in_host(azure: AzureSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://127.0.0.1:{closed_port()}")
    assert "sign-in host" in unreachable(limits=QUICK).message


def test_an_unreachable_resource_manager(azure: AzureSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_RESOURCE_MANAGER_URL", f"https://127.0.0.1:{closed_port()}")
    assert "could not be listed" in unreachable(limits=QUICK).message


@pytest.mark.parametrize("fault", ["hang", "reset", "malformed", "denied", "failing"])
def test_subscriptions_that_cannot_be_listed(azure: AzureSandbox, fault: str) -> None:
    azure.fault = lambda operation: fault if "Subscriptions_List" in operation else None  # type: ignore[assignment,return-value]
    assert "could not be listed" in unreachable(limits=QUICK).message


@pytest.mark.parametrize("variable", ["AZURE_AUTHORITY_HOST", "AZURE_RESOURCE_MANAGER_URL"])
@pytest.mark.parametrize("value", ["http://127.0.0.1:1", "https://management.example.com/path", "ftp://x"])
def test_only_https_addresses(
    azure: AzureSandbox, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert variable in unreachable().message


@pytest.mark.parametrize(
    "request_", [ConnectionRequest("azure", profile="prod"), ConnectionRequest("azure", role="arn:x")]
)
def test_profiles_and_roles_are_refused(azure: AzureSandbox, request_: ConnectionRequest) -> None:
    assert "no profiles" in unreachable(request_).message


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (OTHER_SUBSCRIPTION, "AuthorizationFailed"),
        ("0c0c0c0c-1111-4222-8333-444455556666", "SubscriptionNotFound"),
        ("analytics-prod", "not a subscription ID"),
        ("../providers/x", "not a subscription ID"),
    ],
)
def test_a_subscription_that_cannot_be_read(azure: AzureSandbox, scope: str, expected: str) -> None:
    error = unreachable(ConnectionRequest("azure", scopes=(scope,)))
    assert error.scope == scope
    assert expected in error.advice


def test_several_subscriptions_that_cannot_be_read(azure: AzureSandbox) -> None:
    error = unreachable(ConnectionRequest("azure", scopes=(OTHER_SUBSCRIPTION, "analytics-prod")))
    assert "none of the 2" in error.message


def test_an_answer_about_another_subscription_is_rejected(
    azure: AzureSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**azure.estate.subscription(), "subscriptionId": OTHER_SUBSCRIPTION}
    monkeypatch.setattr(azure.estate, "subscription", lambda: other)
    assert "unexpected format" in unreachable(ConnectionRequest("azure", scopes=(SUBSCRIPTION,))).advice


def test_a_location_that_azure_does_not_offer(azure: AzureSandbox) -> None:
    error = unreachable(ConnectionRequest("azure", regions=("westeurope", "westeurop")))
    assert "westeurop " in error.message
    assert "westeurope" not in error.message


def test_locations_that_cannot_be_checked(azure: AzureSandbox) -> None:
    azure.fault = lambda operation: "denied" if "ListLocations" in operation else None
    assert "could not be checked" in unreachable(ConnectionRequest("azure", regions=("westeurope",))).message
