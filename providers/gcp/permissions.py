"""The permissions for the identity that scans Google Cloud: those that the tables need, as a custom role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from providers.gcp.account import IDENTIFY
from providers.gcp.client.calls import GcpCall
from providers.gcp.tables import COLLECTORS, EXTRA_CALLS
from scanner.model.inventory import Wanted


def calls_for(wanted: Wanted) -> Mapping[str, str | None]:
    """Every call that collecting these facets can make, with the IAM permission it needs."""
    return {call.name: call.permission for call in _calls(wanted)}


def _calls(wanted: Wanted) -> frozenset[GcpCall]:
    tables = [table.calls(wanted[table.kind.kind]) for table in COLLECTORS if table.kind.kind in wanted]
    extra = [calls for kind, calls in EXTRA_CALLS.items() if kind in wanted]
    return frozenset({IDENTIFY}).union(*tables, *extra)


def permissions(wanted: Wanted) -> frozenset[str]:
    """The IAM permissions that collecting these facets can need, also for a part of an answer alone."""
    calls = _calls(wanted)
    return frozenset({call.permission for call in calls} | {call.also for call in calls if call.also})


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
        "all of these permissions but those of Cloud Storage (storage.…), for which the custom role is meant."
    ]
