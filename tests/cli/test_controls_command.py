"""``gapscan controls``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import gapscan

RULE = """\
title: Queues are evaluated
control: data.store-access-policy
severity: low
for: database
require: database.backed_up == true
message: '{database.name} is not'
rationale: A reason.
remediation: {aws: Do it.}
notes: {azure: Nothing there., gcp: Nothing there.}
providers: [aws]
examples:
- pass: {backed_up: true}
- fail: {backed_up: false}
- unknown: {backed_up: {unknown: denied}}
"""


def lines(*arguments: str) -> list[str]:
    done = gapscan("controls", *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def rows(*arguments: str) -> list[dict[str, Any]]:
    document: list[dict[str, Any]] = json.loads("\n".join(lines("list", *arguments, "--format", "json")))
    return document


def test_every_control_is_listed_once_with_or_without_rules() -> None:
    output = lines("list")
    names = [line.split()[0] for line in output[1 : output.index("")]]
    assert len(names) == len(set(names)) == 70
    (without,) = (line for line in output if line.startswith("net.flow-logs "))
    assert without.split()[1:] == ["resource", "medium", "yyyyy-", "auto", "0", "0/1", "0/1", "0/1"]
    (attestation,) = (line for line in output if line.startswith("plat.physical-security "))
    assert attestation.split()[1:] == ["scope", "low", "yppppp", "attestation", "0", "-", "-", "-"]
    assert [line for line in output if len(line) > 100] == []


def test_the_totals_match_the_list() -> None:
    output = lines("list")
    (total,) = (line for line in output if " controls: " in line)
    numbers = [int(word) for word in total.replace(";", "").split() if word.isdigit()]
    listed, complete, part, without, attestations = numbers
    every = rows()
    assert listed == len(every)
    expecting = [row for row in every if any(row["kinds"].values())]
    assert complete + part + without == len(expecting)
    assert without == sum(1 for row in expecting if not row["rules"])
    assert attestations == sum(1 for row in every if row["evidence"] != "auto")


def test_a_domain_a_glob_and_a_name_can_be_listed() -> None:
    assert {row["domain"] for row in rows("net")} == {"net"}
    assert {row["id"] for row in rows("res.backup*", "ir.plan-covers-cloud")} == {
        "res.backups",
        "res.backup-immutable",
        "ir.plan-covers-cloud",
    }


def test_kinds_seen_are_those_that_a_rule_of_the_pack_evaluates_on_that_cloud(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "queue.yaml").write_text(RULE)
    (row,) = rows("data.store-access-policy", "--rules", str(tmp_path))
    assert row["kinds_seen"] == {"aws": ["database"], "azure": [], "gcp": []}
    assert [rule["id"] for rule in row["rules"]] == ["data.queue"]
    (listed,) = (line for line in lines("list", "data", "--rules", str(tmp_path)) if "store-access" in line)
    assert listed.split()[-4:] == ["1", "1/4", "0/3", "0/3"]


def test_one_control_is_shown_with_everything() -> None:
    output = "\n".join(lines("show", "compute.os-patching"))
    for part in (
        "compute.os-patching: Operating systems are patched on time",
        "resource: assessed on each resource",
        "auto: live configuration shows it",
        "on_prem you, iaas you, caas both, faas provider, paas provider, saas provider",
        "Install security updates on the guests and nodes that you run within the deadline.",
        "Patch hosts and the operating systems under managed services.",
        "container_cluster*",
        "compute.cluster-node-upgrades  (high; container_cluster on aws, azure, gcp)",
        "This machine is a node of a managed cluster",
        "NIST SP 800-53 rev. 5   SI-2, SI-2(2)",
        "PCI DSS 4.0             6.3.3",
    ):
        assert part in output


def test_a_control_without_evidence_from_resources_says_so() -> None:
    output = lines("show", "gov.own-compliance-assessed")
    assert "  no kind of resource" in output
    assert any("only a person can attest it" in line for line in output)
    assert any(line.startswith("  none yet") for line in output)


def test_one_control_as_data() -> None:
    row = json.loads("\n".join(lines("show", "compute.runtime-supported", "--format", "json")))
    assert row["obligations"].keys() == {"customer", "provider"}
    assert "function-runtime-kept-up" in row["shifts"]
    assert row["kinds_seen"]["aws"] == ["function", "database"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "compute.os-patchin"], "did you mean compute.os-patching?"),
        (["show", "compute"], "compute matches 7 controls: see gapscan controls list compute"),
        (["list", "nett.*"], "no control matches 'nett.*'"),
        (["list", "--format", "csv"], "--format csv: expected text or json"),
        (["list", "--rules", "nowhere"], "nowhere:1: no such rule pack"),
    ],
)
def test_bad_input_exits_with_2(arguments: list[str], message: str) -> None:
    done = gapscan("controls", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
