"""Properties of resolution, tested on generated files and resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scanner.assess.states import EVIDENCE_ORDER, Claim, standing, state_of
from scanner.model.evidence import Unknown
from scanner.ownership.resolve.outcomes import Ownership
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import OwnershipTarget
from tests.ownership.build import DENIED, TEAMS, resolver, target

CONTROLS = ("data.encryption-at-rest", "data.classification", "log.reviewed")
BADNESS = ("misattributed", "contested", "nobody", "owned")
STANDINGS = ("gap", "watch", "fine")
CONTRACTS = {
    "msp": {"party": "acme", "type": "managed_service", "covers": ["data"], "expires": "2027-05-31"},
    "mdr": {"party": "acme", "type": "managed_service", "covers": ["log"], "expires": "2027-05-31"},
}

PATHS = ("/Root", "/Root/A", "/Root/A/B", "/Root/C", "/Root/C/D")
names = st.sampled_from(["web", "platform", "payments", "gone", "nosuchteam"])
some_tags = st.dictionaries(
    st.sampled_from(["env", "owner", "team", "Team"]),
    st.sampled_from(["prod", "dev", "web", "payments", "gone", "alice"]),
    max_size=3,
)


def optional(key: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(st.just({}), values.map(lambda value: {key: value}))


def merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {key: value for part in found for key, value in part.items()})


scope_wheres = merged(
    optional("provider", st.sampled_from(["aws", "gcp"])),
    optional(
        "path", st.one_of(st.sampled_from(PATHS), st.lists(st.sampled_from(PATHS), min_size=1, max_size=2))
    ),
    optional("account", st.sampled_from(["1", "2", "1*", ["1", "2*"]])),
    optional("kind", st.sampled_from(["bucket", "volume"])),
)
wheres = merged(
    scope_wheres,
    optional("region", st.sampled_from(["r1", "r2"])),
    optional(
        "tags",
        st.dictionaries(
            st.sampled_from(["env", "team"]),
            st.lists(st.sampled_from(["prod", "dev", "web"]), min_size=1, max_size=2, unique=True),
            min_size=1,
            max_size=2,
        ),
    ),
    optional("resource", st.sampled_from(["one", "o*"])),
)
selectors = st.lists(
    st.sampled_from(["data.encryption-at-rest", "data.*", "*.re*", "data", "log", "*"]),
    min_size=1,
    max_size=2,
)
claims: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {}, {"claim": "provider"}, {"claim": "third_party", "contract": ["msp"]}]
)
lines = merged(
    st.fixed_dictionaries({"controls": selectors, "accountable": names}),
    optional("where", wheres.filter(bool)),
    claims,
)
waivers = merged(
    st.fixed_dictionaries({"controls": selectors, "where": scope_wheres.filter(bool)}),
    st.just({"owner": "web", "approver": "platform", "reason": "r", "ticket": "t", "expires": "2027-01-01"}),
)
targets = st.builds(
    target,
    provider=st.sampled_from(["aws", "gcp"]),
    scope=st.sampled_from(["1", "2", "11"]),
    path=st.one_of(st.none(), st.sampled_from(PATHS)),
    region=st.sampled_from([None, "r1", "r2"]),
    kind=st.sampled_from(["bucket", "volume"]),
    tags=some_tags,
    account_tags=some_tags,
    resource_id=st.sampled_from(["one", "arn:aws:s3:::other", "x/two"]),
    name=st.just("name"),
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Sections of a file, with ids and overrides that are not circular."""
    owners = draw(st.lists(lines, max_size=6))
    for number, line in enumerate(owners):
        line["id"] = f"line-{number}"
        if number and draw(st.integers(0, 3)) == 0:
            line["overrides"] = [f"line-{draw(st.integers(0, number - 1))}"]
    exceptions = [{**line, "id": f"EX-{n}"} for n, line in enumerate(draw(st.lists(waivers, max_size=2)))]
    declared = [{**line, "id": f"NA-{n}"} for n, line in enumerate(draw(st.lists(waivers, max_size=1)))]
    confers = draw(st.booleans())
    return {
        "owners": owners,
        "exceptions": exceptions,
        "not_applicable": declared,
        "settings": {"catch_all_confers_ownership": confers},
        "contracts": CONTRACTS,
    }


def answers_of(file: dict[str, Any]) -> Resolver:
    sections = dict(file)
    return resolver(*sections.pop("owners"), **sections)


def claim(found: Ownership) -> Claim:
    return Claim(
        ownership=found.status,
        exception_in_force=found.exception is not None,
        declared_not_applicable=found.not_applicable is not None,
    )


