"""Identities of findings are fixed for good: names that change leave them alone."""

from __future__ import annotations

from pathlib import Path

from tests.estate import account, assessed

FILE = """\
version: 1
teams: {platform: {}}
owners:
- {controls: [log], accountable: platform, reviewed: 2026-11-01}
attestations:
- {controls: [data.dlp], by: platform, made: 2025-01-01, expires: 2025-12-31}
"""


def test_an_expired_attestation_has_the_identity_from_when_it_was_called_a_statement(tmp_path: Path) -> None:
    path = tmp_path / "ownership.yaml"
    path.write_text(FILE, encoding="utf-8")
    findings = assessed([account()], ownership=path).coverage.findings
    found = {finding.flags: finding.uid for finding in findings if finding.subject == "ownership"}
    assert found == {("attestation_expired",): "3439f9c64a760b51971b7216b93a8cf3"}
