"""Whether a listing can be complete: roles, wildcards, notActions and deny assignments."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.azure.client.completeness import EVERYONE, allows, covers, may_hide, overlap

READ = "Microsoft.Storage/storageAccounts/read"
ME = "00000000-0000-0000-0000-0000000000b1"
GROUP = "00000000-0000-0000-0000-0000000000a9"


def role(*actions: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"actions": list(actions), "notActions": list(but), "dataActions": [], "notDataActions": []}


@pytest.mark.parametrize(
    ("roles", "action", "expected"),
    [
        ([role("*")], READ, True),
        ([role("*/read")], READ, True),
        ([role("microsoft.storage/STORAGEACCOUNTS/read")], READ, True),
        ([role("Microsoft.Storage/*")], READ, True),
        ([role("Microsoft.Storage/storageAccounts/*/read")], READ, False),
        ([role("Microsoft.Storage/storageAccounts/blobServices/read")], READ, False),
        ([role("Microsoft.Storage/storageAccounts/listKeys/action")], READ, False),
        ([role("*", but=("Microsoft.Storage/*",))], READ, False),
        ([role("*", but=("*/read",))], READ, False),
        ([role("*", but=("Microsoft.KeyVault/*",))], READ, True),
        ([role("*", but=("Microsoft.Storage/*",)), role("Microsoft.KeyVault/*")], READ, False),
        (
            [role("*", but=("Microsoft.Storage/*",)), role("Microsoft.Storage/storageAccounts/read")],
            READ,
            True,
        ),
        ([], READ, False),
        ([role()], READ, False),
        ([role("*/read")], "*/read", True),
        ([role("*")], "*/read", True),
        ([role("*", but=("Microsoft.KeyVault/vaults/secrets/read",))], "*/read", False),
        ([role("*", but=("Microsoft.Authorization/*/write",))], "*/read", True),
        ([role("Microsoft.Storage/*/read")], "*/read", False),
        ([role("Microsoft.*/read")], "*/read", False),
    ],
)
def test_allows(roles: list[dict[str, Any]], action: str, expected: bool) -> None:
    assert allows(roles, action) is expected


@pytest.mark.parametrize("malformed", [[{}], [{"actions": None}], ["*"], [{"actions": [7]}]])
def test_a_malformed_answer_raises(malformed: Any) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError)):
        allows(malformed, READ)


def denial(
    *principals: tuple[str, str], actions: tuple[str, ...] = ("*",), **more: Any
) -> dict[str, dict[str, Any]]:
    permission = {"actions": list(actions), "notActions": list(more.pop("but", ()))}
    named = [{"id": one, "type": kind} for one, kind in principals]
    return {"properties": {"permissions": [permission], "principals": named, **more}}


@pytest.mark.parametrize(
    ("assignment", "hides"),
    [
        (denial((EVERYONE, "SystemDefined")), True),
        (denial((EVERYONE, "SystemDefined"), but=("*/read",)), False),
        (denial((EVERYONE, "SystemDefined"), actions=("*/write", "*/delete")), False),
        (denial((EVERYONE, "SystemDefined"), actions=("Microsoft.Storage/*",)), True),
        (denial((EVERYONE, "SystemDefined"), excludePrincipals=[{"id": ME.upper()}]), False),
        (denial((EVERYONE, "SystemDefined"), excludePrincipals=[{"id": GROUP}]), True),
        (denial((ME, "ServicePrincipal")), True),
        (denial((GROUP, "Group")), True),
        (denial((GROUP, "User")), False),
        (denial((GROUP, "ServicePrincipal"), (GROUP, "Group")), True),
    ],
)
def test_may_hide(assignment: dict[str, Any], hides: bool) -> None:
    assert bool(may_hide([assignment], READ, ME)) is hides


def test_an_unknown_caller_may_be_any_principal() -> None:
    assert may_hide([denial((GROUP, "User"))], READ, None)


TEXT = st.text(alphabet="ab/", max_size=6)
PATTERN = st.text(alphabet="ab/*", max_size=6)


def regular(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))


@given(PATTERN, TEXT)
def test_patterns_match_as_wildcards_do(pattern: str, text: str) -> None:
    expected = regular(pattern).fullmatch(text) is not None
    assert covers(pattern, text) is overlap(pattern, text) is expected


@given(PATTERN, PATTERN, TEXT)
def test_what_a_pattern_covers_it_matches(outer: str, inner: str, text: str) -> None:
    if covers(outer, inner) and regular(inner).fullmatch(text):
        assert regular(outer).fullmatch(text)


@given(PATTERN, PATTERN, TEXT)
def test_what_both_match_overlaps(one: str, other: str, text: str) -> None:
    assert overlap(one, other) is overlap(other, one)
    if regular(one).fullmatch(text) and regular(other).fullmatch(text):
        assert overlap(one, other)
