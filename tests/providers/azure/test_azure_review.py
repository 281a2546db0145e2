"""Contradictory answers are not evidence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.azure.account import to_security_contacts
from providers.azure.client.calls import GraphCall
from providers.azure.client.client import ResourceManager
from scanner.model.evidence import Unknown

CALL = GraphCall(
    "Microsoft.ResourceGraph/Resources(x)", "Microsoft.Storage/storageAccounts/read", "resources"
)


class Canned(ResourceManager):
    """Resource Graph with prepared answers."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = [json.loads(json.dumps(answer)) for answer in answers]
        self._where = type("Where", (), {"manager": "https://localhost"})()

    def _body(self, *_: Any) -> Any:
        return self._answers.pop(0)


def pages(*answers: dict[str, Any]) -> list[Any]:
    return list(Canned(*answers).query(CALL, ["s"], lambda _: None))


ROW = {"id": "x"}


@pytest.mark.parametrize(
    "answers",
    [
        [{"totalRecords": 8, "count": 3, "data": [], "resultTruncated": "false"}],
        [{"totalRecords": 2, "count": 1, "data": [ROW], "resultTruncated": "false"}],
        [
            {"totalRecords": 3, "count": 1, "data": [ROW], "$skipToken": "t"},
            {"totalRecords": 3, "count": 1, "data": [ROW], "resultTruncated": "false"},
        ],
    ],
)
def test_fewer_rows_than_counted_end_in_unknown(answers: list[dict[str, Any]]) -> None:
    assert isinstance(pages(*answers)[-1], Unknown)


def test_rows_that_agree_with_their_counts_are_complete() -> None:
    first = {"totalRecords": 2, "count": 1, "data": [ROW], "$skipToken": "t"}
    last = {"totalRecords": 2, "count": 1, "data": [ROW], "resultTruncated": "false"}
    assert pages(first, last) == [[ROW], [ROW]]
    assert pages({"totalRecords": 0, "count": 0, "data": [], "resultTruncated": "false"}) == [[]]


def test_a_contact_enabled_by_a_string_is_unreadable() -> None:
    contact = {"properties": {"emails": "a@example.com", "isEnabled": "False"}}
    with pytest.raises(TypeError):
        to_security_contacts({}, [contact])
