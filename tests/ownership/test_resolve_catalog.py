"""Owners from a Backstage catalog, where no line of the file names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scanner.ownership.explain.trace import trace
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.resolver import Resolver
from tests.ownership.build import CONTROL, DENIED, NOW, catalogue, target

ENTITIES = """\
kind: Component
metadata: {name: pay, annotations: {gapscan/resource: "arn:aws:s3:::pay-receipts, pay-db, old-db"}}
spec: {owner: group:default/payments}
---
kind: Component
metadata: {name: gone, annotations: {gapscan/resource: "archive"}}
spec: {owner: group:default/nobody-we-know}
"""
BACKSTAGE = {"from": "backstage", "files": ["catalog-info.yaml"]}
TAGS = {"from": "resource_tag", "keys": ["owner"]}


def answers(folder: Path, *sources: dict[str, Any], owners: tuple[dict[str, Any], ...] = ()) -> Resolver:
    (folder / "catalog-info.yaml").write_text(ENTITIES, encoding="utf-8")
    teams: dict[str, Any] = {"payments": {}, "web": {}}
    file = {"version": 1, "settings": {"inferred": list(sources)}, "teams": teams, "owners": list(owners)}
    (folder / "ownership.yaml").write_text(yaml.safe_dump(file), encoding="utf-8")
    return Resolver(load_ownership(folder / "ownership.yaml", catalogue()), catalogue(), NOW)


@pytest.mark.parametrize(
    ("resource", "owner", "flag"),
    [
        ({"resource_id": "arn:aws:s3:::pay-receipts", "name": "x"}, "payments", None),
        ({"resource_id": "arn:aws:rds:eu-west-1:111122223333:db:pay-db", "name": "x"}, "payments", None),
        ({"resource_id": "ocid-1", "name": "Pay-DB"}, "payments", None),
        ({"resource_id": "arn:aws:s3:::archive", "name": "archive"}, None, "unknown_team"),
        ({"resource_id": "arn:aws:s3:::other", "name": "other"}, None, None),
    ],
)
def test_an_entity_owns_the_resources_that_it_names(
    resource: dict[str, str], owner: str | None, flag: str | None, tmp_path: Path
) -> None:
    found = answers(tmp_path, BACKSTAGE).resolve(CONTROL, target(**resource))
    assert (found.owner, found.specificity) == (owner, "inferred" if owner else None)
    assert found.flags == ({flag} if flag else frozenset())
    if owner:
        assert found.source == "catalog catalog-info.yaml:2 (owner payments)"


def test_sources_are_used_in_the_order_of_the_settings(tmp_path: Path) -> None:
    tagged = target(tags={"owner": "web"})
    assert answers(tmp_path, TAGS, BACKSTAGE).resolve(CONTROL, tagged).owner == "web"
    assert answers(tmp_path, BACKSTAGE, TAGS).resolve(CONTROL, tagged).owner == "payments"
    unread = answers(tmp_path, TAGS, BACKSTAGE).resolve(CONTROL, target(tags=DENIED))
    assert (unread.status, unread.flags) == ("nobody", {"owner_uncertain"})
    assert answers(tmp_path, BACKSTAGE, TAGS).resolve(CONTROL, target(tags=DENIED)).owner == "payments"


def test_a_line_beats_the_catalog_and_says_so(tmp_path: Path) -> None:
    resolver = answers(tmp_path, BACKSTAGE, owners=({"controls": "data", "accountable": "web"},))
    found = resolver.resolve(CONTROL, target())
    assert (found.owner, "tag_contradicts" in found.flags) == ("web", True)
    inference = trace(resolver, CONTROL, target()).inference
    assert inference is not None
    assert (inference.team, inference.why) == ("payments", "a line of the file beats a tag or a catalog")


def test_contacts_own_nothing(tmp_path: Path) -> None:
    contact = {"from": "contact", "kinds": ["aws.alternate.security"]}
    assert answers(tmp_path, contact).resolve(CONTROL, target()).status == "nobody"
    assert answers(tmp_path, contact, BACKSTAGE).resolve(CONTROL, target()).owner == "payments"
