"""Resolution: inactive teams, claims, contracts, tags, catch-alls, exceptions, time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scanner.ownership.resolve.resolver import Resolver
from tests.ownership.build import CONTROL, DENIED, NOW, catalogue, file_of, resolver, target

BUCKET = target()
DATA = {"controls": "data", "accountable": "product"}
PATCHING = "compute.os-patching"


def at(day: str, time: str = "12:00:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{time}+00:00")


def codes(answers: Resolver) -> list[str]:
    return [defect.code for defect in answers.defects()]


def misattributions(answers: Resolver) -> list[tuple[str, ...]]:
    return sorted(defect.controls for defect in answers.defects() if defect.code == "misattributed")


# No file, no line


def test_without_a_file_nothing_has_an_owner() -> None:
    answers = Resolver(None, catalogue(), NOW)
    for control in catalogue().controls:
        assert answers.resolve(control, target(tags={"owner": "product"})).status == "nobody"
    assert not answers.certificate("plat.physical-security", "aws")
    assert answers.attestation("log.reviewed", BUCKET) is None
    assert not answers.sensitive(BUCKET)
    assert answers.defects() == ()


# Teams


@pytest.mark.parametrize("team", ["gone", "produkt"])
def test_a_line_with_an_inactive_team_assigns_no_owner_and_is_reported_once(team: str) -> None:
    answers = resolver({"controls": ["data", "log"], "accountable": team})
    found = answers.resolve(CONTROL, BUCKET)
    assert (found.status, found.owner, found.flags) == ("nobody", None, {"lapsed"})
    (defect,) = answers.defects()
    assert defect.code == "lapsed"
    assert CONTROL in defect.controls
    assert "log.reviewed" in defect.controls


def test_a_lapsed_line_still_takes_precedence() -> None:
    """Neither a broader line nor a tag silently takes over from a line for this resource."""
    answers = resolver({"controls": CONTROL, "accountable": "gone"}, DATA)
    assert answers.resolve(CONTROL, target(tags={"owner": "product"})).status == "nobody"


def test_a_lapsed_line_does_not_contest() -> None:
    found = resolver({"controls": "data", "accountable": "gone"}, DATA).resolve(CONTROL, BUCKET)
    assert (found.status, found.owner, found.flags) == ("owned", "product", {"lapsed"})


def test_a_team_is_active_until_the_end_of_its_last_day() -> None:
    line = {"controls": "data", "accountable": "gone"}
    assert resolver(line, now=at("2026-06-30", "23:59:59")).resolve(CONTROL, BUCKET).owner == "gone"
    assert resolver(line, now=at("2026-07-01", "00:00:00")).resolve(CONTROL, BUCKET).status == "nobody"


def test_time_zones_do_not_matter() -> None:
    line = {"controls": "data", "accountable": "gone"}
    late = datetime.fromisoformat("2026-06-30T23:00:00-05:00")
    assert resolver(line, now=late).resolve(CONTROL, BUCKET).status == "nobody"


# Claims and contracts

CONTRACTS = {
    "soc2": {"party": "aws", "type": "certificate", "covers": ["plat", "data"], "expires": "2027-05-31"},
    "gcp-soc2": {"party": "gcp", "type": "certificate", "covers": ["plat"], "expires": "2026-09-30"},
    "msp": {"party": "acme", "type": "managed_service", "covers": [PATCHING], "expires": "2027-05-31"},
    "old": {"party": "acme", "type": "managed_service", "covers": [PATCHING], "expires": "2026-10-31"},
}


@pytest.mark.parametrize("selector", [CONTROL, "data.*"])
def test_assigning_the_customers_work_to_the_provider_is_misattributed(selector: str) -> None:
    line = {"controls": selector, "accountable": "product", "claim": "provider", "contract": "soc2"}
    answers = resolver(line, contracts=CONTRACTS)
    assert answers.resolve(CONTROL, BUCKET).status == "misattributed"
    assert misattributions(answers) == [(CONTROL,)]


def test_a_misattribution_is_reported_once_per_control_and_line() -> None:
    answers = resolver({"controls": "data.*", "claim": "provider"})
    for name in ("one", "two", "three"):
        answers.resolve(CONTROL, target(resource_id=f"arn:aws:s3:::{name}", region=name))
        answers.resolve("data.retention-deletion", target(region=name))
    assert misattributions(answers) == [(CONTROL,), ("data.retention-deletion",)]


def test_the_providers_work_may_be_assigned_to_it() -> None:
    line = {"controls": "plat.*", "accountable": "product", "claim": "provider", "contract": "soc2"}
    answers = resolver(line, contracts=CONTRACTS)
    found = answers.resolve("plat.physical-security", BUCKET, "provider")
    assert (found.status, found.owner) == ("owned", "product")
    assert misattributions(answers) == []
    assert answers.resolve("plat.physical-security", BUCKET, "customer").status == "misattributed"


def test_a_domain_line_does_not_claim_the_providers_work() -> None:
    line = {"controls": "data", "accountable": "product", "claim": "provider"}
    assert resolver(line).resolve(CONTROL, BUCKET).status == "owned"


@pytest.mark.parametrize(
    ("control", "contract", "status", "in_force", "flags"),
    [
        (PATCHING, "msp", "owned", "msp", set()),
        (PATCHING, "old", "owned", None, {"contract_expired"}),
        (PATCHING, ["old", "msp"], "owned", "msp", set()),
        ("compute.os-hardening", "msp", "misattributed", None, set()),
        (PATCHING, "soc2", "misattributed", None, set()),
        (CONTROL, "soc2", "misattributed", None, set()),
    ],
)
def test_a_contract_in_force_moves_what_it_covers(
    control: str, contract: Any, status: str, in_force: str | None, flags: set[str]
) -> None:
    line = {"controls": control, "accountable": "product", "claim": "third_party", "contract": contract}
    found = resolver(line, contracts=CONTRACTS).resolve(control, BUCKET)
    assert (found.status, found.owner, found.contract, found.flags) == (status, "product", in_force, flags)


def test_a_contract_ends_at_midnight_and_leaves_the_team_accountable() -> None:
    line = {"controls": PATCHING, "accountable": "product", "claim": "third_party", "contract": "old"}
    before = resolver(line, contracts=CONTRACTS, now=at("2026-10-31", "23:59:59"), reviewed="2026-10-01")
    after = resolver(line, contracts=CONTRACTS, now=at("2026-11-01", "00:00:00"), reviewed="2026-10-01")
    assert before.resolve(PATCHING, BUCKET).contract == "old"
    assert before.resolve(PATCHING, BUCKET).flags == set()
    assert after.resolve(PATCHING, BUCKET).owner == "product"
    assert after.resolve(PATCHING, BUCKET).flags == {"contract_expired"}
    assert [defect.code for defect in before.defects()].count("contract_expired") == 1, "gcp-soc2 alone"
    assert [defect.code for defect in after.defects()].count("contract_expired") == 2


def test_a_certificate_in_force_counts_for_its_own_provider() -> None:
    answers = resolver(DATA, contracts=CONTRACTS)
    assert answers.certificate("plat.physical-security", "aws")
    assert not answers.certificate("plat.physical-security", "gcp"), "expired"
    assert not answers.certificate("plat.physical-security", "azure")
    assert not answers.certificate(PATCHING, "acme"), "a managed service is not a certificate"
    ended = resolver(DATA, contracts=CONTRACTS, now=at("2027-06-01"))
    assert not ended.certificate("plat.physical-security", "aws")


# Tags


@pytest.mark.parametrize(
    ("tags", "account_tags", "status", "owner", "flags"),
    [
        ({}, {}, "nobody", None, set()),
        ({"owner": "product"}, {}, "owned", "product", set()),
        ({"Owner": " Web-Team "}, {}, "owned", "product", set()),
        ({"team": "web"}, {}, "owned", "product", set()),
        ({"app:owner": "payments"}, {}, "owned", "payments", set()),
        ({"owner": "payments", "team": "web"}, {}, "owned", "payments", set()),
        ({"owner": "", "team": "web"}, {}, "owned", "product", set()),
        ({"owner": "alice"}, {}, "nobody", None, {"unknown_team"}),
        ({"owner": "alice", "team": "web"}, {"owner": "payments"}, "nobody", None, {"unknown_team"}),
        ({"owner": "gone"}, {}, "nobody", None, {"unknown_team"}),
        ({}, {"owner": "payments"}, "owned", "payments", set()),
        ({}, {"team": "payments"}, "nobody", None, set()),
        ({"owner": "web"}, {"owner": "payments"}, "owned", "product", set()),
        (DENIED, {"owner": "payments"}, "nobody", None, {"owner_uncertain"}),
        ({}, DENIED, "nobody", None, {"owner_uncertain"}),
        ({"owner": "web"}, DENIED, "owned", "product", set()),
        ({"owner": "web", "OWNER": "payments"}, {}, "nobody", None, {"owner_uncertain"}),
    ],
    ids=str,
)
def test_tags_name_owners_where_no_line_does(
    tags: Any, account_tags: Any, status: str, owner: str | None, flags: set[str]
) -> None:
    place = target(tags=tags, account_tags=account_tags)
    found = resolver({"controls": "log", "accountable": "platform"}).resolve(CONTROL, place)
    assert (found.status, found.owner, found.flags) == (status, owner, flags)


def test_the_source_of_a_tag_is_named_and_cannot_forge_a_line() -> None:
    found = resolver().resolve(CONTROL, target(tags={"owner": "web"}))
    assert (found.source, found.specificity) == ("tag owner=web on the bucket", "inferred")
    found = resolver().resolve(CONTROL, target(account_tags={"owner": "web"}))
    assert found.source == "tag owner=web on the account"
    hostile = resolver().resolve(CONTROL, target(tags={"owner": "\x1b[2J\n" + "x" * 5000}))
    assert hostile.source is not None
    assert hostile.source.isprintable()
    assert len(hostile.source) < 150


def test_tags_count_only_for_their_domains() -> None:
    place = target(tags={"owner": "web"})
    for control, entry in catalogue().controls.items():
        expected = "owned" if entry.domain in ("app", "data", "compute", "res") else "nobody"
        assert resolver().resolve(control, place).status == expected


def test_the_settings_decide_which_tags_count_and_in_what_order() -> None:
    place = target(tags={"squad": "web", "owner": "payments"}, account_tags={"owner": "platform"})
    assert resolver(settings={"inferred": []}).resolve(CONTROL, place).status == "nobody"
    sources = [
        {"from": "account_tag", "keys": ["owner"], "domains": ["log"]},
        {"from": "resource_tag", "keys": ["squad"], "domains": ["log", "data"]},
    ]
    answers = resolver(settings={"inferred": sources})
    assert answers.resolve(CONTROL, place).owner == "product"
    assert answers.resolve("log.reviewed", place).owner == "platform"


def test_the_file_beats_a_tag_and_the_contradiction_is_flagged() -> None:
    answers = resolver(DATA)
    found = answers.resolve(CONTROL, target(tags={"owner": "payments"}))
    assert (found.owner, found.flags) == ("product", {"tag_contradicts"})
    assert answers.resolve(CONTROL, target(tags={"owner": "web"})).flags == set()
    assert answers.resolve(CONTROL, target(tags={"owner": "alice"})).flags == set()
    assert answers.resolve(CONTROL, target(tags=DENIED)).flags == set(), "no tag could change the winner"


# Catch-all

CATCH_ALL = {"controls": "*", "accountable": "platform"}


def test_a_catch_all_names_a_contact_and_no_owner() -> None:
    found = resolver(CATCH_ALL).resolve("log.reviewed", BUCKET)
    assert (found.status, found.owner, found.specificity) == ("nobody", "platform", "catch_all")
    assert found.flags == {"catch_all"}


def test_a_catch_all_assigns_an_owner_if_the_settings_say_so() -> None:
    found = resolver(CATCH_ALL, settings={"catch_all_confers_ownership": True}).resolve(
        "log.reviewed", BUCKET
    )
    assert (found.status, found.owner, found.specificity) == ("owned", "platform", "catch_all")


def test_all_controls_with_a_where_assign_an_owner() -> None:
    found = resolver({**CATCH_ALL, "where": {"provider": "aws"}}).resolve("log.reviewed", BUCKET)
    assert (found.status, found.owner, found.specificity) == ("owned", "platform", "everything")


def test_a_tag_beats_a_catch_all() -> None:
    found = resolver(CATCH_ALL).resolve(CONTROL, target(tags={"owner": "web"}))
    assert (found.status, found.owner) == ("owned", "product")


def test_a_catch_all_does_not_contest_a_line() -> None:
    found = resolver(CATCH_ALL, {"controls": "*", "accountable": "payments"}, DATA)
    assert found.resolve(CONTROL, BUCKET).owner == "product"
    nobody = found.resolve("log.reviewed", BUCKET)
    assert (nobody.status, nobody.owner) == ("nobody", None), "two catch-alls name no contact"


# Reviews


def test_an_overdue_review_is_a_flag_and_one_finding_on_the_line() -> None:
    line = {**DATA, "reviewed": "2026-04-26"}  # 180 days and 30 of grace: until 22 November
    due = resolver(line, now=at("2026-11-22"))
    over = resolver(line, now=at("2026-11-23"))
    assert due.resolve(CONTROL, BUCKET).flags == set()
    assert codes(due) == []
    found = over.resolve(CONTROL, BUCKET)
    assert (found.status, found.owner, found.flags) == ("owned", "product", {"stale"})
    assert codes(over) == ["stale"]


def test_lines_without_a_date_have_the_date_of_the_file() -> None:
    other = {"controls": "log", "accountable": "platform"}
    answers = resolver(DATA, other, reviewed="2025-01-01")
    assert answers.resolve(CONTROL, BUCKET).flags == {"stale"}
    assert codes(answers) == ["stale"], "one finding for the one date"
    assert codes(resolver(DATA, other, reviewed=None)) == ["unreviewed"]


def test_a_review_cannot_be_dated_ahead() -> None:
    answers = resolver({**DATA, "reviewed": "2030-01-01"})
    assert answers.resolve(CONTROL, BUCKET).flags == {"stale"}
    assert "is in the future" in answers.defects()[0].message


# Conflicts


def test_conflicting_lines_are_reported_without_any_resource() -> None:
    answers = resolver(
        {**DATA, "where": {"account": "1"}},
        {"controls": ["data", "log"], "where": {"account": ["1", "2"]}, "accountable": "payments"},
        {"controls": "data", "where": {"account": "2"}, "accountable": "payments"},
    )
    (defect,) = answers.defects()
    assert defect.code == "conflict"
    assert CONTROL in defect.controls
    assert "log.reviewed" not in defect.controls


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"path": "/Root/A"}, {"path": "/Root/B"}),
        ({"tags": {"env": "prod"}}, {"tags": {"env": "dev"}}),
        ({"kind": "bucket"}, {"kind": "volume"}),
        ({"provider": "aws", "path": "/Root/A"}, {"provider": "gcp", "path": "/Root/A"}),
        ({"account": "1*"}, {"account": "1"}),
        ({"resource": "one"}, {"resource": "arn:aws:s3:::two"}),
    ],
    ids=str,
)
def test_lines_that_cannot_meet_do_not_conflict(one: dict[str, Any], other: dict[str, Any]) -> None:
    answers = resolver({**DATA, "where": one}, {**DATA, "accountable": "payments", "where": other})
    assert codes(answers) == []


# Attestations

ATTESTED = {"controls": "log.reviewed", "by": "platform", "made": "2026-10-15", "expires": "2026-12-15"}


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        (at("2026-10-14", "23:59:59"), False),
        (at("2026-10-15", "00:00:00"), True),
        (at("2026-12-15", "23:59:59"), True),
        (at("2026-12-16", "00:00:00"), False),
    ],
    ids=str,
)
def test_an_attestation_counts_from_its_first_to_the_end_of_its_last_day(now: datetime, counts: bool) -> None:
    found = resolver(attestations=[ATTESTED], now=now).attestation("log.reviewed", BUCKET)
    assert (found is not None) == counts


def test_an_attestation_counts_only_where_it_applies() -> None:
    answers = resolver(attestations=[{**ATTESTED, "where": {"path": "/Root/Workloads"}}])
    assert answers.attestation("log.reviewed", BUCKET) is not None
    assert answers.attestation("log.audit-trail-enabled", BUCKET) is None
    assert answers.attestation("log.reviewed", target(path="/Root/Sandbox")) is None
    assert answers.attestation("log.reviewed", target(path=DENIED)) is None, "unknown never counts as a pass"


def test_an_attestation_by_a_disbanded_team_does_not_count() -> None:
    answers = resolver(attestations=[{**ATTESTED, "by": "gone"}])
    assert answers.attestation("log.reviewed", BUCKET) is None
    assert codes(answers) == ["lapsed"]


def test_of_several_attestations_the_longest_counts_and_the_expired_is_reported() -> None:
    answers = resolver(attestations=[ATTESTED, {**ATTESTED, "expires": "2027-01-01"}], now=at("2026-12-20"))
    found = answers.attestation("log.reviewed", BUCKET)
    assert found is not None
    assert found.expires.isoformat() == "2027-01-01"
    assert "attestation_expired" in codes(answers)


# Exceptions and declarations

EXCEPTION = {
    "id": "EX-1",
    "controls": CONTROL,
    "where": {"account": "111122223333", "resource": "pay-receipts"},
    "owner": "product",
    "approver": "platform",
    "reason": "public by design",
    "ticket": "WEB-1",
    "expires": "2026-12-31",
}


@pytest.mark.parametrize("section", ["exceptions", "not_applicable"])
def test_a_waiver_is_in_force_until_the_end_of_its_last_day(section: str) -> None:
    name = section.removesuffix("s")
    last = resolver(**{section: [EXCEPTION]}, now=at("2026-12-31", "23:59:59"))
    after = resolver(**{section: [EXCEPTION]}, now=at("2027-01-01", "00:00:00"))
    assert getattr(last.resolve(CONTROL, BUCKET), name) == "EX-1"
    found = after.resolve(CONTROL, BUCKET)
    assert getattr(found, name) is None
    assert found.flags == {f"{name}_expired"}
    assert codes(after) == ["exception_expired"]


@pytest.mark.parametrize("section", ["exceptions", "not_applicable"])
@pytest.mark.parametrize(
    "elsewhere",
    [
        {"resource_id": "arn:aws:s3:::pay-receipts-2"},
        {"resource_id": "arn:aws:s3:::other", "name": "pay-receipts"},
        {"scope": "444455556666"},
    ],
    ids=str,
)
def test_a_waiver_applies_to_nothing_else(section: str, elsewhere: dict[str, Any]) -> None:
    waived: dict[str, Any] = {section: [EXCEPTION]}
    answers = resolver(**waived)
    found = answers.resolve(CONTROL, target(**elsewhere))
    assert (found.exception, found.not_applicable) == (None, None)
    found = answers.resolve("data.no-public-exposure", BUCKET)
    assert (found.exception, found.not_applicable) == (None, None)


@pytest.mark.parametrize("section", ["exceptions", "not_applicable"])
def test_a_waiver_by_path_is_not_in_force_where_the_path_is_unread(section: str) -> None:
    name = section.removesuffix("s")
    waived: dict[str, Any] = {section: [{**EXCEPTION, "where": {"path": "/Root/Workloads"}}]}
    answers = resolver(**waived)
    assert getattr(answers.resolve(CONTROL, BUCKET), name) == "EX-1"
    found = answers.resolve(CONTROL, target(path=DENIED))
    assert getattr(found, name) is None
    assert found.flags == {f"{name}_uncertain"}


def test_an_invalid_exception_is_not_in_force() -> None:
    later = {**EXCEPTION, "created": "2026-12-01"}
    gone = {**EXCEPTION, "owner": "gone"}
    endless = {**EXCEPTION, "expires": "2028-01-01"}
    for wrong in (later, gone, endless):
        answers = resolver(exceptions=[wrong])
        found = answers.resolve(CONTROL, BUCKET)
        assert (found.exception, found.flags) == (None, {"exception_invalid"})
        assert codes(answers) == ["exception_invalid"]


def test_an_exception_in_force_hides_an_expired_one() -> None:
    expired = {**EXCEPTION, "id": "EX-0", "expires": "2026-01-01"}
    found = resolver(exceptions=[expired, EXCEPTION]).resolve(CONTROL, BUCKET)
    assert (found.exception, found.flags) == ("EX-1", set())


def test_a_declaration_may_apply_everywhere() -> None:
    declared = {key: value for key, value in EXCEPTION.items() if key != "where"}
    assert resolver(not_applicable=[declared]).resolve(CONTROL, BUCKET).not_applicable == "EX-1"


# Sensitive


def test_tags_mark_sensitive_resources() -> None:
    answers = resolver(settings={"sensitive": {"tags": {"data-class": ["pci", "cardholder"]}}})
    assert answers.sensitive(target(tags={"Data-Class": "PCI"}))
    assert not answers.sensitive(target(tags={"data-class": "public"}))
    assert not answers.sensitive(BUCKET)
    assert answers.sensitive(target(tags=DENIED)), "it may be sensitive"
    assert not resolver().sensitive(target(tags=DENIED))


# Defects


def test_a_defect_keeps_its_identity_when_lines_move() -> None:
    gone = {"controls": "data", "accountable": "gone"}
    (first,) = resolver(gone).defects()
    (second,) = resolver({"controls": "log", "accountable": "platform"}, gone).defects()
    assert first.line != second.line
    assert first.line_id == second.line_id
    (named,) = resolver({**gone, "id": "pay"}).defects()
    assert named.line_id == "pay"


def test_answers_are_shared_and_stay_the_same() -> None:
    file = file_of(DATA, {"controls": "log", "where": {"tags": {"env": "prod"}}, "accountable": "platform"})
    answers = Resolver(file, catalogue(), NOW)
    places = [target(name=str(n), tags={"n": str(n), "env": "prod"}) for n in range(50)]
    found = {answers.resolve("log.reviewed", place).owner for place in places for _ in range(2)}
    assert found == {"platform"}
    later = Resolver(file, catalogue(), NOW + timedelta(days=400))
    assert later.resolve(CONTROL, BUCKET).flags == {"stale"}
    assert answers.resolve(CONTROL, BUCKET).flags == set()
    assert NOW.tzinfo is UTC
