"""The scan in numbers: they add up, hold no unknown for fine, and name what lapses with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.assess.metrics import WEIGHTS, Metrics, basis
from scanner.assess.narrowing import Narrowing
from scanner.model.evidence import Unknown
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Bucket
from scanner.ownership.expirations import lapses
from scanner.ownership.file.load import load_ownership
from scanner.report.build import Circumstances, build
from scanner.run.scan import Assessment, Collected, assess
from tests.estate import (
    CATALOGUE,
    DENIED,
    NOW,
    MemoryCloud,
    account,
    bucket,
    criteria,
    inventory_of,
    judged,
    region,
)

OWNERSHIP = """
version: 1
reviewed: 2026-05-20
teams:
  payments: {contact: p@example.com}
  platform: {contact: o@example.com}
  vendor: {contact: v@example.com}
  leaving: {contact: l@example.com, status: disbanded, disbanded_on: 2026-12-01}
owners:
- {id: inbox, controls: ["*"], accountable: platform, reviewed: 2026-11-01}
- {id: public, controls: [data.no-public-exposure], accountable: payments, reviewed: 2026-05-10}
- {id: crypto, controls: ["data.encryption-*"], accountable: platform, reviewed: 2026-11-01}
- {id: logs, controls: [log], accountable: platform}
- {id: keys, controls: [key], accountable: payments}
- {id: belief, controls: [data.classification], claim: provider, contract: soc, accountable: vendor}
- {id: tie-1, controls: [res], accountable: platform, reviewed: 2026-11-01}
- {id: tie-2, controls: [res], accountable: payments, reviewed: 2026-11-01}
contracts:
  soc: {party: aws, type: certificate, covers: [plat], expires: 2026-12-22}
statements:
- {controls: [log.reviewed], by: platform, made: 2026-01-01, expires: 2026-12-10}
exceptions:
- {id: EX-1, controls: [data.no-public-exposure], where: {account: "111122223333", resource: www},
   owner: payments, approver: platform, reason: r, ticket: T-1, created: 2026-05-01, expires: 2026-11-22}
- {id: EX-2, controls: [net], where: {kind: firewall}, owner: payments, approver: platform,
   reason: r, ticket: T-2, expires: 2027-02-01}
- {id: EX-3, controls: [net], where: {kind: firewall}, owner: payments, approver: platform,
   reason: r, ticket: T-3, created: 2025-12-01, expires: 2026-11-21}
