"""The permissions of the identity that scans AWS: the actions that the tables need, as an IAM policy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from providers.aws.tables import COLLECTORS, calls
from scanner.model.inventory import Wanted


def calls_for(wanted: Wanted) -> Mapping[str, str | None]:
    """Every call that collecting these facets can make in one account, with the required IAM action."""
    return {
        call.name: call.permission
        for collector in COLLECTORS
        if collector.kind.kind in wanted
        for call in calls(collector, wanted[collector.kind.kind])
    }


def permissions(wanted: Wanted) -> frozenset[str]:
    """The IAM actions that collecting these facets can require in one account."""
    return frozenset(permission for permission in calls_for(wanted).values() if permission is not None)


def document(needed: Iterable[str]) -> str:
    """An IAM policy document that allows just these actions.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """
    statement = {"Sid": "GapscanReads", "Effect": "Allow", "Action": sorted(needed), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def notes(needed: Iterable[str]) -> Sequence[str]:
    """What the policy document cannot express."""
    if any(permission.startswith("organizations:") for permission in needed):
        return [
            "AWS allows organizations:* calls only from the management account and delegated administrators; "
            "in other accounts list the facets that stay unknown in expected_unknowns."
        ]
    return []
