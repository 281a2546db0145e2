"""An ownership file in which everything has expired: owners stay, nothing else is in force."""

from __future__ import annotations

from pathlib import Path

from tests.estate import account, assessed, bucket

FILE = """\
version: 1
reviewed: 2020-01-01
teams:
  platform: {}
  gone: {status: disbanded, disbanded_on: 2020-06-30}
owners:
- {controls: [data.no-public-exposure], accountable: platform, claim: third_party, contract: msp}
- {controls: [data.encryption-at-rest], accountable: gone}
- {controls: [log], accountable: platform}
contracts:
  msp: {party: msp, type: managed_service, covers: [data.no-public-exposure], expires: 2020-12-31}
  soc2: {party: aws, type: certificate, covers: [plat], expires: 2020-12-31}
attestations:
- {controls: [log.reviewed], by: platform, made: 2020-01-01, expires: 2020-12-31}
exceptions:
- {id: EX-1, controls: [data.no-public-exposure], where: {account: "111122223333"}, owner: platform,
   approver: gone, reason: It was a test, ticket: SEC-1, created: 2020-01-01, expires: 2020-12-31}
not_applicable:
- {id: NA-1, controls: [data.classification], where: {account: "111122223333"}, owner: platform,
   approver: gone, reason: No data, ticket: SEC-2, created: 2020-01-01, expires: 2020-12-31}
"""


def test_only_owners_outlive_their_dates(tmp_path: Path) -> None:
    path = tmp_path / "ownership.yaml"
    path.write_text(FILE, encoding="utf-8")
    open_bucket = bucket("www", public_read=True, public_via=("ACL",), tags={})
    coverage = assessed([account(tags={}), open_bucket], ownership=path).coverage
    results = {
        (one.control, one.evidence): (one.state, one.owner, set(one.flags))
        for one in coverage.findings
        if one.resource is not None and one.resource.name in ("www", "payments-prod")
    }
    state, owner, flags = results["data.no-public-exposure", "fail"]
    assert (state, owner) == ("failing", "platform")
    assert flags >= {"contract_expired", "exception_expired", "stale"}
    state, owner, flags = results["data.encryption-at-rest", "pass"]
    assert (state, owner, flags & {"lapsed"}) == ("unclaimed", None, {"lapsed"})
    state, _, flags = results["data.classification", "fail"]
    assert state == "unowned"
    assert "not_applicable_expired" in flags
    assert results["log.reviewed", "missing"][0] == "unattested"
    assert {row.state for row in coverage.rows if row.control == "plat.physical-security"} == {"assumed"}
    defects = {one.flags[0] for one in coverage.findings if one.subject == "ownership"}
    assert defects >= {"contract_expired", "exception_expired", "attestation_expired", "lapsed", "stale"}