"""

PUBLIC = {"public_read": True, "public_via": ("ACL",)}
ESTATE: tuple[Resource, ...] = (
    account(security_contacts=()),
    region(),
    bucket("www", **PUBLIC),
    bucket("open", **PUBLIC, tags={"owner": "platform"}),
    bucket("hidden", tls_only=DENIED, tags=DENIED),
    bucket("plain", tags={}),
)
BLIND = [("firewall", "eu-west-1", DENIED)]


@pytest.fixture
def ownership(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("ownership.yaml")
    path.write_text(OWNERSHIP, encoding="utf-8")
    return path


def controls(result: Assessment, ownership: Path | None) -> Counter[str]:
    """Where the summary counts the controls of all scopes."""
    given = criteria(ownership)
    collected = Collected(inventory_of(MemoryCloud(ESTATE)), NOW - timedelta(seconds=1), NOW, "0" * 32)
    made = build(collected, result, given, Circumstances("0.1.0", (), "ownership", None, None))
    counts: Counter[str] = Counter()
    for scope in made.head.summary.scopes:
        counts.update({"yours": scope.controls.yours, "covered": scope.controls.covered})
    return counts


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("resources", [ESTATE, ESTATE[:2], ESTATE[:3], ()])
def test_the_numbers_add_up(owned: bool, resources: Sequence[Resource], ownership: Path) -> None:
    file = ownership if owned else None
    result = judged(resources, BLIND, ownership=file)
    told = result.metrics
    assert sum(count.controls for count in told.ownership.values()) == told.total.controls
    assert sum(count.findings for count in told.ownership.values()) == told.total.findings
    assert told.visibility.covered <= told.visibility.known <= told.visibility.applicable
    assert told.visibility.applicable == told.total.controls
    for parts in (told.unowned.domains.values(), told.unowned.scopes, told.unowned.teams):
        assert sum(part.findings for part in parts) == told.unowned.findings
        assert sum(part.weight for part in parts) == told.unowned.weight
    assert sum(told.exceptions_by_age.values()) == sum(one.standing == "in_force" for one in told.exceptions)
    if resources:
        counted = controls(result, file)
        assert (counted["yours"], counted["covered"]) == (told.visibility.applicable, told.visibility.covered)


def test_the_numbers_are_those_of_the_findings(ownership: Path) -> None:
    result = judged(ESTATE, BLIND, ownership=ownership)
    told, found = result.metrics, [f for f in result.coverage.findings if f.subject == "evidence"]
    assert told.unowned.findings == result.coverage.states["unowned"]
    assert told.unowned.weight == sum(WEIGHTS[f.severity] for f in found if f.state == "unowned")
    assert {team.team for team in told.unowned.teams} == {"platform"}, "the catch-all names whom to ask"
    ours = [f for f in found if f.party == "customer" and f.state != "not_applicable"]
    assert told.total.findings == len(ours)
    assert told.uncertain == sum("owner_uncertain" in f.flags for f in ours) > 0
    wrong = [f for f in found if f.state == "misattributed"]
    (line,) = told.misattributed
    assert (line.findings, line.failing) == (len(wrong), sum(f.evidence == "fail" for f in wrong))
    assert line.source.startswith("ownership.yaml:")
    contradicted = [f for f in ours if "tag_contradicts" in f.flags]
    assert told.tag_contradicts.findings == len(contradicted) > 0
    assert told.tag_contradicts.resources == len({f.resource.id for f in contradicted if f.resource})


def test_every_way_to_an_owner_is_counted_for_itself(ownership: Path) -> None:
    told = judged(ESTATE, ownership=ownership).metrics.ownership
    assert told["exact"].controls == 1
    assert told["glob"].controls >= 1
    assert told["domain"].controls >= 2
    assert told["misattributed"].controls == 1
    assert told["contested"].controls >= 1
    assert told["catch_all"].controls >= 1
    assert told["nobody"].controls == 0, "where a catch-all is, somebody can be asked"
    nobody = judged(ESTATE).metrics
    assert nobody.ownership["nobody"] == nobody.total


def test_a_control_counts_by_the_least_owned_of_its_resources(ownership: Path) -> None:
    """Tags name the owner of some buckets; those of one that has none are nobody's."""
    ownership.write_text(
        "version: 1\nteams: {payments: {contact: p@example.com}}\nowners: []\n", encoding="utf-8"
    )
    tagged = judged([account(), bucket("a")], ownership=ownership).metrics.ownership
    mixed = judged([account(), bucket("a"), bucket("b", tags={})], ownership=ownership).metrics.ownership
    assert tagged["inferred"].controls > 0
    assert mixed["inferred"].findings == tagged["inferred"].findings
    assert mixed["nobody"].controls > tagged["nobody"].controls


def test_hiding_evidence_makes_no_number_better(ownership: Path) -> None:
    estate = [account(), region()]
    seen = judged([*estate, bucket("b")], ownership=ownership).metrics.visibility
    less = False
    for facet in sorted(Bucket.facets()):
        hidden = judged([*estate, bucket("b", **{facet: DENIED})], ownership=ownership).metrics.visibility
        assert hidden.applicable == seen.applicable
        assert (hidden.known, hidden.covered) <= (seen.known, seen.covered), facet
        assert hidden.covered <= seen.covered, facet
        less = less or hidden.known < seen.known
    assert less, "some control is decided by buckets alone"


def test_what_no_rule_looks_at_is_not_seen(ownership: Path) -> None:
    result = judged(ESTATE, BLIND, ownership=ownership)
    unseen = {
        row.control
        for row in result.coverage.rows
        if row.evidence in ("unknown", "unassessed") or row.counts["unknown"]
    }
    ours = {row.control for row in result.coverage.rows if row.party == "customer"}
    visibility = result.metrics.visibility
    assert 0 < visibility.known <= len(ours - unseen) < visibility.applicable


def test_a_kind_that_could_not_be_listed_is_seen_of_nothing() -> None:
    gone = Unknown.because("denied", "s3:ListAllMyBuckets", "s3:ListAllMyBuckets", "no")
    listed = judged([account(), region(), bucket("b")]).metrics.visibility
    blind = judged([account(), region()], [("bucket", None, gone)]).metrics.visibility
    assert blind.applicable == listed.applicable
    assert blind.known < listed.known


def test_coverage_is_told_with_visibility_and_never_rounded_up() -> None:
    visibility = judged([]).metrics.visibility.model_copy(
        update={"applicable": 1000, "known": 999, "covered": 998}
    )
    assert visibility.told() == "covered 998 of 1,000 (99 %) · seen in full 999 of 1,000 (99 %)"


