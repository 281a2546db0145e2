"""One law for every table of every cloud, whatever its calls answer. It tests a new table as it is.

- A facet that does not read a call stays exactly as it was. One that reads it stays, or becomes unknown: for
  a refused call with that call, the reason and the permission; for a malformed answer with an error.
- Every listed resource stays, or leaves a blind spot. Of half a list the first page stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import combinations
from typing import Any

import pytest

from providers.aws.client.client import AwsChain
from providers.azure import scopes as azure
from providers.azure.client.calls import Digest, GraphCall, MembersCall
from providers.azure.client.client import COMPLETENESS_CALLS
from providers.azure.client.nested import Nested
from providers.gcp import account as gcp
from providers.gcp.tables import ADDITIONS
from scanner.collect.table import Facet, Table
from scanner.model.evidence import Cause, Unknown
from scanner.model.resources.base import HEADER, Resource
from tests.providers.all_clouds.conftest import WANTED
from tests.providers.all_clouds.replayed_tables import (
    FAILURES,
    FIRST_PAGE,
    FIRST_PAGE_THEN_DENIED,
    MALFORMED,
    TABLES,
    Others,
    Replay,
    ReplayedCloud,
)

CASES = [(name, table) for name, tables in TABLES.items() for table in tables]
KINDS = [(name, kind) for name, wanted in WANTED.items() for kind in wanted]
TWO_WAYS = (("denied", "throttled"), ("first entry empty", "denied_by_organisation"), ("error", "text"))
"""How the calls of a pair answer: the pairs take turns."""
OTHERWISE_CALLED = {
    "aws": set[str](),
    "azure": {call.name for call in azure.OTHER_CALLS},
    "gcp": {gcp.IDENTIFY.name},
}
"""Calls of connecting, and those about listings by Resource Graph, which not every kind of Azure has."""
SETTLED = {
    # The account's multi-region trail records no management events, whatever its status.
    ("cloudtrail:GetTrailStatus", "account", "audit_trails"),
    # The text of the public bucket's policy proves it open; S3's verdict could only contradict it.
    ("s3:GetBucketPolicyStatus", "bucket", "public_read"),
    ("s3:GetBucketPolicyStatus", "bucket", "public_write"),
    ("s3:GetBucketPolicyStatus", "bucket", "public_via"),
    # The public access list allows reading; the policy of its bucket allows writing.
    ("s3:GetBucketOwnershipControls", "bucket", "public_write"),
    # The group with a prefix list allows one port, whatever addresses the list contains.
    ("ec2:GetManagedPrefixListEntries", "firewall", "everything_open"),
    # Identity Center is managed from the management account, which it is.
    ("organizations:ListDelegatedAdministrators", "user", "administrator"),
    # A policy for all users, except one group, requires MFA; the one against legacy sign-in is not enabled.
    ("Microsoft.Graph/policies/identitySecurityDefaultsEnforcementPolicy", "tenant", "administrators_mfa"),
    ("Microsoft.Graph/policies/identitySecurityDefaultsEnforcementPolicy", "tenant", "everyone_mfa"),
    ("Microsoft.Graph/roleManagement/directory/roleAssignments", "tenant", "everyone_mfa"),
    ("Microsoft.Graph/roleManagement/directory/roleAssignments", "tenant", "legacy_sign_in_blocked"),
    ("Microsoft.Graph/roleManagement/directory/roleAssignments", "user", "mfa"),
    ("Microsoft.Graph/groups/transitiveMembers", "tenant", "legacy_sign_in_blocked"),
    # What is required of groups that may activate roles matters to administrators only, and no group may.
    ("Microsoft.Graph/roleManagement/directory/roleEligibilityScheduleInstances", "tenant", "administrators"),
    ("Microsoft.Graph/roleManagement/directory/roleEligibilityScheduleInstances", "tenant", "everyone_mfa"),
    (
        "Microsoft.Graph/roleManagement/directory/roleEligibilityScheduleInstances",
        "tenant",
        "legacy_sign_in_blocked",
    ),
    ("Microsoft.Graph/roleManagement/directory/roleEligibilityScheduleInstances", "user", "mfa"),
    # Each vault is listed with its access policies: those of others matter to no key of its own.
    ("Microsoft.Authorization/DenyAssignments_List", "key", "open_to_others"),
    ("Microsoft.Authorization/Permissions_ListForSubscription", "key", "open_to_others"),
    ("Microsoft.ResourceGraph/Resources(vaults)", "key", "open_to_others"),
    # No workload of the company has a role that grants rights, whatever identities its resources and policies
    # have.
    *(
        (operation, kind, facet)
        for kind, facet in (("role", "grants_rights"), ("user", "administrator"))
        for operation in (
            "Microsoft.Authorization/DenyAssignments_List",
            "Microsoft.Authorization/Permissions_ListForSubscription",
            "Microsoft.Graph/servicePrincipals",
            "Microsoft.ResourceGraph/Resources(identities)",
            "Microsoft.Authorization/PolicyAssignments_List",
        )
    ),
    # The policy excludes no more users than it may, even if all of them are enabled.
    ("Microsoft.Graph/users", "tenant", "administrators_mfa"),
    ("Microsoft.Graph/users", "tenant", "everyone_mfa"),
    ("Microsoft.Graph/users", "tenant", "legacy_sign_in_blocked"),
    # No custom role is anyone's.
    *(
        (f"cloudasset:ListAssets(iam.Role{level})", kind, facet)
        for level in ("", " organization")
        for kind, facets in (
            ("bucket", ("public_read", "public_write", "public_via")),
            ("queue", ("public",)),
            ("snapshot", ("public",)),
        )
        for facet in facets
    ),
    # The policy of the only bucket that needs it allows anyone to write.
    ("storage:buckets.get", "bucket", "public_write"),
    # The project's custom role has members of the company only.
    ("cloudasset:ListAssets(iam.Role)", "key", "open_to_others"),
    # No other project's service accounts may use a key.
    ("cloudasset:ListAssets(cloudresourcemanager.Project organization)", "key", "open_to_others"),
}
"""Operation, kind and facet, where other answers of the sample company settle every resource's facet."""
LISTED_OTHERWISE = {
    "iam:GenerateCredentialReport",
    "iam:GetCredentialReport",
}
"""The details list all users; and somebody else may have generated the report."""
REASONS = {"missing": "error", FIRST_PAGE_THEN_DENIED: "denied"}
"""The reason that a replacement has, if not its own name or, for a malformed answer, ``error``."""


