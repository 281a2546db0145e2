"""Reviewed documents of providers by service, and services in use without a review."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.estate import account, assessed, bucket

FILE = """\
version: 1
reviewed: 2026-11-01
teams: {{secops: {{}}, gone: {{status: disbanded, disbanded_on: 2026-06-30}}}}
owners:
- {{controls: [gov], accountable: secops}}
documents:
- {{{entry}}}
"""
GOOD = "provider: aws, services: [s3, organizations], reviewed: 2026-09-01, by: secops"


def undocumented(folder: Path, entry: str) -> list[str]:
    path = folder / "ownership.yaml"
    path.write_text(FILE.format(entry=entry), encoding="utf-8")
    findings = assessed([account(), bucket("one")], ownership=path).coverage.findings
    return [
        f"{one.owner_source} {one.control}: {one.message}"
        for one in findings
        if one.flags == ("undocumented",)
    ]


def test_services_in_use_without_a_review_are_listed_once(tmp_path: Path) -> None:
    assert undocumented(tmp_path, GOOD) == []
    assert undocumented(tmp_path, GOOD.replace("[s3, organizations]", '"*"')) == []
    assert undocumented(tmp_path, GOOD.replace("[s3, organizations]", "[S3]")) == [
        "ownership.yaml:7 gov.provider-docs-reviewed: "
        "aws services in use without a current document review: organizations"
    ]


@pytest.mark.parametrize(
    "entry",
    [
        GOOD.replace("2026-09-01", "2025-09-01"),
        GOOD.replace("2026-09-01", "2026-12-01"),
        GOOD.replace("by: secops", "by: gone"),
        GOOD.replace("provider: aws", "provider: gcp"),
    ],
    ids=["overdue", "in the future", "by a disbanded team", "of another cloud"],
)
def test_an_entry_that_is_not_current_covers_nothing(entry: str, tmp_path: Path) -> None:
    (line,) = undocumented(tmp_path, entry)
    assert line.endswith("organizations, s3")


def test_a_file_without_documents_gets_no_findings(tmp_path: Path) -> None:
    path = tmp_path / "ownership.yaml"
    path.write_text(
        "version: 1\nteams: {secops: {}}\nowners:\n- {controls: [gov], accountable: secops}\n",
        encoding="utf-8",
    )
    findings = assessed([account(), bucket("one")], ownership=path).coverage.findings
    assert "undocumented" not in {flag for one in findings for flag in one.flags}
