"""Loading the file: its content, and every mistake with file, line and suggestion."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from scanner.base.yaml import DocumentError
from scanner.ownership.file.load import load_ownership
from scanner.ownership.file.schema import schema_json
from scanner.ownership.resolve.resolver import Resolver
from tests.ownership.build import NOW, catalogue, load, mistakes, target

SAMPLE = """\
# Five minutes to write.
version: 1
teams:
  platform: {contact: platform@example.com, slack: "#platform"}
  product:  {contact: product@example.com, jira: PROD, aliases: [web, web-team]}
owners:
  - {controls: [gov, iam, key, net, compute, log, ir, ext], accountable: platform}
  - {controls: [app, data, res], accountable: product, consulted: [platform]}
contracts:
  aws-soc2: {party: aws, type: certificate, ref: "SOC 2 Type II", covers: [plat], expires: 2027-05-31}
attestations:
  - {controls: [ir.plan-covers-cloud], by: platform, made: 2026-10-15, expires: 2027-10-15}
exceptions:
  - {id: EX-1, controls: [data.encryption-at-rest],
     where: {account: "111122223333", resource: "vol-0abc1234def567890"},
     owner: product, approver: platform, reason: Scratch volume, ticket: PROD-412, expires: 2027-02-28}
reviewed: 2026-11-01
"""


def test_a_small_file_is_resolved() -> None:
    answers = Resolver(load(SAMPLE), catalogue(), NOW)
    bucket, volume = (
        target(),
        target(
            kind="volume", resource_id="arn:aws:ec2:eu-central-1:111122223333:volume/vol-0abc1234def567890"
        ),
    )
    found = answers.resolve("data.no-public-exposure", bucket)
    assert (found.status, found.owner, found.source) == ("owned", "product", "ownership.yaml:8 (domain data)")
    assert answers.resolve("log.audit-trail-enabled", bucket).owner == "platform"
    assert answers.resolve("data.encryption-at-rest", volume).exception == "EX-1"
    assert answers.resolve("data.encryption-at-rest", bucket).exception is None
    assert answers.resolve("plat.physical-security", bucket).status == "nobody"
    assert answers.certificate("plat.physical-security", "aws")
    assert not answers.certificate("plat.physical-security", "gcp")
    assert not answers.certificate("data.no-public-exposure", "aws")
    attestation = answers.attestation("ir.plan-covers-cloud", bucket)
    assert attestation is not None
    assert (attestation.by, attestation.expires.isoformat()) == ("platform", "2027-10-15")
    assert answers.attestation("log.reviewed", bucket) is None
    assert answers.defects() == ()


def test_the_digest_is_of_the_content() -> None:
    assert load(SAMPLE).digest == hashlib.sha256(SAMPLE.encode()).hexdigest()


def test_whether_paths_are_needed() -> None:
    assert not load(SAMPLE).uses_paths
    assert load(
        SAMPLE.replace('{account: "111122223333",', '{account: "111122223333", path: /Root,')
    ).uses_paths


def test_the_schema_accepts_the_sample_and_refuses_what_loading_refuses() -> None:
    schema = json.loads(json.dumps(schema_json()))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    value = json.loads(json.dumps(yaml.safe_load(SAMPLE), default=str))
    assert list(validator.iter_errors(value)) == []
    for line in ({"controls": ["data"], "acountable": "product"}, {"accountable": "product"}):
        assert list(validator.iter_errors({**value, "owners": [line]}))
    number = {"controls": ["data"], "accountable": "product", "where": {"account": 111122223333}}
    assert list(validator.iter_errors({**value, "owners": [number]}))


HEAD = """\
version: 1
teams: {platform: {}, product: {aliases: [web]}, gone: {status: disbanded}}
contracts:
  soc2: {party: aws, type: certificate, covers: [plat], expires: 2027-05-31}
  patching: {party: acme-msp, type: managed_service, covers: [compute.os-patching], expires: 2027-05-31}
