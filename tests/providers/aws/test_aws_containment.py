"""A failure of one call stays in that call, and is blamed on the call that failed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from providers.aws.account import path
from providers.aws.client import client as aws_client
from providers.aws.client.session import AwsClients
from providers.aws.compute import LIST_FUNCTIONS
from providers.aws.scopes import connect
from scanner.collect.answer_files import Exchange, State
from scanner.collect.answers import Replay
from scanner.collect.provider import ConnectionRequest
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.run.scan import CollectionRequest, collect
from tests.providers.aws.aws_scan import EVERYTHING

ACCOUNT = "111122223333"
REGIONS = {"Regions": [{"RegionName": "eu-west-1", "OptInStatus": "opt-in-not-required"}]}
FUNCTION = {
    "FunctionName": "f",
    "FunctionArn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f",
    "Runtime": "python3.13",
    "PackageType": "Zip",
}
ANSWERS: dict[str, Any] = {
    "ec2:DescribeRegions": REGIONS,
    "lambda:ListFunctions": {"Functions": [FUNCTION]},
    "lambda:ListTags": {"Tags": {"owner": "data"}},
    "lambda:GetRuntimeManagementConfig": {"UpdateRuntimeOn": "Auto"},
}


def scan(kinds: str, answers: Mapping[str, Any], regions: tuple[str, ...] = ()) -> Inventory:
    """A scan of an account that answers so; other calls have no answer."""
    identity = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/auditor", "UserId": "AIDA"}
    exchanges = (
        Exchange("sts:GetCallerIdentity", {"region": "eu-west-1"}, identity, None),
        *(Exchange(call, {}, answer, None) for call, answer in {**ANSWERS, **answers}.items()),
    )
    replay = Replay([State("aws", "shared", "an account", ACCOUNT, exchanges)])
    connection = ConnectionRequest("aws", replay=replay, regions=regions)
    wanted = {kind: EVERYTHING[kind] for kind in kinds.split()}
    return collect(CollectionRequest(connections=(connection,), wanted=wanted), {"aws": connect}).inventory


def spots(inventory: Inventory) -> set[tuple[str, str | None, str]]:
    return {(spot.kind, spot.region, spot.cause.call) for spot in inventory.blind_spots}


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), SyntaxError("XML")])
def test_an_error_while_a_client_is_made_costs_its_calls(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    created = AwsClients._create

    def failing(self: AwsClients, service: str, *more: Any, **keys: Any) -> Any:
        if service == "eks":
            raise error
        return created(self, service, *more, **keys)

    monkeypatch.setattr(AwsClients, "_create", failing)
    inventory = scan("function container_cluster", {})
    assert [each.name for each in inventory.resources] == ["f"]
    assert spots(inventory) == {("container_cluster", "eu-west-1", "eks:ListClusters")}


def test_a_missing_field_of_an_entry_is_the_fault_of_its_listing() -> None:
    group = {"GroupId": "sg-1", "GroupName": "g", "OwnerId": ACCOUNT, "IpPermissionsEgress": []}
    inventory = scan(
        "firewall",
        {
            "ec2:DescribeSecurityGroups": {"SecurityGroups": [group]},
            "ec2:DescribeNetworkInterfaces": {"NetworkInterfaces": []},
        },
    )
    (found,) = inventory.resources
    calls = {facet: unknown.causes[0].call for facet, unknown in found.unknowns().items()}
    assert set(calls.values()) == {"ec2:DescribeSecurityGroups"}
    assert calls.keys() >= {"open_to_world", "admin_ports_open", "everything_open"}


def test_a_bucket_without_a_name_is_the_fault_of_its_listing() -> None:
    inventory = scan("bucket", {"s3:ListBuckets": {"Buckets": [{"BucketRegion": "eu-west-1"}]}})
    assert spots(inventory) == {("bucket", None, "s3:ListBuckets")}


def test_a_listing_without_end_is_a_blind_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = itertools.count()
    monkeypatch.setattr(aws_client, "MOST_PAGES", 3)

    def endless(self: Any, call: Any, item: Any) -> Any:
        return ({"Functions": [{**FUNCTION, "FunctionName": f"f{n}"}], "NextMarker": n} for n in tokens)

    monkeypatch.setattr(aws_client.AwsCaller, "_paginate", endless)
    inventory = scan("function", {})
    assert spots(inventory) == {("function", "eu-west-1", LIST_FUNCTIONS.name)}
    assert next(tokens) == 3


def test_organisational_units_without_end_are_unknown() -> None:
    class Circle:
        def answer(self, call: Any, item: Any) -> Any:
            if call.operation == "ListParents":
                return {"Parents": [{"Id": "ou-1", "Type": "ORGANIZATIONAL_UNIT"}]}
            return {"OrganizationalUnit": {"Name": "a"}}

    assert isinstance(path(Circle(), {"account": ACCOUNT}), Unknown)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("regions", "listed", "blind"),
    [
        (("eu-west-1",), REGIONS, set[str]()),
        (("eu-central-1",), REGIONS, {"eu-central-1"}),
        (("eu-central-1", "eu-west-1"), REGIONS, {"eu-central-1"}),
        ((), {"Regions": []}, {"eu-west-1"}),
    ],
)
def test_a_region_that_is_not_listed_is_a_blind_spot(
    regions: tuple[str, ...], listed: Any, blind: set[str]
) -> None:
    inventory = scan("function region", {"ec2:DescribeRegions": listed}, regions)
    call = "ec2:DescribeRegions"
    assert spots(inventory) == {(kind, region, call) for region in blind for kind in ("function", "region")}
    assert inventory.complete("aws", ACCOUNT, "function") == (not blind)


def test_a_region_of_another_partition_is_refused() -> None:
    inventory = scan("function", {}, ("cn-north-1",))
    (target,) = inventory.targets
    assert not target.reached
    assert "cn-north-1" in str(target.message)
