"""Who is let in by a policy: principals, actions, resources and conditions, read together.

A policy is put to one kind of requester at a time, such as "anyone without credentials", or "somebody of
account
444455556666". What the requester can do about each attribute of a request comes from the cloud's own table
(:class:`Requester`). The answer is yes, no, or doubtful, with the statement that decides. "No" is proof:
every statement that could let him in has a condition that he cannot meet, or is denied however he sends the
request.

Source: "Policy evaluation logic" (IAM user guide): a denial always wins, and the conditions of one statement
must all hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from scanner.policy.conditions import (
    Condition,
    Possibilities,
    Possibility,
    Truth,
    Unclear,
    any_certain,
    narrowed,
)
from scanner.policy.patterns import covers, intersect, matches

MOST_STEPS = 4000
"""Combinations of ways around denials that are tried; what takes more is doubtful."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy about a resource."""

    number: int
    """Its place in the policy, from 1."""
    allow: bool
    principals: tuple[tuple[str, str], ...]
    """Type in lower case, and name; for everyone ``("aws", "*")``."""
    all_but_principals: bool
    """It applies to everyone except the principals."""
    actions: tuple[str, ...]
    """Patterns in lower case."""
    all_but: bool
    """It applies to every action except these."""
    resources: tuple[str, ...]
    """Patterns; empty in a policy that names no resources."""
    all_but_resources: bool
    """It applies to every resource except these."""
    conditions: tuple[Condition, ...]

    def names(self, action: str) -> bool:
        """Whether it applies to the action, given in lower case."""
        return any(matches(pattern, action) for pattern in self.actions) != self.all_but

    def covers(self, resource: str) -> bool:
        """Whether it applies to everything that a pattern means."""
        if self.all_but_resources:
            return not any(intersect(pattern, resource) for pattern in self.resources)
        return not self.resources or any(covers(pattern, resource) for pattern in self.resources)


@dataclass(frozen=True)
class Requester:
    """A kind of requester."""

    named_by: Callable[[Statement], Truth]
    """Whether a statement's principals include him; for a denial, whether they certainly do."""
    attribute: Callable[[str], Possibilities | None]
    """What an attribute of his requests can be; ``None`` if the cloud's table does not know it."""


@dataclass(frozen=True)
class Request:
    """Something that a statement may allow."""

    action: str
    """In lower case; no pattern."""
    resource: str
    """A pattern: everything that it means."""


@dataclass(frozen=True)
class Admission:
    """Whether a requester is let in, and by which statement."""

    let_in: Truth
    statement: int | None = None
    """The number of the statement that lets him in, or that leaves it doubtful."""
    doubtful: frozenset[str] = frozenset()
    """The attributes that leave it doubtful."""

    @property
    def reason(self) -> str:
        """What is doubtful about it, in words."""
        attributes = ", ".join(sorted(self.doubtful)) or "its principals"
        return f"statement {self.statement} leaves open who is let in ({attributes})"


CLOSED = Admission(False)


def first_of(admissions: Iterable[Admission]) -> Admission:
    """Whoever is let in by any is let in; else whatever is doubtful."""
    doubtful = CLOSED
    for each in admissions:
        if each.let_in:
            return each
        if each.let_in is None and doubtful.let_in is False:
            doubtful = each
    return doubtful


def admission(
    requester: Requester,
    statements: Sequence[Statement],
    requests: Callable[[Statement], Iterable[Request]],
) -> Admission:
    """Whether the statements let a requester in, to anything that ``requests`` names for an Allow
    statement."""
    return first_of(
        by_statement(requester, each, statements, requests(each)) for each in statements if each.allow
    )


def by_statement(
    requester: Requester,
    allow: Statement,
    statements: Iterable[Statement],
    requests: Iterable[Request],
) -> Admission:
    """Whether one Allow statement lets a requester in, to any of the requests."""
    named = requester.named_by(allow)
    if named is False:
        return CLOSED
    denials = [each for each in statements if not each.allow and requester.named_by(each) is True]
    distinct = {
        tuple(d for d in denials if d.names(request.action) and d.covers(request.resource))
        for request in requests
    }
    found = first_of(_Attempt(requester, allow).past(each) for each in sorted(distinct, key=len))
    return Admission(None, allow.number) if named is None and found.let_in else found


class _Attempt:
    """A requester before one Allow statement, who looks for a way around denials."""

    def __init__(self, requester: Requester, allow: Statement) -> None:
        self._requester = requester
        self._allow = allow
        self._steps = 0

    def past(self, denials: tuple[Statement, ...]) -> Admission:
        state: Mapping[str, Possibilities] = {}
        for condition in self._allow.conditions:
            left = narrowed(self._of(state, condition.key), condition, True)
            if not left:
                return CLOSED
            state = {**state, condition.key: left}
        self._steps = 0
        return self._around(denials, state)

    def _of(self, state: Mapping[str, Possibilities], key: str) -> Possibilities:
        if key in state:
            return state[key]
        known = self._requester.attribute(key)
        return (Possibility(Unclear(), certain=False),) if known is None else known

    def _around(self, denials: tuple[Statement, ...], state: Mapping[str, Possibilities]) -> Admission:
        """Whether some request is denied by none: for each denial, one of its conditions must not hold."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            return Admission(None, self._allow.number, frozenset(state))
        if not denials:
            doubtful = frozenset(key for key, left in state.items() if any_certain(left) is None)
            return Admission(None if doubtful else True, self._allow.number, doubtful)
        ways = []
        for number, condition in enumerate(denials[0].conditions):
            before = self._of(state, condition.key)
            left = narrowed(before, condition, False)
            if left:
                # First what costs nothing: a way that leaves all other ways open.
                ways.append((any_certain(left) is None, left != before, number, condition.key, left))
        return first_of(
            self._around(denials[1:], {**state, key: left})
            for *_, key, left in sorted(ways, key=itemgetter(0, 1, 2))
        )
