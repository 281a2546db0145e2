"""Resources hold only the requested facets, and survive a round trip to disk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scanner.model.evidence import Cause, Unknown
from scanner.model.resources.base import HEADER
from scanner.model.resources.storage import Bucket, Encryption

HEAD: dict[str, Any] = {
    "provider": "aws",
    "partition": "aws",
    "scope": "111122223333",
    "region": "eu-west-1",
    "id": "arn:aws:s3:::pay-receipts",
    "name": "pay-receipts",
    "type": "aws.s3.bucket",
    "tags": {"owner": "payments"},
}
unknowns = st.builds(
    lambda reason, call, message: Unknown(
        causes=(Cause(reason=reason, call=call, permission=None, message=message),)
    ),
    st.sampled_from(["denied", "throttled", "error", "unsupported", "denied_by_organisation"]),
    st.text(max_size=5),
    st.text(max_size=5),
)
FACETS: dict[str, st.SearchStrategy[Any]] = {
    "public_read": st.booleans(),
    "public_via": st.lists(st.text(max_size=5), max_size=3).map(tuple),
    "encryption": st.none()
    | st.builds(Encryption, key=st.sampled_from(["provider", "customer"]), key_id=st.none()),
    "versioning": st.booleans(),
    "tags": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
}


def test_a_missing_facet_is_an_error_not_a_default() -> None:
    with pytest.raises(ValidationError, match="encryption"):
        Bucket.observe(frozenset({"encryption", "versioning"}), {**HEAD, "versioning": True})
    assert all(field.is_required() for field in Bucket.model_fields.values())


def test_facets_that_were_not_collected_cannot_be_read() -> None:
    bucket = Bucket.observe(frozenset({"versioning"}), {**HEAD, "versioning": True})
    assert bucket.collected() == {"versioning", "tags"}
    with pytest.raises(AttributeError):
        _ = bucket.encryption


@pytest.mark.parametrize("value", ["true", 1, None, "yes"])
def test_values_are_not_coerced(value: object) -> None:
    with pytest.raises(ValidationError):
        Bucket.observe(frozenset({"versioning"}), {**HEAD, "versioning": value})


@given(st.data())
def test_a_record_preserves_known_and_unknown_facets(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(FACETS)))) | {"tags"}
    values = {name: data.draw(FACETS[name] | unknowns, label=name) for name in sorted(names)}
    bucket = Bucket.observe(frozenset(names), {**HEAD, **values})
    record = json.loads(json.dumps(bucket.to_record()))
    unknown = {name for name, value in values.items() if isinstance(value, Unknown)}
    assert set(record["unknown"]) == unknown
    assert not unknown & set(record)
    back = Bucket.from_record(record)
    assert back == bucket
    assert back.collected() == names


def test_a_record_with_a_duplicate_facet_or_of_another_kind_is_rejected() -> None:
    bucket = Bucket.observe(frozenset({"versioning"}), {**HEAD, "versioning": True})
    record = bucket.to_record()
    causes = [{"reason": "denied", "call": "c", "permission": None, "message": "m"}]
    with pytest.raises(ValueError, match="both known and unknown: versioning"):
        Bucket.from_record({**record, "unknown": {"versioning": causes}})
    with pytest.raises(ValueError, match="kind"):
        Bucket.from_record({**record, "kind": "region"})
    with pytest.raises(ValidationError):
        Bucket.from_record({**record, "versioning": "yes"})


def test_every_header_field_is_always_known() -> None:
    for name in HEADER:
        unknown = Unknown.because("denied", "c", None, "m")
        with pytest.raises(ValidationError):
            Bucket.observe(frozenset(), {**HEAD, name: unknown})
