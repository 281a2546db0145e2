"""Resources hold only the requested facets."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from scanner.model.evidence import Unknown
from scanner.model.resources.base import HEADER
from scanner.model.resources.storage import Bucket

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


def test_every_header_field_is_always_known() -> None:
    for name in HEADER:
        unknown = Unknown.because("denied", "c", None, "m")
        with pytest.raises(ValidationError):
            Bucket.observe(frozenset(), {**HEAD, name: unknown})