scopes: {prod: {path: /Root/Prod}, tagged: {tags: {env: prod}}}
"""
OWNERS = HEAD + "owners:\n"
ATTESTATION = HEAD + "owners: []\nattestations:\n"
EXCEPTION = HEAD + "owners: []\nexceptions:\n"
GOOD = (
    "id: E, controls: [data], where: {provider: aws}, owner: product, approver: platform, "
    "reason: r, ticket: T-1, expires: 2027-01-01"
)

BAD = {
    # Shape
    "unknown key at the top": (
        HEAD + "owners: []\nowner: []\n",
        "8: owner: unknown key; did you mean owners?",
    ),
    "unknown key in a line": (
        OWNERS + "- {controls: [data],\n   acountable: product}\n",
        "9: owners.0.acountable: unknown key; did you mean accountable?",
    ),
    "unknown key in a where": (
        OWNERS + "- controls: [data]\n  where:\n    acount: '1'\n  accountable: product\n",
        "10: owners.0.where.acount: unknown key; did you mean account?",
    ),
    "no teams": ("version: 1\nowners: []\n", "1: teams: missing"),
    "no version": ("teams: {}\nowners: []\n", "1: version: missing"),
    "another version": ("version: 2\nteams: {}\nowners: []\n", "1: version: "),
    "not YAML": (OWNERS + "- {controls: [data\n", "9: not valid YAML: "),
    "duplicate key": ("version: 1\nteams: {}\nteams: {}\nowners: []\n", "3: "),
    "a list for a mapping": ("version: 1\nteams: [platform]\nowners: []\n", "2: teams: "),
    "empty": ("", "1: is empty"),
    # Names
    "misspelt control": (
        OWNERS + "- controls: [log,\n             data.encrypton-at-rest]\n  accountable: product\n",
        "9: owners.0.controls: no control matches 'data.encrypton-at-rest'; did you mean data.encr",
    ),
    "a pattern that matches nothing": (
        OWNERS + "- {controls: 'dta.*', accountable: product}\n",
        "8: owners.0.controls: no control matches 'dta.*'",
    ),
    "misspelt domain": (
        OWNERS + "- {controls: [gova], accountable: product}\n",
        "8: owners.0.controls: no control matches 'gova'; did you mean gov?",
    ),
    "unknown consulted team": (
        OWNERS + "- {controls: [data], accountable: product, consulted: [platfrom]}\n",
        "8: owners.0.consulted: no team 'platfrom'; did you mean platform?",
    ),
    "unknown responsible team": (
        OWNERS + "- {controls: [data], accountable: product, responsible: [acme-mps]}\n",
        "8: owners.0.responsible: no team 'acme-mps'; did you mean acme-msp?",
    ),
    "unknown contract": (
        OWNERS + "- {controls: [data], accountable: product, claim: third_party, contract: patchin}\n",
        "8: owners.0.contract: no contract 'patchin'; did you mean patching?",
    ),
    "unknown scope": (
        OWNERS + "- {controls: [data], accountable: product, where: prd}\n",
        "8: owners.0.where: no entry 'prd' in scopes; did you mean prod?",
    ),
    "unknown override": (
        OWNERS + "- {id: a, controls: [data], accountable: product}\n"
        "- {id: b, controls: [data], accountable: product, overrides: [aa]}\n",
        "9: owners.1.overrides: no line has the id 'aa'; did you mean a?",
    ),
    "unknown kind": (
        OWNERS + "- {controls: [data], accountable: product, where: {kind: buckt}}\n",
        "8: owners.0.where.kind: no kind 'buckt'; did you mean bucket?",
    ),
    "unknown provider": (
        OWNERS + "- {controls: [data], accountable: product, where: {provider: [aws, azur]}}\n",
        "8: owners.0.where.provider.1: 'azur' is not one of aws, azure, gcp, entra; did you mean azure?",
    ),
    "unknown domain of a tag": (
        HEAD
        + "owners: []\nsettings:\n  inferred:\n  - {from: resource_tag, keys: [owner], domains: [dta]}\n",
        "10: settings.inferred.0.domains: no domain 'dta'; did you mean data?",
    ),
    # Values
    "account as a number": (
        OWNERS + "- controls: [data]\n  accountable: product\n  where: {account: 111122223333}\n",
        '10: owners.0.where.account: expected text: write it in quotes: "111122223333"',
    ),
    "account as a number in a list": (
        OWNERS + "- controls: [data]\n  accountable: product\n  where: {account: ['1',\n    012345670123]}\n",
        '11: owners.0.where.account.1: expected text: write it in quotes: "012345670123"',
    ),
    "empty where": (
        OWNERS + "- {controls: [data], accountable: product, where: {}}\n",
        "8: owners.0.where: is empty: remove it, or say what it selects",
    ),
    "empty value in a where": (
        OWNERS + "- {controls: [data], accountable: product, where: {account: []}}\n",
        "8: owners.0.where",
    ),
    "an invalid path": (
        OWNERS + "- {controls: [data], accountable: product, where: {path: Root/Prod}}\n",
        "8: owners.0.where.path: expected a path from the root",
    ),
    "a pattern in a path": (
        OWNERS + "- {controls: [data], accountable: product, where: {path: /Root/*}}\n",
        "8: owners.0.where.path: a path cannot contain patterns",
    ),
    "a pattern in a tag": (
        OWNERS + "- {controls: [data], accountable: product, where: {tags: {team: 'web-*'}}}\n",
        "8: owners.0.where.tags.team: a tag value cannot contain a pattern",
    ),
    "two accountable teams": (
        OWNERS + "- {controls: [data], accountable: [product, platform]}\n",
        "8: owners.0.accountable: must name exactly one team",
    ),
    "nobody accountable": (OWNERS + "- {controls: [data]}\n", "8: owners.0.accountable: missing"),
    "a third party without a contract": (
        OWNERS + "- {controls: [data], accountable: product, claim: third_party}\n",
        "8: owners.0.contract: missing",
    ),
    "no controls": (OWNERS + "- {controls: [], accountable: product}\n", "8: owners.0.controls: "),
    "unknown claim": (
        OWNERS + "- {controls: [data], accountable: product, claim: provder}\n",
        "8: owners.0.claim: 'provder' is not one of customer, provider, third_party; did you mean provider?",
    ),
    "bad duration": (
        HEAD + "owners: []\nsettings: {review_every: 6 months}\n",
        "8: settings.review_every: expected a number of days or weeks such as 180d or 26w, not 6 months",
    ),
    "duration as a number": (
        HEAD + "owners: []\nsettings: {review_every: 180}\n",
        "8: settings.review_every: ",
    ),
    "bad day": (
        HEAD + "owners: []\nreviewed: 2026-13-01\n",
        "8: ",
    ),
    "day as a number": (HEAD + "owners: []\nreviewed: 20261101\n", "8: reviewed: expected a date such as"),
    "day with a time": (HEAD + "owners: []\nreviewed: 2026-11-01 10:00:00\n", "8: reviewed: expected a date"),
    "no expiry of a contract": (
        HEAD.replace("covers: [plat], expires: 2027-05-31", "covers: [plat]") + "owners: []\n",
        "4: contracts.soc2.expires: missing",
    ),
    "switch as text": (
        HEAD + "owners: []\nsettings: {catch_all_confers_ownership: 'yes'}\n",
        "8: settings.catch_all_confers_ownership: ",
    ),
    # The whole file
    "duplicate ids": (
        OWNERS
        + "- {id: a, controls: [data], accountable: product}\n- {id: a, controls: [log], accountable: web}\n",
        "9: owners.1.id: 'a' is already used",
    ),
    "alias of two teams": (
        "version: 1\nteams:\n  a: {aliases: [x]}\n  b: {aliases: [y, X]}\nowners: []\n",
        "4: teams.b.aliases: 'X' is already a name of team a",
    ),
    "overrides itself": (
        OWNERS + "- {id: a, controls: [data], accountable: product, overrides: [a]}\n",
        "8: owners.0.overrides: 'a' overrides this line",
    ),
    "active and disbanded": (
        "version: 1\nteams:\n  a: {disbanded_on: 2026-01-01}\nowners: []\n",
        "3: teams.a.disbanded_on: conflicts with status: active",
    ),
    # Attestations
    "attestation of no team": (
        ATTESTATION + "- {controls: [log.reviewed], by: platfrm, made: 2026-01-01, expires: 2027-01-01}\n",
        "9: attestations.0.by: no team 'platfrm'; did you mean platform?",
    ),
    "attestation that ends before it begins": (
        ATTESTATION + "- {controls: [log.reviewed], by: web, made: 2027-01-01, expires: 2026-01-01}\n",
        "9: attestations.0.expires: before its `made` date",
    ),
    # Exceptions
    "approved by its owner": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("platform", "web"),
        "9: exceptions.0.approver: must differ from the owner",
    ),
    "exception without expiry": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace(", expires: 2027-01-01", ""),
        "9: exceptions.0.expires: missing",
    ),
    "exception without a ticket": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace(", ticket: T-1", ""),
        "9: exceptions.0.ticket: missing",
    ),
    "exception without where": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("where: {provider: aws}, ", ""),
        "9: exceptions.0.where: missing: an exception needs a where",
    ),
    "exception by tags": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("{provider: aws}", "{tags: {env: dev}}"),
        "9: exceptions.0.where: cannot select by tags: anyone who can set tags could waive a control",
    ),
    "exception by tags in a scope": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("{provider: aws}", "tagged"),
        "9: exceptions.0.where: cannot select by tags",
    ),
    "exception by region": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("{provider: aws}", "{provider: aws, region: us-east-1}"),
        "9: exceptions.0.where: cannot select by region",
    ),
    "exception by a pattern of names": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("{provider: aws}", "{account: '1', resource: 'sg-*'}"),
        "9: exceptions.0.where.resource: cannot select by a name pattern: sg-*; write the full id",
    ),
    "exception for a name in any account": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("{provider: aws}", "{resource: web1}"),
        "9: exceptions.0.where.resource: web1 may exist in several accounts: add the account",
    ),
    "exception for too long": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("ticket: T-1", "ticket: T-1, created: 2025-12-31"),
        "9: exceptions.0.expires: more than 365 days after 2025-12-31 (settings.max_exception)",
    ),
    "duplicate exception ids": (
        EXCEPTION + f"- {{{GOOD}}}\nnot_applicable:\n- {{{GOOD}}}\n",
        "11: not_applicable.0.id: 'E' is already used",
    ),
    "exception of no team": (
        EXCEPTION + f"- {{{GOOD}}}\n".replace("owner: product", "owner: produkt"),
        "9: exceptions.0.owner: no team 'produkt'; did you mean product?",
    ),
    "not applicable by tags": (
        HEAD
        + "owners: []\nnot_applicable:\n"
        + f"- {{{GOOD}}}\n".replace("{provider: aws}", "{tags: {a: b}}"),
        "9: not_applicable.0.where: cannot select by tags",
    ),
    # Other sections
    "include": ("include: [x]\n" + HEAD + "owners: []\n", "1: include: x matches no file"),
    "documents of no team": (
        HEAD + "owners: []\ndocuments:\n- {provider: aws, services: s3, reviewed: 2026-09-01, by: platfrm}\n",
        "9: documents.0.by: no team 'platfrm'; did you mean platform?",
    ),
    "provided_by": (
        OWNERS + "- controls: [data]\n  accountable: product\n  provided_by: {account: '1'}\n",
        "10: owners.0.provided_by.provider: missing",
    ),
    "backstage without files": (
        HEAD + "owners: []\nsettings:\n  inferred:\n  - {from: backstage}\n",
        "10: settings.inferred.0: files is missing: backstage needs it",
    ),
    "backstage elsewhere": (
        HEAD + "owners: []\nsettings:\n  inferred:\n  - {from: backstage, files: [../x.yaml]}\n",
        "10: settings.inferred.0.files.0: expected files below this one, such as owners.d/*.yaml, not ../x",
    ),
    "tags of a contact": (
        HEAD + "owners: []\nsettings:\n  inferred:\n"
        "  - {from: contact, kinds: [aws.alternate.security], keys: [owner]}\n",
        "10: settings.inferred.0: keys does not apply to contact, which takes kinds, role",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_reported_with_its_place(name: str) -> None:
    text, message = BAD[name]
    found = mistakes(text)
    assert len(found) == 1, found
    assert found[0].startswith(f"ownership.yaml:{message}"), found


def test_the_building_blocks_of_the_mistakes_are_valid() -> None:
    assert mistakes(OWNERS + "- {controls: [data], accountable: product}\n") == []
    assert mistakes(EXCEPTION + f"- {{{GOOD}}}\n") == []
    assert mistakes(HEAD + "owners: []\nnot_applicable:\n- {" + GOOD + "}\n") == []


def test_all_mistakes_are_reported_at_once() -> None:
    text = OWNERS + "- {controls: [dta.x], accountable: product, where: nowhere}\n- {controls: [data]}\n"
    assert [line.split(":")[1] for line in mistakes(text)] == ["8", "8", "9"]
    both = "include: [x]\n" + OWNERS + "- {controls: [data], acountable: product}\n"
    assert [line.split(":")[1] for line in mistakes(both)] == ["1", "9"]


def test_both_lines_that_override_each_other_are_reported() -> None:
    first = "- {id: a, controls: [data], accountable: product, overrides: [b]}\n"
    second = "- {id: b, controls: [data], accountable: product, overrides: [a]}\n"
    assert mistakes(OWNERS + first + second) == [
        "ownership.yaml:8: owners.0.overrides: 'b' overrides this line",
        "ownership.yaml:9: owners.1.overrides: 'a' overrides this line",
    ]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        load_ownership(tmp_path / "nothing.yaml", catalogue())
    assert "nothing.yaml:1: no such file" in str(caught.value)


def test_a_misspelt_accountable_team_is_a_finding_and_not_an_error() -> None:
    answers = Resolver(load(OWNERS + "- {controls: [data], accountable: prodct}\n"), catalogue(), NOW)
    lapsed = [defect for defect in answers.defects() if defect.code == "lapsed"]
    assert [(defect.file, defect.line) for defect in lapsed] == [("ownership.yaml", 8)]
    assert "no team 'prodct'; did you mean product?" in lapsed[0].message
    found = answers.resolve("data.no-public-exposure", target())
    assert (found.status, found.owner, found.flags) == ("nobody", None, {"lapsed"})
