# ruff: noqa: E501  (a table reads better unbroken)
"""Rule files: what is wrong with one is text with file and line, before anything is scanned."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.base.yaml import DocumentError
from scanner.catalogue.responsibility import load_catalogue
from scanner.rule.examples import examples_of, run_examples
from scanner.rule.packs import BUILTIN, load_packs
from scanner.rule.rule import Rule

CATALOGUE = load_catalogue()

GOOD = """\
title: Buckets keep versions
control: res.deletion-protection
severity: medium
for: bucket
require: bucket.versioning
message: '{bucket.name} keeps no versions'
rationale: Because.
remediation: {aws: Do it., azure: Do it., gcp: Do it.}
examples:
- pass: {versioning: true}
- fail: {versioning: false}
- unknown: {versioning: {unknown: denied}}
"""


def pack(folder: Path, text: str, name: str = "res/versioned.yaml") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(folder)


def test_a_good_rule_gets_its_id_from_its_path(tmp_path: Path) -> None:
    loaded = load_packs([pack(tmp_path, GOOD)], CATALOGUE)
    rule = loaded.rules["res.versioned"]
    assert rule.facets == {"versioning"}
    assert list(run_examples(rule)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("severity: medium", "severity: mediun", 3, "'mediun' is not one of low, medium, high, critical; did you mean medium?"),
        ("rationale:", "rational:", 7, "rational: unknown key; did you mean rationale?"),
        ("for: bucket", "for: buckt", 4, "no kind 'buckt'; did you mean bucket?"),
        ("res.deletion-protection", "res.deletion-protecton", 2, "no control 'res.deletion-protecton'; did you mean res.deletion-protection?"),
        ("require: bucket.versioning", "require: bucket.versionin", 5, "did you mean"),
        ("require: bucket.versioning", "require: bucket.versioning == 'on'", 5, "require:"),
        ("require: bucket.versioning", "require: bucket.versioning &&", 5, "require:"),
        ("require: bucket.versioning", "require: bucket.encryption.key == 'customer'", 5, "require:"),
        ("{bucket.name}", "{bucket.nam}", 6, "message:"),
        (", gcp: Do it.", "", 8, "missing for gcp"),
        ("- pass: {versioning: true}", "- pass: {versionin: true}", 10, "lacks versioning; has versionin, which the rule does not read"),
        ("- pass: {versioning: true}", "- pass: {versioning: 'yes'}", 10, "versioning"),
        ("- pass: {versioning: true}", "- pas: {versioning: true}", 10, "pas"),
        ("title: Buckets", "title: [Buckets", 2, "not valid YAML"),
        ("severity: medium", "severity: medium\nseverity: low", 4, "duplicate key"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, text: str) -> None:
    assert old in GOOD
    with pytest.raises(DocumentError) as caught:
        for rule in load_packs([pack(tmp_path, GOOD.replace(old, new))], CATALOGUE).rules.values():
            list(run_examples(rule))
    (problem, *_) = [problem for problem in caught.value.problems if text in problem.message]
    assert problem.file == str(tmp_path / "res/versioned.yaml")
    assert problem.line == line


def test_the_line_of_a_mistake_in_a_block(tmp_path: Path) -> None:
    block = "require: |\n  bucket.versioning &&\n  bucket.tls_onli"
    with pytest.raises(DocumentError) as caught:
        load_packs([pack(tmp_path, GOOD.replace("require: bucket.versioning", block))], CATALOGUE)
    assert caught.value.problems[0].line == 7


def test_an_example_that_gets_another_verdict_is_named(tmp_path: Path) -> None:
    wrong = GOOD.replace("- fail: {versioning: false}", "- fail: {versioning: true}")
    (rule,) = load_packs([pack(tmp_path, wrong)], CATALOGUE).rules.values()
    (problem,) = run_examples(rule)
    assert (problem.line, problem.message) == (11, "expected fail, got pass")


def test_packs_that_share_an_id_are_refused(tmp_path: Path) -> None:
    first, second = pack(tmp_path / "a", GOOD), pack(tmp_path / "b", GOOD)
    with pytest.raises(DocumentError, match=r"rule res.versioned is also in .*a/res/versioned.yaml"):
        load_packs([first, second], CATALOGUE)


def test_a_former_id_finds_the_rule_and_keeps_the_identity(tmp_path: Path) -> None:
    renamed = GOOD + "aliases: [res.older, res.old]\n"
    loaded = load_packs([pack(tmp_path, renamed)], CATALOGUE)
    (rule,) = loaded.choose(["res.old"])
    assert (rule.id, rule.first_id) == ("res.versioned", "res.older")


def test_packs_without_rules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="holds no rules"):
        load_packs([str(tmp_path)], CATALOGUE)
    with pytest.raises(DocumentError, match="no such rule pack"):
        load_packs([str(tmp_path / "absent")], CATALOGUE)


BUILT_IN = load_packs([BUILTIN], CATALOGUE).rules.values()


@pytest.mark.parametrize("rule", BUILT_IN, ids=lambda rule: rule.id)
def test_every_rule_has_an_example_of_each_verdict_and_they_hold(rule: Rule) -> None:
    verdicts = {example.expected for example in examples_of(rule)}
    assert {"pass", "fail", "unknown"} <= verdicts
    assert "n/a" in verdicts or rule.applies is None
    assert list(run_examples(rule)) == []


@pytest.mark.parametrize("rule", BUILT_IN, ids=lambda rule: rule.id)
def test_every_rule_looks_at_a_kind_that_its_control_expects(rule: Rule) -> None:
    control = CATALOGUE.controls[rule.text.control]
    for provider in rule.text.providers:
        assert rule.text.for_ in control.kinds[provider]