def test_what_lapses_within_thirty_days_is_told_with_its_line(ownership: Path) -> None:
    told = judged(ESTATE, ownership=ownership).metrics
    lines = OWNERSHIP.splitlines()

    def line(text: str) -> str:
        return f"ownership.yaml:{next(n for n, one in enumerate(lines, 1) if text in one)}"

    every = ("payments", "platform", "vendor")
    assert [(one.last.isoformat(), one.kind, one.name, one.source, one.teams) for one in told.lapsing] == [
        ("2026-11-22", "exception", "EX-1", line("id: EX-1"), ("payments",)),
        ("2026-12-01", "team", "leaving", "ownership.yaml", ("leaving",)),
        ("2026-12-06", "review", "public", line("id: public"), ("payments",)),
        ("2026-12-10", "statement", "log.reviewed", line("log.reviewed"), ("platform",)),
        ("2026-12-16", "review", "ownership.yaml", line("reviewed: 2026-05-20"), every),
        ("2026-12-22", "contract", "soc", line("soc:"), ("vendor",)),
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "kinds"), [(-1, {"exception"}), (0, {"exception"}), (1, set())])
def test_what_ends_today_still_counts_and_what_is_over_is_a_defect(
    days: int, kinds: set[str], ownership: Path
) -> None:
    file = load_ownership(ownership, CATALOGUE)
    day = NOW + timedelta(days=days)
    assert {one.kind for one in lapses(file, day) if one.name == "EX-1"} == kinds


def test_exceptions_are_told_by_age_with_what_they_accept(ownership: Path) -> None:
    told = judged(ESTATE, ownership=ownership).metrics
    ages = {one.id: (one.age_days, one.band, one.standing, one.accepted) for one in told.exceptions}
    assert ages == {
        "EX-1": (205, "180 to 364", "in_force", 1),
        "EX-2": (None, "undated", "in_force", 0),
        "EX-3": (356, "180 to 364", "expired", 0),
    }
    assert [one.id for one in told.exceptions] == ["EX-2", "EX-3", "EX-1"]
    assert {band: n for band, n in told.exceptions_by_age.items() if n} == {"180 to 364": 1, "undated": 1}


def test_a_teams_numbers_are_its_own(ownership: Path) -> None:
    given = criteria(ownership)
    what = Narrowing(given.resolver.file, "payments", None)
    whole = judged(ESTATE, ownership=ownership).metrics
    told = assess(inventory_of(MemoryCloud(ESTATE)), replace(given, narrowing=what)).metrics
    assert {name for one in told.lapsing for name in one.teams} >= {"payments"}
    assert all("payments" in one.teams for one in told.lapsing)
    assert 0 < told.total.findings < whole.total.findings
    assert told.ownership["exact"] == whole.ownership["exact"]
    assert told.visibility.applicable == told.total.controls < whole.total.controls
    assert not told.misattributed


def test_numbers_can_be_read_back_from_a_report(ownership: Path) -> None:
    told = judged(ESTATE, BLIND, ownership=ownership).metrics
    assert Metrics.model_validate_json(told.model_dump_json()) == told


def test_sensitive_resources_come_first_and_are_no_more_severe(ownership: Path) -> None:
    text = OWNERSHIP.replace("teams:", "settings: {sensitive: {tags: {data-class: [pci]}}}\nteams:", 1)
    ownership.write_text(text, encoding="utf-8")
    estate = [account(), region()]
    found = {}
    for name, tags in (
        ("pci", {"data-class": "PCI"}),
        ("plain", {"data-class": "internal"}),
        ("dark", DENIED),
    ):
        result = judged(
            [*estate, bucket("b", versioning=False, access_logging=False, tags=tags)], ownership=ownership
        )
        found[name] = {
            f.rule: (f.severity, f.priority)
            for f in result.coverage.findings
            if f.evidence == "fail" and f.resource is not None and f.resource.name == "b"
        }
    assert found["pci"].keys() == found["plain"].keys() != set()
    common = found["pci"].keys() & found["dark"].keys()
    assert common
    assert all(found["pci"][rule] == found["dark"][rule] for rule in common), "an unread tag may say so"
    for rule, (severity, priority) in found["plain"].items():
        assert found["pci"][rule][0] == severity
        order = ("low", "medium", "high", "critical")
        assert order.index(found["pci"][rule][1]) == min(order.index(priority) + 1, 3)


def test_a_defect_of_the_file_is_one_finding_however_many_resources_it_is_of(ownership: Path) -> None:
    def defects(number: int) -> Counter[tuple[str, str | None, tuple[str, ...]]]:
        buckets = [bucket(f"b{place}") for place in range(number)]
        found = judged([account(), region(), *buckets], ownership=ownership).coverage.findings
        return Counter((f.control, f.owner_source, f.flags) for f in found if f.subject == "ownership")

    assert defects(1) == defects(7)
    assert set(defects(7).values()) == {1}
    assert ("data.classification",) in {
        (control,) for control, _, flags in defects(1) if "misattributed" in flags
    }


def test_an_owner_of_unknown_origin_is_not_taken_for_a_named_one() -> None:
    from scanner.ownership.resolve.outcomes import Ownership

    assert basis(Ownership("owned", "payments")) == "inferred"
