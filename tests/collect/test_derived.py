"""Derived facets are unknown if the facets that decide them are."""

from __future__ import annotations

import pytest

from scanner.collect.derived import derive, gives, needed, wants
from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource
from scanner.model.resources.kinds import KINDS
from tests.estate import ACCOUNT, DENIED, EVERYTHING, MemoryCloud, account, bucket, inventory_of, other

LOGS = "arn:aws:s3:::audit-logs"
WORKSPACE = "/subscriptions/x/resourcegroups/g/providers/microsoft.operationalinsights/workspaces/w"


def trail(*resources: Resource, destinations: Observed[tuple[str, ...]] = (LOGS,)) -> AuditTrail:
    """The trail after a scan of it and these resources."""
    raw = other(AuditTrail, destinations=destinations)
    inventory = inventory_of(MemoryCloud((account(), raw, *resources)))
    (found,) = [one for one in inventory.resources if isinstance(one, AuditTrail)]
    assert found.collected() == AuditTrail.facets()
    return found


@pytest.mark.parametrize(
    ("facets", "public", "protected"),
    [
        ({}, False, True),
        ({"versioning": False}, False, False),
        ({"public_write": True}, True, False),
        ({"public_read": True, "public_write": DENIED}, True, False),
        ({"public_read": DENIED}, DENIED, DENIED),
        ({"versioning": DENIED}, False, DENIED),
        ({"versioning": False, "public_read": DENIED}, DENIED, False),
    ],
)  # fmt: skip
def test_the_storage_of_a_trail(
    facets: dict[str, Observed[bool]], public: Observed[bool], protected: Observed[bool]
) -> None:
    found = trail(bucket("audit-logs", **facets))
    assert found.storage_public == public
    assert found.storage_protected == protected


def test_a_bucket_of_another_account_is_unknown() -> None:
    found = trail(bucket("something-else"))
    assert isinstance(found.storage_public, Unknown)
    assert isinstance(found.storage_protected, Unknown)
    assert "scan its account too" in found.storage_public.causes[0].message


def test_a_trail_without_a_destination_bucket() -> None:
    found = trail(destinations=(WORKSPACE,))
    assert found.storage_public is None
    assert found.storage_protected is None


def test_unknown_destinations_make_derived_facets_unknown() -> None:
    found = trail(bucket("audit-logs"), destinations=DENIED)
    assert found.storage_public == DENIED
    assert found.storage_protected == DENIED


def test_one_public_bucket_decides_even_if_the_other_is_unknown() -> None:
    found = trail(
        bucket("audit-logs", public_read=True), destinations=(LOGS, "arn:aws:s3:::in-another-account")
    )
    assert found.storage_public is True
    assert found.storage_protected is False


def test_the_facets_that_a_derived_facet_needs_are_collected() -> None:
    wanted = needed({"audit_trail": frozenset({"storage_protected", "tags"})})
    assert wanted["audit_trail"] >= {"destinations", "storage_protected"}
    assert wanted["bucket"] >= {"versioning", "public_read", "public_write"}
    assert needed({"bucket": frozenset({"versioning"})}) == {"bucket": frozenset({"versioning"})}


def test_every_derived_facet_has_a_derivation() -> None:
    marked = {(kind, name) for kind, model in KINDS.items() for name in model.derived}
    found = trail(bucket("audit-logs"))
    assert marked == {("audit_trail", "storage_public"), ("audit_trail", "storage_protected")}
    assert all(name in found.collected() for _, name in marked)
    assert EVERYTHING["audit_trail"] == AuditTrail.facets()


THERE = "444455556666"


def elsewhere(name: str, **facets: Observed[bool]) -> Resource:
    return bucket(name, **facets).model_copy(update={"scope": THERE})


def test_scopes_exchange_only_the_buckets_that_trails_name() -> None:
    named = (LOGS, "arn:aws:s3:::of-nobody", WORKSPACE)
    hidden = other(AuditTrail, destinations=DENIED).model_copy(update={"id": "hidden"})
    raw = (other(AuditTrail, destinations=named), hidden)
    whole = inventory_of(
        MemoryCloud((account(), *raw, bucket("own"), elsewhere("audit-logs"), elsewhere("more")))
    )
    here, there = whole.within([("aws", ACCOUNT)]), whole.within([("aws", THERE)])
    names = wants(here, EVERYTHING)
    assert names == {LOGS, "arn:aws:s3:::of-nobody"}
    assert wants(there, EVERYTHING) == wants(whole, {"bucket": frozenset()}) == frozenset()
    assert wants(whole, EVERYTHING) == {"arn:aws:s3:::of-nobody"}
    given = gives(there, EVERYTHING, names)
    assert [one.id for one in given] == [LOGS]
    assert gives(here, EVERYTHING, names) == gives(there, EVERYTHING, ()) == ()
    assert gives(there, {"bucket": frozenset()}, names) == ()
    alone, together = derive(here, EVERYTHING), derive(here, EVERYTHING, given)
    assert tuple(together.resources) == tuple(derive(whole, EVERYTHING).within([("aws", ACCOUNT)]).resources)
    assert tuple(alone.resources) != tuple(together.resources)
    assert together.numbers == here.numbers


def test_own_buckets_come_before_given_ones() -> None:
    here = inventory_of(MemoryCloud((account(), other(AuditTrail), bucket("audit-logs", public_read=True))))
    given = (bucket("audit-logs"), bucket("unnamed"))
    (found,) = derive(here, EVERYTHING, given).of("audit_trail")
    assert isinstance(found, AuditTrail)
    assert found.storage_public is True


def test_derived_resources_can_be_iterated_again_and_in_parts() -> None:
    here = inventory_of(MemoryCloud((account(), other(AuditTrail), bucket("audit-logs"))))
    derived = derive(here, EVERYTHING)
    assert derived == here
    assert list(derived.resources) == list(derived.resources)
    assert [one.kind for one in derived.of("audit_trail", "bucket")] == ["audit_trail", "bucket"]
    assert [one.id for one in derived.selectable.named("bucket", frozenset({LOGS}))] == [LOGS]
