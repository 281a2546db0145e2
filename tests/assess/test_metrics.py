"""Metrics: they add up, count no unknown as fine, and name what expires with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.assess.assessment import assess
from scanner.assess.metrics import WEIGHTS, Metrics, basis
from scanner.assess.narrowing import Narrowing
from scanner.assess.reduce import Assessment
from scanner.model.evidence import Unknown
from scanner.model.resources.base import Resource
from scanner.model.resources.storage import Bucket
from scanner.ownership.expirations import expirations
from scanner.ownership.file.load import load_ownership
from scanner.report.build import build
from scanner.run.scan import Collected
from tests.estate import (
    CATALOGUE,
    DENIED,
    NOW,
    MemoryCloud,
    account,
    assessed,
    bucket,
    inventory_of,
    region,
    requested,
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
attestations:
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
    given = requested(ownership)
    collected = Collected(inventory_of(MemoryCloud(ESTATE)), NOW - timedelta(seconds=1), NOW, "0" * 32)
    made = build(collected, result, given)
    counts: Counter[str] = Counter()
    for scope in made.head.summary.scopes:
        counts.update({"yours": scope.controls.yours, "covered": scope.controls.covered})
    return counts


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("resources", [ESTATE, ESTATE[:2], ESTATE[:3], ()])
def test_the_metrics_add_up(owned: bool, resources: Sequence[Resource], ownership: Path) -> None:
    file = ownership if owned else None
    result = assessed(resources, BLIND, ownership=file)
    metrics = result.metrics
    assert sum(count.controls for count in metrics.ownership.values()) == metrics.total.controls
    assert sum(count.findings for count in metrics.ownership.values()) == metrics.total.findings
    assert metrics.visibility.covered <= metrics.visibility.known <= metrics.visibility.applicable
    assert metrics.visibility.applicable == metrics.total.controls
    for parts in (metrics.unowned.domains.values(), metrics.unowned.scopes, metrics.unowned.teams):
        assert sum(part.findings for part in parts) == metrics.unowned.findings
        assert sum(part.weight for part in parts) == metrics.unowned.weight
    assert sum(metrics.exceptions_by_age.values()) == sum(
        one.standing == "in_force" for one in metrics.exceptions
    )
    if resources:
        counted = controls(result, file)
        assert (counted["yours"], counted["covered"]) == (
            metrics.visibility.applicable,
            metrics.visibility.covered,
        )


def test_the_metrics_match_the_findings(ownership: Path) -> None:
    result = assessed(ESTATE, BLIND, ownership=ownership)
    metrics, found = result.metrics, [f for f in result.coverage.findings if f.subject == "evidence"]
    assert metrics.unowned.findings == result.coverage.states["unowned"]
    assert metrics.unowned.weight == sum(WEIGHTS[f.severity] for f in found if f.state == "unowned")
    assert {team.team for team in metrics.unowned.teams} == {"platform"}, "the catch-all routes to it"
    ours = [f for f in found if f.party == "customer" and f.state != "not_applicable"]
    assert metrics.total.findings == len(ours)
    assert metrics.uncertain == sum("owner_uncertain" in f.flags for f in ours) > 0
    wrong = [f for f in found if f.state == "misattributed"]
    (line,) = metrics.misattributed
    assert (line.findings, line.failing) == (len(wrong), sum(f.evidence == "fail" for f in wrong))
    assert line.source.startswith("ownership.yaml:")
    contradicted = [f for f in ours if "tag_contradicts" in f.flags]
    assert metrics.tag_contradicts.findings == len(contradicted) > 0
    assert metrics.tag_contradicts.resources == len({f.resource.id for f in contradicted if f.resource})


def test_controls_are_counted_by_the_basis_of_their_owner(ownership: Path) -> None:
    counts = assessed(ESTATE, ownership=ownership).metrics.ownership
    assert counts["exact"].controls == 1
    assert counts["glob"].controls >= 1
    assert counts["domain"].controls >= 2
    assert counts["misattributed"].controls == 1
    assert counts["contested"].controls >= 1
    assert counts["catch_all"].controls >= 1
    assert counts["nobody"].controls == 0, "a catch-all routes everything to a team"
    nobody = assessed(ESTATE).metrics
    assert nobody.ownership["nobody"] == nobody.total


def test_a_control_counts_by_the_weakest_basis_of_its_resources(ownership: Path) -> None:
    """A tag names the owner of one bucket; the other has no owner."""
    ownership.write_text(
        "version: 1\nteams: {payments: {contact: p@example.com}}\nowners: []\n", encoding="utf-8"
    )
    tagged = assessed([account(), bucket("a")], ownership=ownership).metrics.ownership
    mixed = assessed([account(), bucket("a"), bucket("b", tags={})], ownership=ownership).metrics.ownership
    assert tagged["inferred"].controls > 0
    assert mixed["inferred"].findings == tagged["inferred"].findings
    assert mixed["nobody"].controls > tagged["nobody"].controls


def test_hiding_evidence_improves_no_metric(ownership: Path) -> None:
    estate = [account(), region()]
    seen = assessed([*estate, bucket("b")], ownership=ownership).metrics.visibility
    less = False
    for facet in sorted(Bucket.facets()):
        hidden = assessed([*estate, bucket("b", **{facet: DENIED})], ownership=ownership).metrics.visibility
        assert hidden.applicable == seen.applicable
        assert (hidden.known, hidden.covered) <= (seen.known, seen.covered), facet
        assert hidden.covered <= seen.covered, facet
        less = less or hidden.known < seen.known
    assert less, "some control is decided by buckets alone"


def test_unassessed_controls_are_not_known(ownership: Path) -> None:
    result = assessed(ESTATE, BLIND, ownership=ownership)
    unseen = {
        row.control
        for row in result.coverage.rows
        if row.evidence in ("unknown", "unassessed") or row.counts["unknown"]
    }
    ours = {row.control for row in result.coverage.rows if row.party == "customer"}
    visibility = result.metrics.visibility
    assert 0 < visibility.known <= len(ours - unseen) < visibility.applicable


def test_an_unlisted_kind_makes_its_controls_unknown() -> None:
    gone = Unknown.because("denied", "s3:ListAllMyBuckets", "s3:ListAllMyBuckets", "no")
    listed = assessed([account(), region(), bucket("b")]).metrics.visibility
    blind = assessed([account(), region()], [("bucket", None, gone)]).metrics.visibility
    # What is hidden may be of any service model: more controls may be the customer's, and are unknown.
    assert blind.applicable >= listed.applicable
    assert blind.known < listed.known


def test_coverage_is_shown_with_visibility_and_never_rounded_up() -> None:
    visibility = assessed([]).metrics.visibility.model_copy(
        update={"applicable": 1000, "known": 999, "covered": 998}
    )
    assert visibility.summary() == "covered 998 of 1,000 (99 %) · fully assessed 999 of 1,000 (99 %)"


def test_what_expires_within_thirty_days_is_listed_with_its_line(ownership: Path) -> None:
    metrics = assessed(ESTATE, ownership=ownership).metrics
    lines = OWNERSHIP.splitlines()

    def line(text: str) -> str:
        return f"ownership.yaml:{next(n for n, one in enumerate(lines, 1) if text in one)}"

    every = ("payments", "platform", "vendor")
    assert [(one.last.isoformat(), one.kind, one.name, one.source, one.teams) for one in metrics.lapsing] == [
        ("2026-11-22", "exception", "EX-1", line("id: EX-1"), ("payments",)),
        ("2026-12-01", "team", "leaving", "ownership.yaml", ("leaving",)),
        ("2026-12-06", "review", "public", line("id: public"), ("payments",)),
        ("2026-12-10", "attestation", "log.reviewed", line("log.reviewed"), ("platform",)),
        ("2026-12-16", "review", "ownership.yaml", line("reviewed: 2026-05-20"), every),
        ("2026-12-22", "contract", "soc", line("soc:"), ("vendor",)),
    ]  # fmt: skip


@pytest.mark.parametrize(("days", "kinds"), [(-1, {"exception"}), (0, {"exception"}), (1, set())])
def test_the_last_day_is_in_force_and_expiry_is_a_defect(days: int, kinds: set[str], ownership: Path) -> None:
    file = load_ownership(ownership, CATALOGUE)
    day = NOW + timedelta(days=days)
    assert {one.kind for one in expirations(file, day) if one.name == "EX-1"} == kinds


def test_exceptions_are_listed_by_age_with_the_findings_they_accept(ownership: Path) -> None:
    metrics = assessed(ESTATE, ownership=ownership).metrics
    ages = {one.id: (one.age_days, one.band, one.standing, one.accepted) for one in metrics.exceptions}
    assert ages == {
        "EX-1": (205, "180 to 364", "in_force", 1),
        "EX-2": (None, "undated", "in_force", 0),
        "EX-3": (356, "180 to 364", "expired", 0),
    }
    assert [one.id for one in metrics.exceptions] == ["EX-2", "EX-3", "EX-1"]
    assert {band: n for band, n in metrics.exceptions_by_age.items() if n} == {"180 to 364": 1, "undated": 1}


def test_the_metrics_of_a_team(ownership: Path) -> None:
    given = requested(ownership)
    what = Narrowing(given.ownership, "payments", None)
    whole = assessed(ESTATE, ownership=ownership).metrics
    metrics = assess(inventory_of(MemoryCloud(ESTATE)), replace(given, narrowing=what)).metrics
    assert {name for one in metrics.lapsing for name in one.teams} >= {"payments"}
    assert all("payments" in one.teams for one in metrics.lapsing)
    assert 0 < metrics.total.findings < whole.total.findings
    assert metrics.ownership["exact"] == whole.ownership["exact"]
    assert metrics.visibility.applicable == metrics.total.controls < whole.total.controls
    assert not metrics.misattributed


def test_metrics_can_be_read_back_from_a_report(ownership: Path) -> None:
    metrics = assessed(ESTATE, BLIND, ownership=ownership).metrics
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics


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
        result = assessed(
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


def test_a_defect_of_the_file_is_one_finding_for_any_number_of_resources(ownership: Path) -> None:
    def defects(number: int) -> Counter[tuple[str, str | None, tuple[str, ...]]]:
        buckets = [bucket(f"b{place}") for place in range(number)]
        found = assessed([account(), region(), *buckets], ownership=ownership).coverage.findings
        return Counter((f.control, f.owner_source, f.flags) for f in found if f.subject == "ownership")

    assert defects(1) == defects(7)
    assert set(defects(7).values()) == {1}
    assert ("data.classification",) in {
        (control,) for control, _, flags in defects(1) if "misattributed" in flags
    }


def test_an_owner_of_unknown_origin_counts_as_inferred() -> None:
    from scanner.ownership.resolve.outcomes import Ownership

    assert basis(Ownership("owned", "payments")) == "inferred"
