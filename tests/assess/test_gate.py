"""Priority, the named gates, and gates given as STATE:SEVERITY."""

from __future__ import annotations

import pytest

from scanner.assess.states import GATES, gated, parse_fail_on, priority


@pytest.mark.parametrize(
    ("severity", "state", "evidence", "sensitive", "file", "expected"),
    [
        ("medium", "unowned", "fail", False, True, "high"),
        ("medium", "unowned", "missing", False, True, "medium"),
        ("medium", "misattributed", "fail", False, True, "high"),
        ("medium", "misattributed", "pass", False, True, "medium"),
        ("medium", "contested", "fail", False, True, "medium"),
        ("medium", "failing", "fail", False, True, "medium"),
        ("medium", "failing", "fail", True, True, "high"),
        ("low", "unowned", "fail", True, True, "high"),
        ("critical", "unowned", "fail", True, True, "critical"),
        ("high", "unattested", "missing", False, True, "medium"),
        ("high", "unclaimed", "pass", False, True, "low"),
        ("low", "unclaimed", "pass", False, True, "low"),
        ("critical", "unclaimed", "pass", True, True, "high"),
        ("medium", "unowned", "fail", True, False, "medium"),
        ("high", "unclaimed", "pass", False, False, "low"),
    ],
)
def test_priority(severity, state, evidence, sensitive, file, expected) -> None:
    assert priority(severity, state, evidence, sensitive=sensitive, ownership_file=file) == expected


@pytest.mark.parametrize(
    ("state", "evidence", "severity", "gates"),
    [
        ("unowned", "fail", "medium", {"ownership", "posture", "strict"}),
        ("unowned", "fail", "low", {"strict"}),
        ("unowned", "missing", "critical", {"strict"}),
        ("misattributed", "fail", "medium", {"ownership", "posture", "strict"}),
        ("misattributed", "pass", "critical", set()),
        ("contested", "fail", "critical", {"ownership", "posture", "strict"}),
        ("contested", "missing", "critical", {"strict"}),
        ("failing", "fail", "high", {"posture", "strict"}),
        ("failing", "fail", "medium", {"strict"}),
        ("unattested", "missing", "low", {"strict"}),
        ("unknown", "unknown", "critical", set()),
        ("unclaimed", "unassessed", "critical", set()),
        ("accepted", "fail", "critical", set()),
        ("covered", "pass", "critical", set()),
    ],
)
def test_named_gates(state, evidence, severity, gates) -> None:
    assert {name for name, gate in GATES.items() if gated(gate, state, evidence, severity)} == gates


def test_a_gate_by_state_and_severity() -> None:
    gate = parse_fail_on("unowned:high,failing:critical,unattested:medium")
    assert gated(gate, "unowned", "fail", "high")
    assert not gated(gate, "unowned", "fail", "medium")
    assert not gated(gate, "unowned", "missing", "critical"), "only what the configuration proves"
    assert gated(gate, "failing", "fail", "critical")
    assert not gated(gate, "failing", "fail", "high")
    assert gated(gate, "unattested", "missing", "medium")
    assert not gated(gate, "contested", "fail", "critical")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unownd:high", "no state 'unownd'; did you mean unowned?"),
        ("unowned:hgh", "no severity 'hgh'; did you mean high?"),
        ("unowned", "expected STATE:SEVERITY, such as unowned:high, not 'unowned'"),
        ("", "expected STATE:SEVERITY"),
        ("unowned:high,", "expected STATE:SEVERITY"),
        ("covered:low", "covered is fine, so nothing can fail on it"),
        ("unowned:high,accepted:low", "accepted is fine"),
    ],
)
def test_invalid_gates_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_fail_on(text)
    assert message in str(caught.value)