def operations(call: Any) -> frozenset[str]:
    """The operations that an answer depends on."""
    if isinstance(call, AwsChain):
        return frozenset(part.name for part in call.parts)
    if isinstance(call, Digest):
        return operations(call.call)
    if isinstance(call, MembersCall):
        return operations(call.call).union(*map(operations, call.of))
    if isinstance(call, GraphCall):
        # Without these, rows may be missing.
        return frozenset({call.name, *(one.name for one in COMPLETENESS_CALLS)})
    return frozenset({call.name})


class Law:
    """The law of one kind on one cloud."""

    def __init__(self, cloud: str, kind: str) -> None:
        self._cloud = cloud
        self._kind = kind
        self.wanted = {kind: WANTED[cloud][kind]}
        grants = import_module(f"providers.{cloud}.permissions")
        self.permissions: Mapping[str, str | None] = grants.calls_for(self.wanted)
        """By operation."""
        self.tables = [table for table in TABLES[cloud] if table.kind.kind == kind]
        # What is not about an item decides what there is to list: regions, sinks above a project.
        of_items = (self._asked(facet) for table in self.tables for facet in self._facets(table))
        first = {one.calls[0].name for one in ADDITIONS.get(kind, ())} if cloud == "gcp" else set()
        self._deciding = frozenset(self.permissions).difference(*of_items) | first

    def tested_with(self, table: Table[Any]) -> frozenset[str]:
        """The operations of a table that no table of the kind before it has."""
        before = self.tables[: self.tables.index(table)]
        return self._all(table).difference(*map(self._all, before))

    def _all(self, table: Table[Any]) -> frozenset[str]:
        return self.listing(table).union(*map(self._asked, self._facets(table)))

    def _facets(self, table: Table[Any]) -> Iterator[Facet[Any]]:
        yield from table.facets.values()
        if table.enrich is not None:
            yield table.enrich

    def lists(self, table: Table[Any]) -> frozenset[str]:
        """The operations that list the resources of a table, or where to list them."""
        found = self._deciding | (operations(table.list) if table.list is not None else frozenset())
        return found | operations(table.parents) if isinstance(table, Nested) else found

    def listing(self, table: Table[Any]) -> frozenset[str]:
        """The operations that decide which resources of a table there are."""
        return self.lists(table) | (self._asked(table.enrich) if table.enrich is not None else frozenset())

    def reads(self, table: Table[Any], name: str) -> frozenset[str]:
        """The operations that a facet depends on: those that return the item, and those about it."""
        return self.listing(table) | self._asked(table.facets[name])

    def _asked(self, facet: Facet[Any]) -> frozenset[str]:
        calls = {read.call for read in facet.reads if read.call is not None}
        return frozenset().union(*map(operations, calls))

    def violations(self, clean: Replay, now: Replay, others: Others) -> list[str]:
        """What in a replay is not as the law says: each names cloud, kind, calls, resource and facet."""
        replaced = " and ".join(f"{operation}: {how}" for operation, how in others.items())
        return [
            f"{self._cloud}, {self._kind}, {replaced}: {problem}"
            for problem in self._problems(clean, now, others)
        ]

    def hidden(self, now: Replay, operation: str, half: bool) -> Iterator[str]:
        """What is wrong with the facets that are unknown without an operation, or with half of its answer.

        Each facet that reads it is unknown for some resource, except where other answers settle it for all.
        """
        facts: dict[str, list[Any]] = defaultdict(list)
        for resource in now.inventory.resources:
            for name, facet in now.tables[resource.id].facets.items():
                if operation in self._asked(facet):
                    facts[name].append(getattr(resource, name))
        for name, found in facts.items():
            causes = {cause.call for fact in found if isinstance(fact, Unknown) for cause in fact.causes}
            settled = (operation, self._kind, name) in SETTLED
            if half and settled:
                continue
            if (operation in causes) == settled:
                where = "somewhere" if settled else "nowhere"
                yield f"{self._cloud}, {self._kind}: {name} is {where} unknown without {operation}"

    def _problems(self, clean: Replay, now: Replay, others: Others) -> Iterator[str]:
        before, after = by_id(clean), by_id(now)
        spots = set(now.inventory.blind_spots) - set(clean.inventory.blind_spots)
        for spot in spots:
            if not self._explains(spot.cause, now, others):
                yield f"a blind spot for another reason: {spot.cause}"
        for id, resource in before.items():
            table = clean.tables[id]
            if id in after:
                yield from self._changes(table, resource, after[id], now, others)
            elif not self.listing(table) & others.keys():
                yield f"{id} vanished, though nothing that lists it is replaced"
            elif not any(spot.region in (None, resource.region) for spot in spots):
                yield f"{id} vanished without a blind spot"
            elif now.inventory.complete(resource.provider, resource.scope, resource.kind):
                yield f"{id} vanished from a complete inventory"
        for id, resource in after.items():
            causes = [cause for unknown in resource.unknowns().values() for cause in unknown.causes]
            if id not in before and not any(self._explains(cause, now, others) for cause in causes):
                yield f"{id} appeared, with nothing unknown"
        refused = now.refused - (LISTED_OTHERWISE if before.keys() <= after.keys() else frozenset())
        for table in self.tables:
            places = {
                (one.scope, one.region) for one in clean.inventory.listed or () if one.table == table.name
            }
            blind = {(spot.scope, spot.region) for spot in spots}
            if refused & self.lists(table):
                for scope, region in sorted(places, key=str):
                    if not blind & {(scope, None), (scope, region)}:
                        yield f"{table.name} is refused without a blind spot in {region or scope}"

    def _changes(
        self, table: Table[Any], before: Resource, after: Resource, now: Replay, others: Others
    ) -> Iterator[str]:
        if self._header(before) != self._header(after):
            yield f"{before.id}: {self._header(before)} became {self._header(after)}"
        if before.name != after.name and not self.listing(table) & others.keys():
            yield f"{before.name} became {after.name}"
        for name in sorted(before.collected()):
            was, is_now = getattr(before, name), getattr(after, name)
            if was == is_now:
                continue
            change = f"{before.name}, {name}: {was} became {is_now}"
            if not self.reads(table, name) & others.keys():
                yield f"{change}, which does not read it"
            elif isinstance(is_now, Unknown):
                known = was.causes if isinstance(was, Unknown) else ()
                new = [cause for cause in is_now.causes if cause not in known]
                # What the cloud never shows may stand beside the replaced call, but not alone.
                asked = [cause for cause in new if cause.reason != "unsupported"] or new
                if not all(self._explains(cause, now, others) for cause in asked):
                    yield f"{change}, for another reason"
            else:
                yield change

    def _header(self, resource: Resource) -> tuple[Any, ...]:
        return tuple(getattr(resource, name) for name in HEADER if name != "name")

    def _explains(self, cause: Cause, now: Replay, others: Others) -> bool:
        """Whether a replaced call is the cause."""
        if cause.call in now.unrecorded:
            return True
        for operation, how in others.items():
            if how in MALFORMED:
                if cause.reason == "error":
                    return True
            elif cause.call == operation:
                reason = REASONS.get(how, how)
                permission = self.permissions[operation] if reason == "denied" else None
                if (cause.reason, cause.permission) == (reason, permission):
                    return True
                # Some small lists are not paged: a second page is an error.
                if how == FIRST_PAGE_THEN_DENIED and cause.reason == "error":
                    return True
        return False


