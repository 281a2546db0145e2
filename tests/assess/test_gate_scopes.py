"""Gates by named scope: the first that matches applies; where this is unknown, each that may apply does."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from scanner.assess.gate import ScopeGate, Terms
from scanner.assess.narrowing import Selector, parse_where
from scanner.assess.reduce import Assessment
from scanner.assess.states import GATES, Gate, parse_fail_on
from scanner.base.yaml import DocumentError
from scanner.cli.exits import Usage
from scanner.cli.scoping import Gates, gates_of, names_of
from scanner.model.resources.base import Resource
from scanner.ownership.file.load import load_ownership
from scanner.ownership.resolve.selection import compile_selection
from scanner.run.config import load_config
from tests.estate import CATALOGUE, DENIED, account, assessed, at_gate, bucket

OWNERSHIP = """
version: 1
reviewed: 2026-11-01
teams: {platform: {contact: o@example.com}}
scopes:
  prod: {any: [{path: /Root/Prod}, {account: "999900001111"}]}
owners:
- {controls: [data, res, log, gov, key, iam, net], accountable: platform}
"""


def gates(default: str, **scopes: str) -> Terms:
    """Gates by selection."""
    return Terms(
        GATES[default],
        max_unknown=99,
        scopes=tuple(
            ScopeGate(where, Selector(compile_selection(parse_where(where))), GATES[name])
            for where, name in scopes.items()
        ),
    )


def open_bucket(name: str = "b", **facets: object) -> Resource:
    return bucket(name, **{"public_read": True, "public_via": ("ACL",), **facets})


@pytest.fixture
def owned(tmp_path: Path) -> Path:
    path = tmp_path / "ownership.yaml"
    path.write_text(OWNERSHIP, encoding="utf-8")
    return path


def gated(result: Assessment, rule: str = "data.bucket-not-public") -> set[str]:
    found = {finding.uid: finding for finding in result.coverage.findings}
    stopped = [found[uid] for uid in at_gate(result)]
    return {one.resource.name for one in stopped if one.rule == rule and one.resource is not None}


def test_each_scope_has_its_gate(owned: Path) -> None:
    estate = [account(), open_bucket("live", tags={"env": "prod"}), open_bucket("try", tags={"env": "test"})]
    terms = gates("ownership", **{"tags.env=prod": "posture"})
    result = assessed(estate, ownership=owned, terms=terms)
    assert gated(result) == {"live"}, "owned and failing is gated in production alone"
    groups = result.decision.by_scope
    assert [*groups] == ["tags.env=prod", "default"]
    assert (groups["tags.env=prod"][1].at_gate, groups["default"][1].at_gate) == (1, 0)
    assert groups["default"][1].failing_not_gated >= 1


def test_the_first_matching_scope_applies() -> None:
    estate = [account(), open_bucket(tags={"env": "prod", "lab": "yes"})]
    lab, prod = "tags.lab=yes", "tags.env=prod"
    assert gated(assessed(estate, terms=gates("none", **{prod: "ownership", lab: "none"}))) == {"b"}
    assert not gated(assessed(estate, terms=gates("none", **{lab: "none", prod: "ownership"})))


@pytest.mark.parametrize(
    "order", [*itertools.permutations(["tags.env=prod", "path=/Root/Prod", "kind=bucket"])]
)
@pytest.mark.parametrize("names", [*itertools.product(["none", "ownership", "strict"], repeat=2)])
def test_an_unread_value_is_gated_as_strictly_as_any_value(
    order: Sequence[str], names: Sequence[str]
) -> None:
    scopes = dict(zip(order, (*names, "none"), strict=True))
    terms = gates("ownership", **scopes)

    def stopped(path: object, tags: object) -> set[str]:
        return at_gate(assessed([account(path=path), open_bucket(tags=tags)], terms=terms))

    hidden = stopped(DENIED, DENIED)
    for path, tags in itertools.product(["/Root/Prod", "/Root/Lab"], [{"env": "prod"}, {"env": "test"}]):
        revealed = assessed([account(path=path), open_bucket(tags=tags)], terms=terms)
        failing = {
            finding.uid
            for finding in revealed.coverage.findings
            if finding.evidence == "fail" and finding.rule == "data.bucket-not-public"
        }
        assert at_gate(revealed) & failing <= hidden


def test_findings_with_an_uncertain_gate_are_counted() -> None:
    terms = gates("ownership", **{"tags.env=lab": "none"})
    groups = assessed([account(), open_bucket(tags=DENIED)], terms=terms).decision.by_scope
    assert groups["tags.env=lab"][1].uncertain + groups["default"][1].uncertain > 0
    assert groups["default"][1].at_gate >= 1, "of the two, the stricter gate stops it"


@pytest.mark.parametrize("where", ["resource=b", "region=eu-west-1", "service=s3", "tags.env=lab"])
def test_unlisted_resources_may_be_in_any_scope(where: str) -> None:
    """The unlisted buckets may include some of the scope and some of others."""
    strict = parse_fail_on("unknown:low")
    scope = ScopeGate(where, Selector(compile_selection(parse_where(where))), GATES["none"])
    blind = [("bucket", None, DENIED)]
    result = assessed([account()], blind, terms=Terms(strict, max_unknown=99, scopes=(scope,)))
    assert "every bucket" in gated(result)
    turned = Terms(GATES["none"], max_unknown=99, scopes=(ScopeGate(where, scope.selector, strict),))
    assert "every bucket" in gated(assessed([account()], blind, terms=turned))


def test_the_counts_by_gate_add_up(owned: Path) -> None:
    estate = [
        account(),
        *(open_bucket(str(n), tags={"env": env}) for n, env in enumerate(["prod", "lab", "x"])),
    ]
    terms = gates("posture", **{"tags.env=prod": "strict", "tags.env=lab": "none"})
    for ownership in (None, owned):
        decision = assessed(estate, ownership=ownership, terms=terms).decision
        assert sum(group.at_gate for _, group in decision.by_scope.values()) == decision.at_gate
        assert sum(group.failing_not_gated for _, group in decision.by_scope.values()) == sum(
            decision.failing_not_gated.values()
        )


def configured(
    tmp_path: Path, text: str, options: Mapping[str, str | None] = {}, ownership: Path | None = None
) -> Gates:
    path = tmp_path / "gapscan.yaml"
    path.write_text(f"version: 1\n{text}\n", encoding="utf-8")
    config = load_config(path)
    file = load_ownership(ownership, CATALOGUE) if ownership is not None else None
    names = names_of(config, file, CATALOGUE)
    return gates_of(config, options.get("gate"), options.get("fail_on"), names)


LAB = "selections: {lab: {tags: {env: lab}}}\n"


def test_scopes_are_named_in_gapscan_yaml_or_in_the_ownership_file(owned: Path, tmp_path: Path) -> None:
    text = f"{LAB}gate: {{prod: posture, default: strict, lab: 'unowned:critical'}}"
    made = configured(tmp_path, text, ownership=owned)
    assert made.default.name == "strict"
    assert [(one.scope, one.gate.name) for one in made.scopes] == [
        ("prod", "posture"),
        ("lab", "unowned:critical"),
    ]
    assert made.scopes[0].selector.uses_paths
    assert configured(tmp_path, f"{LAB}gate: {{lab: none}}").default is GATES["ownership"]


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("gate: posture", "posture"),
        ("fail_on: 'unowned:high'", "unowned:high"),
        ("max_unknown: 1", "ownership"),
    ],
)
def test_one_gate_for_everything(text: str, gate: str, tmp_path: Path) -> None:
    made = configured(tmp_path, text)
    assert (made.default.name, made.scopes) == (gate, ())


@pytest.mark.parametrize("options", [{"gate": "none"}, {"fail_on": "none"}, {"fail_on": "unowned:low"}])
def test_the_command_line_overrides_the_gates_of_all_scopes(options: dict[str, str], tmp_path: Path) -> None:
    made = configured(tmp_path, f"{LAB}gate: {{lab: strict, default: posture}}", options)
    expected: Gate | None = GATES["none"] if "none" in options.values() else None
    assert made.scopes == ()
    assert made.default.name == (expected.name if expected else "unowned:low")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LAB}gate:\n  default: none\n  labb: none", "yaml:5: gate.labb: no scope 'labb'; did you mean"),
        (f"{LAB}gate:\n  lab: postur", "gapscan.yaml:4: gate.lab: no gate 'postur'; did you mean posture?"),
        (f"{LAB}gate:\n  lab: 'unowed:high'", "yaml:4: gate.lab: no state 'unowed'; did you mean unowned?"),
        (f"{LAB}gate: {{lab: none}}\nfail_on: 'unowned:low'", "gapscan.yaml:4: fail_on: give it under gate"),
        ("selections:\n  lab: {kind: buckt}", "yaml:3: selections.lab: no kind 'buckt'; did you mean"),
        ("selections:\n  lab: {tag: {a: b}}", "yaml:3: selections.lab.tag: unknown key; did you mean tags?"),
        ("selections:\n  prod: {kind: bucket}", "yaml:3: selections.prod: ownership.yaml has a scope of"),
        ("gate: {}", "gapscan.yaml:2: gate"),
        ("gate: [prod]", "gapscan.yaml:2: gate"),
    ],
)  # fmt: skip
def test_errors_in_a_gate_name_the_line(text: str, message: str, owned: Path, tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        configured(tmp_path, text, ownership=owned)
    assert message in str(caught.value)


def test_gate_and_fail_on_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(Usage):
        configured(tmp_path, "max_unknown: 0", {"gate": "none", "fail_on": "none"})
