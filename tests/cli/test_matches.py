"""Places are found in one pass, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from scanner.base.yaml import suggestion
from scanner.cli.exits import Usage
from scanner.cli.matches import LISTED, Matches
from scanner.cli.places import SnapshotEstate
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.base import Resource
from tests.estate import ACCOUNT, EVERYTHING, NOW, account, bucket


@dataclass(frozen=True)
class Buckets:
    """An account and many buckets, each made when it is read."""

    number: int

    def __len__(self) -> int:
        return self.number + 1

    def __iter__(self) -> Iterator[Resource]:
        yield account()
        for index in range(self.number):
            yield bucket(f"logs-{index:05}")


def estate(number: int) -> SnapshotEstate:
    target = Target("aws", ACCOUNT, "reader", True, True, None)
    return SnapshotEstate(Inventory(Buckets(number), (), (target,), EVERYTHING), NOW, {})


def test_a_resource_is_found_by_id_name_or_a_part() -> None:
    found = estate(12)
    for name in ("arn:aws:s3:::logs-00007", "logs-00007", "LOGS-00007", "ogs-00007"):
        assert found.find(name, None).name == "logs-00007"
    assert found.find("logs-00007", ACCOUNT).target.scope == ACCOUNT
    assert found.find(ACCOUNT, None).is_scope


def test_many_matches_are_listed_in_part() -> None:
    with pytest.raises(Usage, match="logs matches more than 10 resources") as error:
        estate(3_000).find("logs", None)
    assert str(error.value).count("  arn:aws:s3:::logs-") == LISTED
    with pytest.raises(Usage, match="logs-0000 matches 10 resources") as error:
        estate(10).find("logs-0000", None)
    assert str(error.value).count("\n") == LISTED


def test_a_misspelt_name_is_suggested_from_a_sample() -> None:
    with pytest.raises(Usage, match="did you mean logs-0"):
        estate(5_000).find("lgos-00017", None)


def test_no_more_names_are_kept_than_are_compared() -> None:
    matches: Matches[int] = Matches("wanted")
    for index in range(20_000):
        matches.offer(index, f"want-{index}", f"name-{index}", index)
        matches.offer(-index, f"id-{index}/WANTED-BY", "other", index)
    assert len(list(matches.similar)) == 2_000
    assert len(matches.best()) == LISTED + 1
    assert suggestion("want-1x", matches.similar) != ""


def test_the_better_rank_wins_and_equal_keys_count_once() -> None:
    matches: Matches[str] = Matches("www")
    matches.offer("a", "arn:www-old", "www-old", "a part of it")
    matches.offer("b", "arn:www", "WWW", "the name")
    matches.offer("b", "arn:www", "WWW", "the same again")
    assert matches.best() == ["the name"]
    matches.offer("c", "www", "else", "the id")
    assert matches.best() == ["the id"]