def by_id(replay: Replay) -> dict[str, Resource]:
    return {resource.id: resource for resource in replay.inventory.resources}


@pytest.fixture
def replayed(recorded: Callable[[str], ReplayedCloud], cloud_name: str) -> Iterator[ReplayedCloud]:
    """The cloud's answers, while its SDK is answered from them."""
    cloud = recorded(cloud_name)
    with cloud.installed():
        yield cloud


tables = pytest.mark.parametrize(
    ("cloud_name", "table"), CASES, ids=[f"{name}-{table.kind.kind}-{table.name}" for name, table in CASES]
)
kinds = pytest.mark.parametrize(("cloud_name", "kind"), KINDS, ids=[f"{name}-{kind}" for name, kind in KINDS])


@tables
def test_whatever_one_call_answers(replayed: ReplayedCloud, cloud_name: str, table: Table[Any]) -> None:
    law = Law(cloud_name, table.kind.kind)
    clean = replayed.collect(law.wanted)
    found = []
    for operation in sorted(law.tested_with(table) & clean.operations):
        for how in (*FAILURES, *MALFORMED, FIRST_PAGE_THEN_DENIED):
            if not replayed.changes(operation, how):
                continue
            others = {operation: how}
            now = replayed.collect(law.wanted, others)
            found += law.violations(clean, now, others)
            if operation in now.refused:
                found += law.hidden(now, operation, how == FIRST_PAGE_THEN_DENIED)
            if how == FIRST_PAGE_THEN_DENIED and operation in law.lists(table):
                ended = replayed.collect(law.wanted, {operation: FIRST_PAGE})
                lost = by_id(ended).keys() - by_id(now).keys()
                found += [f"{cloud_name}, {operation}: {id} of the first page is lost" for id in sorted(lost)]
    assert not found, "\n".join(found)


@kinds
def test_whatever_two_calls_answer(replayed: ReplayedCloud, cloud_name: str, kind: str) -> None:
    law = Law(cloud_name, kind)
    clean = replayed.collect(law.wanted)
    found = []
    for number, pair in enumerate(combinations(sorted(clean.operations), 2)):
        others = dict(zip(pair, TWO_WAYS[number % len(TWO_WAYS)], strict=True))
        found += law.violations(clean, replayed.collect(law.wanted, others), others)
    assert not found, "\n".join(found)


@kinds
def test_the_recording_has_every_call_and_table(replayed: ReplayedCloud, cloud_name: str, kind: str) -> None:
    """Or the law would say nothing about them."""
    law = Law(cloud_name, kind)
    clean = replayed.collect(law.wanted)
    assert not clean.unrecorded
    assert law.permissions.keys() - clean.operations <= OTHERWISE_CALLED[cloud_name]
    assert clean.operations <= law.permissions.keys()
    assert {table.name for table in clean.tables.values()} == {table.name for table in law.tables}
    assert not {spot for spot in clean.inventory.blind_spots if spot.cause.reason != "disabled"}