def with_unread_facts(place: OwnershipTarget) -> list[OwnershipTarget]:
    return [
        replace(place, tags=DENIED),
        replace(place, path=DENIED),
        replace(place, account_tags=DENIED),
        replace(place, tags=DENIED, path=DENIED),
        replace(place, tags=DENIED, path=DENIED, account_tags=DENIED),
    ]


@settings(max_examples=200)
@given(files(), targets)
def test_unread_tags_or_paths_never_improve_the_result(file: dict[str, Any], place: OwnershipTarget) -> None:
    answers = answers_of(file)
    for control in CONTROLS:
        known = answers.resolve(control, place)
        for hidden_place in with_unread_facts(place):
            hidden = answers.resolve(control, hidden_place)
            assert BADNESS.index(hidden.status) <= BADNESS.index(known.status)
            if (hidden.status, hidden.owner) != (known.status, known.owner):
                assert "owner_uncertain" in hidden.flags
            assert known.exception is not None or hidden.exception is None
            assert known.not_applicable is not None or hidden.not_applicable is None
            for evidence in EVIDENCE_ORDER:
                before = standing(state_of(claim(known), evidence).state, evidence)
                after = standing(state_of(claim(hidden), evidence).state, evidence)
                assert STANDINGS.index(after) <= STANDINGS.index(before)


@settings(max_examples=70)
@given(files(), targets)
def test_an_owner_is_certain_when_everything_is_read(file: dict[str, Any], place: OwnershipTarget) -> None:
    answers = answers_of(file)
    assert not isinstance(place.tags, Unknown)
    for control in CONTROLS:
        twice = {"team", "Team"} <= place.tags.keys()
        assert "owner_uncertain" not in answers.resolve(control, place).flags or twice


@settings(max_examples=70)
@given(files(), st.randoms(use_true_random=False), st.lists(targets, min_size=1, max_size=3))
def test_the_order_of_lines_never_matters(
    file: dict[str, Any], random: Any, places: list[OwnershipTarget]
) -> None:
    shuffled = {
        name: random.sample(value, len(value)) if isinstance(value, list) else value
        for name, value in file.items()
    }
    one, other = answers_of(file), answers_of(shuffled)
    for place in [*places, *with_unread_facts(places[0])]:
        for control in CONTROLS:
            first, second = one.resolve(control, place), other.resolve(control, place)
            assert replace(first, source=None) == replace(second, source=None)
    first_codes = sorted((defect.code, defect.line_id, defect.controls) for defect in one.defects())
    assert first_codes == sorted((defect.code, defect.line_id, defect.controls) for defect in other.defects())


@settings(max_examples=70)
@given(files(), targets)
def test_the_most_specific_line_wins(file: dict[str, Any], place: OwnershipTarget) -> None:
    """An exact control on the exact resource with all other conditions beats every other line."""
    where: dict[str, Any] = {
        "resource": place.resource_id,
        "account": place.scope,
        "provider": place.provider,
        "kind": place.kind,
    }
    place = replace(place, path="/Root/A/B", region="r1", tags={"env": "prod"})
    where.update(path=place.path, region="r1", service=place.service, tags={"env": "prod"})
    line = {"id": "top", "controls": CONTROLS[0], "where": where, "accountable": "platform"}
    found = answers_of({**file, "owners": [line, *file["owners"]]}).resolve(CONTROLS[0], place)
    assert (found.status, found.owner) == ("owned", "platform")


@settings(max_examples=70)
@given(lines, lines, targets)
def test_contested_is_symmetrical(one: dict[str, Any], other: dict[str, Any], place: OwnershipTarget) -> None:
    """Of two lines that differ only in the team, neither wins where they fit."""
    plain = {"controls": one["controls"], **({"where": one["where"]} if "where" in one else {})}
    pair = [{**plain, "accountable": "web"}, {**plain, "accountable": "payments"}]
    for control in CONTROLS:
        alone = resolver(pair[0], settings={"inferred": []}).resolve(control, place)
        # If it is unknown whether the line fits, one line may own where two are contested.
        assume("owner_uncertain" not in alone.flags)
        both = [
            resolver(*order, settings={"inferred": []}).resolve(control, place).status
            for order in (pair, pair[::-1])
        ]
        expected = "contested" if alone.status == "owned" else "nobody"
        assert both == [expected, expected]


@settings(max_examples=70)
@given(files(), targets)
def test_only_an_active_team_owns(file: dict[str, Any], place: OwnershipTarget) -> None:
    answers = answers_of(file)
    for control in CONTROLS:
        found = answers.resolve(control, place)
        if found.status == "owned":
            assert found.owner in TEAMS
            assert found.owner != "gone"
            assert found.source is not None
