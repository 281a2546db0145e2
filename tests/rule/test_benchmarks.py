# ruff: noqa: E501  (tables read better unbroken)
"""Requirements of benchmarks by id: what answers them, and that no rule claims what it does not mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scanner.base.yaml import DocumentError
from scanner.rule.benchmarks import Benchmark, load_benchmarks, requirements
from scanner.rule.packs import load_packs
from tests.command_line import gapscan
from tests.estate import CATALOGUE, PACK
from tests.rule.test_rules import GOOD, pack

BENCHMARKS = load_benchmarks(CATALOGUE)


def test_every_id_that_a_rule_names_is_a_requirement() -> None:
    for rule in PACK.rules.values():
        for named in (rule.text.refs, rule.text.related):
            for name, ids in named.items():
                if name in BENCHMARKS:
                    assert set(ids) <= set(BENCHMARKS[name].ids), rule.id
                    assert BENCHMARKS[name].provider in rule.text.providers, rule.id
        for name, ids in rule.text.refs.items():
            assert not set(ids) & set(rule.text.related.get(name, ())), rule.id


@pytest.mark.parametrize(
    ("rule", "benchmark", "id"),
    [
        ("key.rotation-period", "cis_gcp_5_0", "1.11"),  # asks for 90 days
        ("key.rotates", "cis_gcp_5_0", "1.11"),
        ("iam.user-unused", "cis_aws_7_0", "2.11"),  # asks for 45 days
        ("iam.user-mfa", "cis_azure_6_0", "5.1.2"),  # is about devices
        ("log.account-audit-trail", "cis_gcp_5_0", "2.2"),  # is about Workspace
        ("log.trail-storage-protected", "cis_gcp_5_0", "2.4"),  # asks for a lock; versions are none
        ("res.bucket-versioned", "cis_aws_7_0", "3.1.2"),  # asks for a second factor to delete
        ("key.not-pending-deletion", "cis_aws_7_0", "5.7"),  # asks for an alarm
        ("net.virtual-machine-no-public-address", "cis_azure_6_0", "8.4.1"),  # asks for a bastion host
        ("iam.role-everything-direct-to-user", "cis_azure_6_0", "5.7"),  # asks for two or three owners
        ("iam.guest-not-administrator", "cis_azure_6_0", "5.3.2"),  # asks for a review of guests
        ("key.bucket-customer-key", "cis_azure_6_0", "6.1.1.3"),  # asks it of one store
        ("iam.role-grants-rights-direct-to-user", "cis_aws_7_0", "2.13"),  # asks for any right
        ("net.firewall-default-closed", "cis_gcp_5_0", "3.1"),  # asks for no default network
    ],
)
def test_a_rule_that_asks_for_something_else_does_not_answer(rule: str, benchmark: str, id: str) -> None:
    assert id not in PACK.rules[rule].text.refs.get(benchmark, ())


def found(folder: Path, *rules: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    for number, rule in enumerate(rules):
        pack(folder, rule, f"res/rule-{number}.yaml")
    benchmark = Benchmark(
        name="b",
        provider="aws",
        ids=("1", "2", "3", "4", "5"),
        attested={"4": "app.secure-development", "5": "res.deletion-protection", "1": "app.change-control"},
    )
    loaded = load_packs([str(folder)], CATALOGUE)
    return {one.id: (one.by, one.rules) for one in requirements("b_1", benchmark, loaded, CATALOGUE)}


def test_rules_come_before_attestations_and_both_before_what_is_only_related(tmp_path: Path) -> None:
    answers = GOOD.replace("examples:", 'refs: {b_1: ["1", "9"]}\nrelated: {b_1: ["2", "4"]}\nexamples:')
    touches = GOOD.replace("examples:", 'related: {b_1: ["1", "2"]}\nexamples:')
    assert found(tmp_path, answers, touches) == {
        "1": ("rules", ("res.rule-0",)),
        "2": ("related", ("res.rule-0", "res.rule-1")),
        "3": ("nothing", ()),
        "4": ("attestation", ("res.rule-0",)),
        "5": ("nothing", ()),  # its control wants no attestation
    }


def test_rules_for_another_cloud_answer_nothing(tmp_path: Path) -> None:
    elsewhere = GOOD.replace("examples:", 'providers: [azure]\nrefs: {b_1: ["1"]}\nexamples:')
    assert found(tmp_path, elsewhere)["2"] == ("nothing", ())
    assert found(tmp_path, elsewhere)["1"] == ("attestation", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ids: ['1', '1']", "4: b: 1 is listed twice"),
        ("ids: ['1']\n  attested: {'2': gov.asset-inventory}", "5: b: no requirement 2"),
        ("ids: ['1']\n  attested: {'1': gov.asset-inventry}", "5: b: no control 'gov.asset-inventry'; did you mean gov.asset-inventory?"),
        ("ids: []", "4: benchmarks.b.ids: is empty"),
    ],
)  # fmt: skip
def test_mistakes_are_reported_with_their_line(text: str, message: str, tmp_path: Path) -> None:
    body = f"benchmarks:\n b:\n  name: b\n  {text}\n  provider: aws\n"
    (tmp_path / "benchmarks.yaml").write_text(body, encoding="utf-8")
    with pytest.raises(DocumentError) as raised:
        load_benchmarks(CATALOGUE, tmp_path)
    assert f"benchmarks.yaml:{message}" in str(raised.value)


def test_the_command_prints_every_id_once_and_nothing_but_ids() -> None:
    done = gapscan("rules", "coverage", "--benchmark", "cis_gcp_5_0")
    assert done.returncode == 0, done.stderr
    head, *rest = done.stdout.splitlines()
    assert head == "cis_gcp_5_0: CIS Google Cloud Foundations 5.0, 93 requirements"
    printed = [word for line in rest for word in line.split() if "." in word]
    assert sorted(printed) == sorted(BENCHMARKS["cis_gcp_5_0"].ids)
    titles = ("by rules", "by attestation", "related only", "not at all")
    assert [title for title in titles if any(line.strip().startswith(title) for line in rest)] == list(titles)


def test_the_command_as_json() -> None:
    done = gapscan("rules", "coverage", "--format", "json")
    assert done.returncode == 0, done.stderr
    printed = {one["benchmark"]: one for one in json.loads(done.stdout)}
    assert printed.keys() == BENCHMARKS.keys()
    aws = {one["id"]: one for one in printed["cis_aws_7_0"]["requirements"]}
    assert tuple(aws) == BENCHMARKS["cis_aws_7_0"].ids
    assert aws["2.5"] == {"id": "2.5", "by": "rules", "rules": ["iam.root-mfa"], "control": None}
    assert (aws["5.7"]["by"], aws["5.7"]["rules"]) == ("related", ["key.not-pending-deletion"])


def test_an_unknown_benchmark_is_a_usage_error() -> None:
    done = gapscan("rules", "coverage", "--benchmark", "cis_aws_7")
    assert done.returncode == 2
    assert "did you mean cis_aws_7_0?" in done.stderr
