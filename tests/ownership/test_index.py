"""The indexed resolution against a plain model that checks every line and every pair of unsure lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import chain, combinations, groupby, product
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.evidence import Unknown
from scanner.ownership.resolve.resolver import Resolver
from scanner.ownership.resolve.selection import Clause, OwnershipTarget
from scanner.ownership.resolve.ties import first_tie, ties
from tests.ownership.build import NOW, TEAMS, catalogue, file_of, resolver, target
from tests.ownership.test_laws import CONTRACTS, CONTROLS, answers_of, files, targets, with_unread_facts

TEAM_OF = {name.lower(): team for team, text in TEAMS.items() for name in (team, *text.get("aliases", ()))}
WORST = ("misattributed", "contested", "nobody", "owned")
KEYS = {"resource_tag": ("owner", "team", "app:owner"), "account_tag": ("owner",)}
HIDDEN = "hidden"


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class Alternative(NamedTuple):
    """A line with one path, account and resource of its ``where``."""

    line: int
    rank: tuple[int, ...]
    where: dict[str, Any]
    fit: str

    def entails(self, other: Alternative, place: OwnershipTarget) -> bool:
        mine, theirs = self.where.get("tags", {}), other.where.get("tags", {})
        path, above = self.where.get("path"), other.where.get("path")
        tags_do = folded(place.tags) is not None or all(
            key in mine and set(mine[key]) <= set(values) for key, values in theirs.items()
        )
        path_does = above is None or (path is not None and is_below(path, above))
        return tags_do and (path_does or not isinstance(place.path, Unknown))

    def meets(self, other: Alternative) -> bool:
        mine, theirs = self.where.get("tags", {}), other.where.get("tags", {})
        path, another = self.where.get("path"), other.where.get("path")
        alike = path is None or another is None or is_below(path, another) or is_below(another, path)
        return alike and all(set(mine[key]) & set(theirs[key]) for key in mine.keys() & theirs.keys())


def is_below(path: str, above: str) -> bool:
    return f"{path}/".startswith(f"{above}/")


def wheres(where: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    names = [name for name in ("path", "account", "resource") if name in where]
    for values in product(*(many(where[name]) for name in names)):
        yield {**where, **dict(zip(names, values, strict=True))}


def rank(where: Mapping[str, Any]) -> tuple[int, ...]:
    def named(key: str) -> int:
        return 0 if key not in where else 1 if "*" in where[key] else 2

    depth = where["path"].count("/") if "path" in where else 0
    others = (int(key in where) for key in ("kind", "service", "region", "provider"))
    return named("resource"), int("tags" in where), named("account"), depth, *others


def fit(where: Mapping[str, Any], place: OwnershipTarget) -> str:
    ends = [place.resource_id or "", (place.resource_id or "").replace(":", "/").split("/")[-1]]
    if "*" in where.get("resource", ""):
        ends.append(place.name or "")
    plain = {"account": [place.scope], "resource": ends}
    for key in ("provider", "region", "kind", "service"):
        plain[key] = [getattr(place, key) or ""]
    keys = plain.keys() & where.keys()
    if not all(any(fnmatchcase(name, where[key]) for name in plain[key]) for key in keys):
        return "no"
    result = "yes"
    if "path" in where and isinstance(place.path, Unknown):
        result = "maybe"
    elif "path" in where and not (place.path and is_below(place.path, where["path"])):
        return "no"
    tags = folded(place.tags)
    for key, values in where.get("tags", {}).items():
        if tags is not None and tags.get(key) not in values:
            return "no"
    return "maybe" if "tags" in where and tags is None else result


def folded(tags: Any) -> dict[str, str] | None:
    if isinstance(tags, Unknown) or ({"team", "Team"} <= tags.keys() and tags["team"] != tags["Team"]):
        return None
    return {key.lower(): value for key, value in tags.items()}


def control_rank(selectors: list[str], control: str) -> int:
    ranks = [-1]
    for selector in selectors:
        if selector == control:
            ranks.append(3)
        elif "*" in selector and fnmatchcase(control, selector):
            ranks.append(0 if selector == "*" else 2)
        elif selector == control.split(".")[0]:
            ranks.append(1)
    return max(ranks)


def plain_answer(file: dict[str, Any], control: str, place: OwnershipTarget) -> tuple[str, str | None, bool]:
    """Status, owner, and whether something unread could change them."""
    owners = file["owners"]
    every: list[Alternative] = []
    contacts: list[str] = []
    for number, line in enumerate(owners):
        by = control_rank(line["controls"], control)
        if by == 0 and "where" not in line and not file["settings"]["catch_all_confers_ownership"]:
            contacts.append(line["accountable"])
        elif by >= 0:
            for where in wheres(line.get("where", {})):
                if (found := fit(where, place)) != "no":
                    every.append(Alternative(number, (by, *rank(where)), where, found))
    over: dict[str, str] = {}
    for one in sorted(every, key=lambda one: one.fit):  # certain fits come last and take effect
        over |= dict.fromkeys(owners[one.line].get("overrides", ()), one.fit)
    every = [one for one in every if over.get(owners[one.line]["id"]) != "yes"]

    def unsure_fit(one: Alternative) -> bool:
        return one.fit == "maybe" or owners[one.line]["id"] in over

    def outcome(lines: list[Alternative]) -> tuple[str, str | None]:
        teams, wrong = set(), False
        for line in (owners[one.line] for one in lines):
            team = TEAM_OF.get(line["accountable"])
            if team in (None, "gone"):
                continue
            teams.add(team)
            claim = line.get("claim", "customer")
            covered = claim == "third_party" and control.split(".")[0] in CONTRACTS["msp"]["covers"]
            wrong |= claim != "customer" and control_rank(line["controls"], control) >= 2 and not covered
        if len(teams) != 1:
            return ("contested" if teams else "nobody"), None
        return ("misattributed" if wrong else "owned"), teams.pop()

    outcomes: list[tuple[str, str | None]] = []
    above: list[Alternative] = []
    sure: list[Alternative] = []
    for _, group in groupby(sorted(every, key=lambda one: one.rank, reverse=True), key=lambda one: one.rank):
        members = list(group)
        sure = [one for one in members if not unsure_fit(one)]
        unsure = [one for one in members if unsure_fit(one)]
        unsure = [one for one in unsure if not any(one.entails(higher, place) for higher in above)]
        pairs = ([one, two] for one, two in combinations(unsure, 2) if one.meets(two))
        outcomes += [outcome([*sure, *some]) for some in chain(([one] for one in unsure), pairs)]
        if sure:
            break
        above += [one for one in unsure if owners[one.line]["id"] not in over]
    uncertain = False
    if sure:
        outcomes.append(outcome(sure))
    else:
        team, uncertain = inferred(control, place)
        teams = {TEAM_OF.get(name) for name in contacts} - {None, "gone"}
        fallback = ("owned", team) if team else ("nobody", teams.pop() if len(teams) == 1 else None)
        uncertain = uncertain and not team
        outcomes.append(fallback)
    definite = outcomes[-1]
    worst = min(outcomes, key=lambda one: (WORST.index(one[0]), one != definite, one[1] or ""))
    return *worst, len(set(outcomes)) > 1 or (uncertain and worst == definite)


def inferred(control: str, place: OwnershipTarget) -> tuple[str | None, bool]:
    if control.split(".")[0] not in ("app", "data", "compute", "res"):
        return None, False
    for source, tags in (("resource_tag", folded(place.tags)), ("account_tag", folded(place.account_tags))):
        if tags is None:
            if source == "account_tag" and not isinstance(place.account_tags, Unknown):
                tags = {key.lower(): value for key, value in place.account_tags.items()}
            else:
                return None, True
        for key in KEYS[source]:
            if key in tags:
                team = TEAM_OF.get(tags[key])
                return (None if team == "gone" else team), False
    return None, False


@settings(max_examples=150)
@given(files(), st.lists(targets, min_size=1, max_size=3))
def test_the_indexed_answer_equals_the_plain_model(
    file: dict[str, Any], places: list[OwnershipTarget]
) -> None:
    answers = answers_of(file)
    for place in chain.from_iterable((place, *with_unread_facts(place)) for place in places):
        for control in CONTROLS:
            found = answers.resolve(control, place)
            answer = (found.status, found.owner, "owner_uncertain" in found.flags)
            assert answer == plain_answer(file, control, place)


@settings(max_examples=50)
@given(files(), st.lists(targets, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_earlier_questions_change_no_answer(
    file: dict[str, Any], places: list[OwnershipTarget], random: Any
) -> None:
    questions = [(control, place) for place in places for control in CONTROLS]
    sections = dict(file)
    loaded = file_of(*sections.pop("owners"), **sections)
    fresh = [Resolver(loaded, catalogue(), NOW).resolve(*question) for question in questions]
    asked = answers_of(file)
    order = random.sample(range(len(questions)), len(questions))
    later = {number: asked.resolve(*questions[number]) for number in order}
    assert [later[number] for number in range(len(questions))] == fresh


def test_accounts_that_no_line_names_differ_by_the_patterns_they_match() -> None:
    answers = resolver(
        {"controls": "data", "where": {"account": "1*"}, "accountable": "platform"},
        {"controls": "data", "where": {"account": "12*"}, "accountable": "payments"},
        {"controls": "log", "where": {"account": "129"}, "accountable": "payments"},
    )
    found = {
        scope: answers.resolve("data.classification", target(scope=scope))
        for scope in ("111", "222", "333", "121", "129")
    }
    owners = {scope: answer.owner or answer.status for scope, answer in found.items()}
    assert owners == {
        "111": "platform",
        "222": "nobody",
        "333": "nobody",
        "121": "contested",
        "129": "contested",
    }
    assert answers.resolve("log.reviewed", target(scope="129")).owner == "payments"
    assert answers.resolve("log.reviewed", target(scope="128")).owner is None


tags = st.dictionaries(
    st.sampled_from("abc"), st.frozensets(st.sampled_from("xyz"), min_size=1, max_size=2), max_size=2
)
clauses = st.builds(
    lambda tags, path: Clause(tags=tuple(sorted(tags.items())) or None, path=path),
    tags,
    st.one_of(st.none(), st.lists(st.sampled_from("pq"), min_size=1, max_size=3).map(tuple)),
)


@given(st.lists(st.tuples(st.sampled_from(["web", "pay", None]), clauses), max_size=8))
def test_ties_are_all_pairs_that_can_meet(members: list[tuple[str | None, Clause]]) -> None:
    pairs = [
        (first, second)
        for first, second in combinations(range(len(members)), 2)
        if members[first][0] != members[second][0] and members[first][1].can_meet_unseen(members[second][1])
    ]
    assert list(ties(members)) == pairs
    assert first_tie(members) == next(iter(pairs), None)
