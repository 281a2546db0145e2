from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scanner.policy.patterns import covers, intersect, matches

TEXT = st.text(alphabet="ab", max_size=12)
PATTERN = st.text(alphabet="ab*?", max_size=8)


@given(st.text(alphabet="ab*?", max_size=12), TEXT)
def test_patterns_match_as_a_naive_matcher_does(pattern: str, text: str) -> None:
    def naive(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return any(naive(p[1:], t[at:]) for at in range(len(t) + 1))
        return bool(t) and p[0] in ("?", t[0]) and naive(p[1:], t[1:])

    assert matches(pattern, text) is naive(pattern, text)


def test_a_hostile_pattern_is_matched_quickly() -> None:
    assert not matches("*a" * 5000, "a" * 4000 + "b")


@given(PATTERN, PATTERN, TEXT)
def test_a_pattern_that_covers_another_matches_whatever_it_does(wide: str, narrow: str, text: str) -> None:
    if matches(narrow, text):
        assert matches(wide, text) or not covers(wide, narrow)
        assert intersect(wide, narrow) or not matches(wide, text)
