"""The permissions for the identity that scans Google Cloud: those that the tables need, as a custom role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from providers.gcp.account import IDENTIFY
from providers.gcp.tables import COLLECTORS, EXTRA_CALLS
from scanner.model.inventory import Wanted


def calls_for(wanted: Wanted) -> Mapping[str, str | None]:
    """Every call that collecting these facets can make, with the IAM permission it needs."""
    tables = (table.calls(wanted[kind]) for kind, table in COLLECTORS.items() if kind in wanted)
    extra = {call for kind, calls in EXTRA_CALLS.items() if kind in wanted for call in calls}
    return {call.name: call.permission for call in {IDENTIFY}.union(extra, *tables)}


def permissions(wanted: Wanted) -> frozenset[str]:
    """The IAM permissions that collecting these facets can need."""
    return frozenset(permission for permission in calls_for(wanted).values() if permission is not None)


def document(needed: Iterable[str]) -> str:
    """A custom role for ``gcloud iam roles create --file``.

    https://cloud.google.com/iam/docs/creating-custom-roles
    """
    lines = [
        "title: gapscan reader",
        "description: Read-only permissions for gapscan.",
        "stage: GA",
        "includedPermissions:",
        *(f"- {name}" for name in sorted(needed)),
    ]
    return "\n".join(lines)


def notes(needed: Iterable[str]) -> Sequence[str]:
    """What the document cannot express."""
    return [
        "Grant it on the organisation: inherited facts (policies, sinks, contacts) stay unknown where only "
        "the project can be read. Together, roles/cloudasset.viewer and roles/orgpolicy.policyViewer contain "
        "all of these permissions."
    ]
