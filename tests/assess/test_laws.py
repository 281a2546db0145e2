"""The laws of the table, tested over all combinations."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from dataclasses import replace

from scanner.assess.states import (
    EVIDENCE_ORDER,
    GATES,
    SEVERITIES,
    STATES,
    Claim,
    Evidence,
    gated,
    parse_fail_on,
    priority,
    standing,
    state_of,
)
from scanner.ownership.status import OWNERSHIP_STATUSES

FLAGS = (False, True)


def claims() -> Iterator[Claim]:
    for values in itertools.product(OWNERSHIP_STATUSES, FLAGS, FLAGS, ("customer", "provider"), FLAGS, FLAGS):
        yield Claim(*values)


def combinations() -> Iterator[tuple[Claim, Evidence]]:
    return itertools.product(claims(), EVIDENCE_ORDER)


def test_everything_has_one_state() -> None:
    found = {(claim, evidence): state_of(claim, evidence).state for claim, evidence in combinations()}
    assert len(found) == 4 * 2**5 * 6
    assert set(found.values()) == set(STATES), "every state is reached, and no other"


def test_covered_needs_a_pass_and_an_owner() -> None:
    for claim, evidence in combinations():
        if state_of(claim, evidence).state == "covered":
            assert evidence == "pass"
            assert claim.ownership == "owned"


def test_unknown_unassessed_and_missing_are_never_covered() -> None:
    for claim, evidence in combinations():
        if evidence in ("unknown", "unassessed", "missing"):
            assert state_of(claim, evidence).state != "covered"


def test_hiding_evidence_moves_only_to_unknown() -> None:
    for claim in claims():
        hidden = state_of(claim, "unknown").state
        if claim.party == "customer" or claim.may_become_customers:
            assert hidden == "unknown"
        else:
            # No rule looks at it, so there is nothing to hide: the same as unassessed.
            assert hidden == state_of(claim, "unassessed").state


def test_an_exception_never_hides_unknown_contested_or_misattributed() -> None:
    for claim, evidence in combinations():
        without = state_of(replace(claim, exception_in_force=False), evidence).state
        if without in ("unknown", "contested", "misattributed"):
            assert state_of(replace(claim, exception_in_force=True), evidence).state == without


def test_an_exception_only_ever_accepts() -> None:
    for claim, evidence in combinations():
        without = state_of(replace(claim, exception_in_force=False), evidence).state
        with_one = state_of(replace(claim, exception_in_force=True), evidence).state
        assert with_one in (without, "accepted")
        if with_one == "accepted":
            assert evidence in ("fail", "missing")


def test_no_change_of_ownership_turns_a_failure_into_something_fine() -> None:
    for claim in claims():
        if not claim.exception_in_force:
            assert standing(state_of(claim, "fail").state, "fail") == "gap"


def test_a_declaration_never_hides_what_the_configuration_shows() -> None:
    for claim, evidence in combinations():
        if evidence in ("fail", "unknown", "pass"):
            without = state_of(replace(claim, declared_not_applicable=False), evidence).state
            assert state_of(replace(claim, declared_not_applicable=True), evidence).state == without


def test_a_certificate_never_moves_the_boundary() -> None:
    for claim, evidence in combinations():
        one = state_of(replace(claim, certificate_in_date=True), evidence).state
        other = state_of(replace(claim, certificate_in_date=False), evidence).state
        assert one == other or (one, other) == ("inherited", "assumed")
        if claim.party == "customer":
            assert one == other


def test_a_promoted_failure_has_the_customers_state() -> None:
    for claim in claims():
        assert state_of(claim, "fail").state == state_of(replace(claim, party="customer"), "fail").state


def test_severity_and_gate_do_not_depend_on_the_owner() -> None:
    """Severity is an input, and no function here derives it from an owner."""
    assert list(inspect.signature(gated).parameters) == ["gate", "state", "evidence", "severity"]
    for state, evidence, low, high in itertools.product(STATES, EVIDENCE_ORDER, SEVERITIES, SEVERITIES):
        if SEVERITIES.index(low) <= SEVERITIES.index(high):
            for gate in GATES.values():
                assert gated(gate, state, evidence, high) or not gated(gate, state, evidence, low)


def test_priority_stays_on_the_scale_and_near_the_severity() -> None:
    for severity, state, evidence, sensitive, file in itertools.product(
        SEVERITIES, STATES, EVIDENCE_ORDER, FLAGS, FLAGS
    ):
        found = priority(severity, state, evidence, sensitive=sensitive, ownership_file=file)
        moved = SEVERITIES.index(found) - SEVERITIES.index(severity)
        assert -2 <= moved <= 2
        if not file:
            assert moved <= 0, "without an ownership file nothing rises"


def test_only_gaps_are_at_a_named_gate_and_each_gate_includes_the_one_before() -> None:
    order = ["none", "ownership", "posture", "strict"]
    for claim, evidence in combinations():
        state = state_of(claim, evidence).state
        for severity in SEVERITIES:
            at = [gated(GATES[name], state, evidence, severity) for name in order]
            assert at == sorted(at), "a stricter gate never lets through what a laxer one stops"
            if any(at):
                assert standing(state, evidence) == "gap"
            if at[2]:
                assert evidence == "fail", "below strict only what the configuration proves counts"


def test_strict_stops_every_gap() -> None:
    for claim, evidence in combinations():
        state = state_of(claim, evidence).state
        if standing(state, evidence) == "gap":
            assert gated(GATES["strict"], state, evidence, "low")


def test_the_ownership_gate_by_state_and_severity() -> None:
    parsed = parse_fail_on("unowned:medium, misattributed:medium,contested:medium")
    for claim, evidence in combinations():
        state = state_of(claim, evidence).state
        for severity in SEVERITIES:
            assert gated(parsed, state, evidence, severity) == gated(
                GATES["ownership"], state, evidence, severity
            )
