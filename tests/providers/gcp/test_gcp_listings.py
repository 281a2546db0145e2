"""Listings that do not end, entries that cannot be read, and regions that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pytest

from providers.gcp.client import client as client_module
from providers.gcp.client.calls import GcpCall, Item, Project
from providers.gcp.client.client import Client
from providers.gcp.policies.policies import PROJECT
from scanner.collect.provider import ConnectionRequest, Limits
from scanner.model.evidence import Unknown
from scanner.run.regions import refuse_absent_regions

HERE = Project("batch-prod", "1", "Batch", {}, (), None)
CALL = GcpCall("ListAssets", (PROJECT,), project=HERE)
ASSET = {"name": "//a", "resource": {"data": {"x": 1}}}


class _Pages:
    """An SDK client that answers each request with one asset and the next of the tokens."""

    def __init__(self, tokens: Iterator[str], asset: Any = ASSET) -> None:
        self.tokens = tokens
        self.asset = asset
        self.requests = 0

    def list_assets(self, **_: Any) -> Any:
        self.requests += 1
        return self

    @property
    def pages(self) -> Iterator[Any]:
        from google.cloud import asset_v1
        from google.protobuf.json_format import ParseDict

        body = {"assets": [self.asset], "nextPageToken": next(self.tokens)}
        response = ParseDict(body, asset_v1.ListAssetsResponse.pb()())
        return iter([asset_v1.ListAssetsResponse.wrap(response)])


def outcome(pages: _Pages) -> Any:
    return Client(pages, None, Limits(attempts=1)).answer(CALL, Item(HERE))


def test_tokens_that_go_round_in_a_circle_end_the_listing() -> None:
    pages = _Pages(cycle(["a", "b", "c"]))
    found = outcome(pages)
    assert isinstance(found, Unknown)
    assert "the page token repeats" in found.causes[0].message
    assert pages.requests == 4


def test_a_listing_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGES", 5)
    pages = _Pages(str(number) for number in range(1, 100))
    found = outcome(pages)
    assert isinstance(found, Unknown)
    assert "does not end" in found.causes[0].message
    assert pages.requests == 5


def test_a_listing_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_SECONDS", -1)
    found = outcome(_Pages(str(number) for number in range(1, 100)))
    assert isinstance(found, Unknown)


@pytest.mark.parametrize("asset", [{"resource": {"data": {}}}, {"name": "//a"}])
def test_half_an_asset_makes_a_look_up_unknown(asset: Any) -> None:
    found = outcome(_Pages(iter([""]), asset))
    assert isinstance(found, Unknown)


@pytest.mark.parametrize("region", ["europe-wst1", "europe-west1-b", "eu", "eu-west-1"])
def test_a_region_that_does_not_exist_is_a_blind_spot(scan: Callable[..., Any], region: str) -> None:
    inventory = scan(ConnectionRequest("gcp", regions=(region, "europe-west1"))).inventory
    spots = {(spot.kind, spot.region) for spot in inventory.blind_spots}
    assert spots == {(kind, region) for kind in inventory.collected}
    assert not inventory.complete("gcp", "batch-prod", "virtual_machine")


def test_a_region_without_resources_is_there(scan: Callable[..., Any]) -> None:
    inventory = scan(ConnectionRequest("gcp", regions=("europe-west3",))).inventory
    assert refuse_absent_regions(inventory) == inventory
    assert [target.reached for target in inventory.targets] == [True]
