"""Message and advice for a failed sign-in."""

from __future__ import annotations

import re

from providers.azure.client.failures import one_line

_AGAIN = "Sign in again, e.g. with `az login`."
_KNOWN = {
    "7000215": ("the client secret is wrong", "Set AZURE_CLIENT_SECRET to the secret's value, not its ID."),
    "7000222": ("the client secret has expired", "Create a new secret and set AZURE_CLIENT_SECRET to it."),
    "700016": ("the tenant has no such application", "Check AZURE_CLIENT_ID and AZURE_TENANT_ID."),
    "90002": ("there is no such tenant", "Check AZURE_TENANT_ID."),
    "900023": ("there is no such tenant", "Check AZURE_TENANT_ID."),
    "700024": ("the workload identity's token has expired", "Rerun the job."),
    "700082": ("the sign-in has expired", _AGAIN),
    "70043": ("the sign-in has expired", _AGAIN),
    "50173": ("the sign-in has been revoked", _AGAIN),
    "50076": ("the tenant requires multifactor authentication", _AGAIN),
    "50079": ("the tenant requires multifactor authentication", _AGAIN),
    "53003": (
        "Conditional Access blocks the sign-in",
        "Request an exclusion, or run from an allowed location.",
    ),
    "500011": ("the tenant does not recognise the Resource Manager audience", "Check AZURE_AUTHORITY_HOST."),
}
_NETWORK = re.compile(
    r"(?i)max retries|failed to establish|connection (?:refused|aborted|reset)|timed out|timeout|"
    r"name or service|getaddrinfo|certificate verify|ssl|remote end closed"
)

NO_CREDENTIALS = "no Azure credentials were found."
"""The message if there are no credentials at all."""


def refusal(text: str, authority: str) -> tuple[str, str]:
    """Message and advice from the SDK's error text."""
    code = re.search(r"AADSTS([0-9]{4,8})", text)
    if code:
        message, advice = _KNOWN.get(
            code.group(1), ("Entra ID refused the sign-in", "Check the credentials, or sign in again.")
        )
        return f"{message} (AADSTS{code.group(1)}).", advice
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    tried = [line for line in lines if re.match(r"\w+Credential: ", line)]
    if tried and all("unavailable" in line or "not found" in line.lower() for line in tried[:1]):
        return (
            NO_CREDENTIALS,
            "Run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.",
        )
    if "unable to get authority configuration" in text.lower():
        return (
            f"there is no such tenant at {authority}.",
            "Check AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.",
        )
    if _NETWORK.search(text):
        return (
            f"the sign-in host {authority} could not be reached.",
            "Check the network, the proxy and AZURE_AUTHORITY_HOST.",
        )
    reason = one_line(tried[-1] if tried else (lines[0] if lines else "no reason was given"), 200)
    return f"the sign-in failed: {reason}", "Check the credentials, or sign in again."
