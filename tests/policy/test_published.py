"""Published policies: each is judged right, and hardly any is doubtful."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.policy import judged

CASES = yaml.load((Path(__file__).parent / "published.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
JUDGES: dict[str, Callable[[Any], judged.Verdict]] = {
    "bucket": judged.bucket,
    "key": judged.key,
    "role": judged.role,
}
POLICIES = [
    pytest.param(kind, case, id=f"{kind}-{case['name']}".replace(" ", "-"))
    for kind in CASES
    for case in CASES[kind]
]
MOST_DOUBTFUL = 0.05


@pytest.mark.parametrize(("kind", "case"), POLICIES)
def test_a_published_policy_is_judged_right(kind: str, case: dict[str, Any]) -> None:
    expected = "doubtful" if case.get("doubtful") else ("open" if case.get("open") else "closed")
    assert JUDGES[kind]({"Version": "2012-10-17", "Statement": case["policy"]}) == expected


def test_hardly_any_published_policy_is_doubtful() -> None:
    doubtful = [case for cases in CASES.values() for case in cases if case.get("doubtful")]
    assert len(doubtful) <= MOST_DOUBTFUL * len(POLICIES)
