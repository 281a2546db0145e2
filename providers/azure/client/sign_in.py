"""What a failed sign-in means, in one line, and what to do about it."""

from __future__ import annotations

import re

from providers.azure.client.failures import one_line

_AGAIN = "Sign in again, e.g. with `az login`."
_KNOWN = {
    "7000215": ("the client secret is wrong", "Set AZURE_CLIENT_SECRET to the secret's value, not its id."),
    "7000222": ("the client secret has expired", "Make a new secret and set AZURE_CLIENT_SECRET to it."),
    "700016": ("the tenant has no such application", "Check AZURE_CLIENT_ID and AZURE_TENANT_ID."),
    "90002": ("there is no such tenant", "Check AZURE_TENANT_ID."),
    "900023": ("there is no such tenant", "Check AZURE_TENANT_ID."),
    "700024": ("the workload identity's token has expired", "Start the job again."),
    "700082": ("the sign-in has expired", _AGAIN),
    "70043": ("the sign-in has expired", _AGAIN),
    "50173": ("the sign-in has been revoked", _AGAIN),
    "50076": ("the tenant asks for a second factor", _AGAIN),
    "50079": ("the tenant asks for a second factor", _AGAIN),
    "53003": ("Conditional Access blocks the sign-in", "Ask for an exclusion, or run from an allowed place."),
    "500011": ("the tenant does not know the Resource Manager's audience", "Check AZURE_AUTHORITY_HOST."),
}
_NETWORK = re.compile(
    r"(?i)max retries|failed to establish|connection (?:refused|aborted|reset)|timed out|timeout|"
    r"name or service|getaddrinfo|certificate verify|ssl|remote end closed"
)


NO_CREDENTIALS = "no Azure credentials were found."
"""What is told when there are none at all."""


def refusal(text: str, authority: str) -> tuple[str, str]:
    """Message and advice from the SDK's text about a failed sign-in."""
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
    told = one_line(tried[-1] if tried else (lines[0] if lines else "no reason was told"), 200)
    return f"the sign-in failed: {told}", "Check the credentials, or sign in again."
