"""What is read of a stored resource is what was stored, and anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.base import HEADER, Resource
from scanner.model.resources.kinds import KINDS, resource_of
from scanner.model.resources.storage import Bucket
from scanner.model.stored import header_of
from tests.estate import DENIED, GOOD, account, bucket, other, region
from tests.model.stored_resources import resources

ESTATE: tuple[Resource, ...] = (account(), region(), bucket("receipts"), *map(other, GOOD))
CAUSES = [{"reason": "denied", "call": "c", "permission": None, "message": "m"}]


def stored(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def test_the_estate_has_every_kind() -> None:
    assert {one.kind for one in ESTATE} == set(KINDS)


@settings(max_examples=400)
@given(resources())
def test_what_is_read_is_what_was_stored(resource: Resource) -> None:
    back = resource_of(resource.to_json())
    assert back == resource
    assert type(back) is type(resource)
    assert back.collected() == resource.collected()
    assert back.unknowns() == resource.unknowns()
    assert list(vars(back)) == list(vars(resource)), "the order of facets"
    assert back.to_json() == resource.to_json()
    assert back.model_copy(update={"name": "n"}).name == "n"


@given(resources())
def test_a_known_facet_and_an_unknown_one_are_apart(resource: Resource) -> None:
    record = json.loads(resource.to_json())
    assert stored(record) == resource.to_json(), "what the standard library writes"
    assert record == resource.to_record()
    assert set(record["unknown"]) == set(resource.unknowns())
    known = set(record) - set(record["unknown"]) - set(HEADER) - {"kind", "unknown"}
    assert known | set(record["unknown"]) == resource.collected()


@given(resources())
def test_the_header_is_read_without_the_rest(resource: Resource) -> None:
    header = header_of(resource.to_json())
    for name in ("kind", "provider", "scope", "type"):
        assert getattr(header, name) == getattr(resource, name)


def mutations(record: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every way in which one part of a valid record can be wrong."""
    facets = sorted(set(record) - set(HEADER) - {"kind", "unknown"})
    for name in ("kind", "unknown", "tags", *HEADER):
        yield f"without {name}", {key: value for key, value in record.items() if key != name}
    for name in (*HEADER, *facets):
        yield f"{name} is both", {**record, "unknown": {name: CAUSES}}
        yield f"{name} is a cause", {**record, name: {"causes": CAUSES}}
        for value in (1.5, {"x": 1}, [[1]]):
            yield f"{name} is {value}", {**record, name: value}
    for name in HEADER:
        hidden = {key: value for key, value in record.items() if key != name}
        yield f"{name} is unknown", {**hidden, "unknown": {name: CAUSES}}
    yield "another kind", {**record, "kind": "region" if record["kind"] != "region" else "bucket"}
    yield "no kind", {**record, "kind": "bouquet"}
    yield "a key more", {**record, "colour": "red"}
    yield "an unknown more", {**record, "unknown": {"colour": CAUSES}}
    for name in facets:
        hidden = {key: value for key, value in record.items() if key != name}
        for causes in ([], None, {}, "denied", CAUSES[0], [{**CAUSES[0], "reason": "mood"}], [{"call": "c"}]):
            yield f"{name} is unknown by {causes}", {**hidden, "unknown": {name: causes}}
    unknown: Any
    for unknown in (None, [], "x", {"tags": {"causes": CAUSES}}):
        yield f"unknown is {unknown}", {**record, "unknown": unknown}
    yield "a list", [record]


@pytest.mark.parametrize("resource", ESTATE, ids=lambda one: one.kind)
def test_every_mutation_is_refused(resource: Resource) -> None:
    record = resource.to_record()
    assert resource_of(stored(record)) == resource
    for what, wrong in mutations(record):
        with pytest.raises(ValueError):
            pytest.fail(f"{what}: {resource_of(stored(wrong))}")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + b"}",
        lambda text: text + b" {}",
        lambda text: b" " + text,
        lambda text: text.replace(b'"eu-west-1"', b'"eu-west-\xff"'),
        lambda text: text.replace(b'"eu-west-1"', b'"eu-west-\\ud800"'),
        lambda text: text.replace(b'"eu-west-1"', b"NaN"),
        lambda text: text.replace(b'"tls_only":true', b'"tls_only":' + b"[" * 20_000),
        lambda text: text.replace(b'"tls_only":true', b'"tls_only":"true"'),
        lambda text: text.replace(b'"tls_only":true', b'"tls_only":1'),
        lambda text: b"",
    ],
)
def test_bytes_that_are_not_a_resource_are_refused(change: Callable[[bytes], bytes]) -> None:
    text = bucket("b").to_json()
    assert change(text) != text
    with pytest.raises(ValueError):
        resource_of(change(text))


def test_the_last_of_two_equal_keys_counts_for_the_header_and_for_the_resource() -> None:
    text = bucket("b").to_json()
    twice = text.replace(b'"region"', b'"scope":"999988887777","region"', 1)
    assert resource_of(twice).scope == header_of(twice).scope == "999988887777"
    other_kind = text.replace(b'"region"', b'"kind":"region","region"', 1)
    for read in (resource_of, header_of):
        with pytest.raises(ValueError):
            read(other_kind)


def test_a_facet_that_is_always_known_cannot_be_unknown() -> None:
    class Certain(Resource):
        kind = "certain"
        sure: bool

    head = {name: getattr(bucket("b"), name) for name in HEADER}
    whole = {"kind": "certain", **head, "tags": {}, "sure": True, "unknown": {}}
    assert Certain.from_json(stored(whole)).sure
    del whole["sure"]
    with pytest.raises(ValueError, match="cannot be unknown: sure"):
        Certain.from_json(stored({**whole, "unknown": {"sure": CAUSES}}))


@pytest.mark.parametrize("tags", [DENIED, {"owner": "payments"}])
def test_tags_are_known_or_unknown(tags: Observed[dict[str, str]]) -> None:
    found = resource_of(bucket("b", tags=tags).to_json())
    assert found.tags == tags
    record = bucket("b", tags=tags).to_record()
    record.pop("tags", None)
    with pytest.raises(ValueError, match="neither known nor unknown: tags"):
        Bucket.from_json(stored({**record, "unknown": {}}))


def test_what_is_wrong_is_named() -> None:
    record = bucket("b").to_record()
    with pytest.raises(ValueError, match="both known and unknown: versioning"):
        Bucket.from_json(stored({**record, "unknown": {"versioning": CAUSES}}))
    with pytest.raises(ValidationError, match="kind"):
        Bucket.from_json(stored({**record, "kind": "region"}))
    with pytest.raises(ValidationError, match="versioning"):
        Bucket.from_json(stored({**record, "versioning": "yes"}))
    with pytest.raises(ValueError, match="unknown kind bouquet"):
        resource_of(stored({**record, "kind": "bouquet"}))
    assert isinstance(resource_of(stored(bucket("b", versioning=DENIED).to_record())).versioning, Unknown)  # type: ignore[attr-defined]
