"""A small kind with every type of the language, and random expressions and values for it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from scanner.model.evidence import Observed, Unknown
from scanner.model.resources.base import Resource

NOW = datetime(2025, 1, 1, tzinfo=UTC)

HEADER_VALUES: dict[str, Any] = {
    "provider": "aws",
    "partition": "aws",
    "scope": "111122223333",
    "region": "eu-west-1",
    "id": "thing-1",
    "name": "prod-one",
    "type": "aws.s3.thing",
}


class Grant(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    who: str
    public: bool
    port: int
    groups: tuple[str, ...]
    note: str | None


class Seal(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    key: Literal["provider", "customer"]
    key_id: str | None
    days: int


class Thing(Resource):
    kind: ClassVar[str] = "thing"

    a: Observed[bool]
    b: Observed[bool]
    opt: Observed[bool | None]
    count: Observed[int]
    big: Observed[int]
    ratio: Observed[float]
    level: Observed[Literal["low", "high"]]
    note: Observed[str | None]
    names: Observed[tuple[str, ...]]
    ints: Observed[tuple[int, ...]]
    grants: Observed[tuple[Grant, ...]]
    seal: Observed[Seal | None]
    created: Observed[datetime]
    age: Observed[timedelta]
    odd: Observed[complex]


FACETS = sorted(Thing.facets() - {"odd"})
PATTERNS = (r'r"^prod-\w+$"', '"o"', '"^$"', '"(a|b)+"')
WORDS = ("", "a", "prod-one", "root", "é😀", "owner", "low", "A.b")


def hidden(facet: str) -> Unknown:
    """An unknown facet; the call names the facet."""
    return Unknown.because("denied", f"read:{facet}", f"Read:{facet}", "no")


def thing(**values: Any) -> Thing:
    """A thing; facets that are not given have default values."""
    defaults: dict[str, Any] = {
        "tags": {}, "a": False, "b": False, "opt": None, "count": 0, "big": 2**63 - 1, "ratio": 0.0,
        "level": "low", "note": None, "names": (), "ints": (), "grants": (), "seal": None, "created": NOW,
        "age": timedelta(), "odd": 1j,
    }  # fmt: skip
    return Thing(**{**HEADER_VALUES, **defaults, **values})


def any_values(chance: random.Random) -> dict[str, Any]:
    """Random values for every facet that the language can read."""

    def word() -> str:
        return chance.choice(WORDS)

    def flag() -> bool:
        return chance.random() < 0.5

    def words() -> tuple[str, ...]:
        return tuple(word() for _ in range(chance.randrange(4)))

    def grant() -> Grant:
        note = chance.choice([None, word()])
        return Grant(who=word(), public=flag(), port=chance.choice([0, 22, 443]), groups=words(), note=note)

    seal = Seal(
        key=chance.choice(["provider", "customer"]),
        key_id=chance.choice([None, word()]),
        days=chance.randrange(3),
    )
    return {
        "tags": {word(): word() for _ in range(chance.randrange(3))},
        "a": flag(),
        "b": flag(),
        "opt": chance.choice([None, True, False]),
        "count": chance.choice([-1, 0, 1, 2, 7]),
        "big": chance.choice([2**63 - 1, -(2**63), 2**62, 0, 3]),
        "ratio": chance.choice([0.0, -0.0, 1.0, 1.5, -2.5, 1e308, float("inf"), float("nan")]),
        "level": chance.choice(["low", "high"]),
        "note": chance.choice([None, word()]),
        "names": words(),
        "ints": tuple(chance.choice([0, 1, 2, -7, 2**62]) for _ in range(chance.randrange(4))),
        "grants": tuple(grant() for _ in range(chance.randrange(3))),
        "seal": chance.choice([None, seal]),
        "created": NOW + timedelta(hours=chance.randrange(-99, 99)),
        "age": timedelta(seconds=chance.choice([0, 1, -5, 86400, 10**9])),
    }


class Author:
    """Generates random well-typed conditions about a thing."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._items: list[tuple[str, str]] = []
        self._count = 0

    def condition(self, depth: int) -> str:
        pick = self._chance.choice
        if depth <= 0:
            return pick(
                [
                    "true",
                    "false",
                    "thing.a",
                    "thing.b",
                    "thing.a",
                    *self._named("bool"),
                    "(thing.opt == true)",
                ]
            )
        writer = pick([
            self._logic, self._logic, self._logic, self._compared, self._compared, self._texts,
            self._optional, self._macro, self._macro, self._mapped, self._times, self._lists,
        ])  # fmt: skip
        return f"({writer(depth - 1)})"

    def _logic(self, depth: int) -> str:
        kind = self._chance.randrange(4)
        if kind == 0:
            return f"!{self.condition(depth)}"
        symbol = ("&&", "||", "==")[kind - 1]
        return f"({self.condition(depth)}) {symbol} ({self.condition(depth)})"

    def _compared(self, depth: int) -> str:
        symbol = self._chance.choice(["==", "!=", "<", "<=", ">", ">="])
        left = self._chance.choice([self._int, self._double])(depth)
        return f"{left} {symbol} {self._chance.choice([self._int, self._double])(depth)}"

    def _int(self, depth: int) -> str:
        leaf = ["0", "1", "-3", "2", "9223372036854775807", "-9223372036854775808", "0x10",
                "thing.count", "thing.count", "thing.big", *self._named("int")]  # fmt: skip
        if depth <= 0 or self._chance.random() < 0.3:
            return self._chance.choice(leaf)
        kind = self._chance.randrange(5)
        if kind < 2:
            return f"({self._int(depth - 1)} {self._chance.choice('+-*/%')} {self._int(depth - 1)})"
        if kind == 2:
            return f"size({self._chance.choice([self._text, self._text_list, self._int_list])(depth - 1)})"
        if kind == 3:
            return f"{self._int_list(depth - 1)}[{self._int(0)}]"
        return f"(-({self._int(depth - 1)}))"

    def _double(self, depth: int) -> str:
        if depth <= 0 or self._chance.random() < 0.4:
            return self._chance.choice(["0.0", "1.0", "-2.5", "1e300", "thing.ratio", "thing.ratio"])
        return f"({self._double(depth - 1)} {self._chance.choice('+-*/')} {self._double(depth - 1)})"

    def _text(self, depth: int) -> str:
        leaf = ["thing.name", "thing.partition", *self._named("string"), *(f"'{word}'" for word in WORDS)]
        if depth > 0 and self._chance.random() < 0.2:
            return f"{self._text_list(depth - 1)}[{self._chance.choice(['0', '1'])}]"
        return self._chance.choice(leaf)

    def _plain_text(self, depth: int) -> str:
        leaf = ["thing.name", *self._named("string"), *(f"'{word}'" for word in WORDS)]
        return self._chance.choice(leaf)

    def _texts(self, depth: int) -> str:
        text = self._plain_text(depth)
        return self._chance.choice([
            lambda: f"{text} == {self._plain_text(depth)}",
            lambda: f"{text} < {self._text(depth)}",
            lambda: f"{text} in {self._text_list(depth)}",
            lambda: f"{text}.startsWith({self._text(0)})",
            lambda: f"{text}.endsWith({self._text(0)})",
            lambda: f"{text}.contains({self._text(0)})",
            lambda: f"{text}.matches({self._chance.choice(PATTERNS)})",
            lambda: f"thing.level == '{self._chance.choice(['low', 'high'])}'",
        ])()  # fmt: skip

    def _optional(self, depth: int) -> str:
        condition, name = self.condition(depth), self._fresh()
        return self._chance.choice([
            "thing.note == null",
            "null != thing.seal",
            "thing.opt == false",
            f"thing.note == {self._text(0)}",
            f"thing.opt != null && (thing.opt || {condition})",
            f"thing.seal == null || thing.seal.key == 'customer' && {condition}",
            f"!(thing.seal == null) && thing.seal.days < {self._int(depth)}",
            f"thing.seal != null && thing.seal.key_id != null && thing.seal.key_id > {self._text(0)}",
            f"!(thing.note == null || {condition}) && size(thing.note) > 0",
            f"thing.grants.all({name}, {name}.note == null || {name}.note.contains('o'))",
            f"thing.grants.exists({name}, {name}.note != null && ({name}.note == {name}.who || {condition}))",
        ])  # fmt: skip

    def _mapped(self, depth: int) -> str:
        key, name = self._chance.choice(WORDS), self._fresh()
        same = f"thing.tags[{name}] == {self._text(0)}"
        return self._chance.choice([
            lambda: f"{self._text(0)} in thing.tags",
            lambda: f"'{key}' in thing.tags && thing.tags['{key}'] == {self._text(0)}",
            lambda: f"!('{key}' in thing.tags) || thing.tags['{key}'] != {self._text(0)}",
            lambda: f"thing.tags.{self._macro_name()}({name}, {same} || {self.condition(depth)})",
            lambda: f"size(thing.tags) < {self._int(depth)}",
        ])()  # fmt: skip

    def _times(self, depth: int) -> str:
        moment = self._chance.choice(["thing.created", "now", "timestamp('2024-12-31T23:00:00+01:00')"])
        short = [
            "thing.age",
            "duration('36h')",
            "duration('-90m')",
            "(now - thing.created)",
            "(thing.age + thing.age)",
        ]
        span = self._chance.choice([*short, "duration('80000000h')"])
        return self._chance.choice([
            f"{moment} + {span} < now",
            f"{moment} - {self._chance.choice(short)} <= thing.created",
            f"now - {moment} > {span}",
            f"{self._chance.choice(short)} + {self._chance.choice(short)} >= {span}",
            f"{span} == duration('0s')",
            f"{moment} != thing.created",
        ])  # fmt: skip

    def _fresh(self) -> str:
        self._count += 1
        return f"x{self._count}"

    def _macro_name(self) -> str:
        return self._chance.choice(["all", "exists", "exists_one"])

    def _macro(self, depth: int) -> str:
        if len(self._items) >= 3:
            return self.condition(0)
        writer, kind = self._chance.choice(
            [(self._text_list, "string"), (self._int_list, "int"), (lambda _: "thing.grants", "grant")]
        )
        return f"{writer(depth)}.{self._macro_name()}({self._body(kind, self.condition, depth)})"

    def _body(self, kind: str, writer: Any, depth: int) -> str:
        name = self._fresh()
        self._items.append((name, kind))
        text = f"{name}, {writer(depth)}"
        self._items.pop()
        return text

    def _lists(self, depth: int) -> str:
        writer = self._chance.choice([self._text_list, self._int_list])
        symbol = self._chance.choice(["==", "!="])
        doubles = f"[{self._double(depth)}, 1.0] == [1.0, {self._double(depth)}]"
        among = f"{self._int(depth)} in [{self._double(depth)}, {self._double(0)}]"
        return self._chance.choice([f"{writer(depth)} {symbol} {writer(depth)}", doubles, among])

    def _text_list(self, depth: int) -> str:
        return self._list(depth, "thing.names", "string", self._text)

    def _int_list(self, depth: int) -> str:
        return self._list(depth, "thing.ints", "int", self._int)

    def _list(self, depth: int, facet: str, kind: str, item: Any) -> str:
        choice = self._chance.randrange(5)
        nested = len(self._items) >= 3
        if depth > 0 and choice == 0 and not nested:
            return f"{facet}.filter({self._body(kind, self.condition, depth - 1)})"
        if depth > 0 and choice == 1 and not nested:
            return f"thing.names.map({self._body('string', item, depth - 1)})"
        if choice == 2:
            return f"[{', '.join(item(depth - 1) for _ in range(self._chance.randrange(1, 4)))}]"
        groups = [f"{name}.groups" for name, of in self._items if of == "grant" and kind == "string"]
        return self._chance.choice([facet, facet, *groups])

    def _named(self, kind: str) -> list[str]:
        fields = {"bool": "public", "int": "port", "string": "who"}
        found = [name for name, of in self._items if of == kind]
        return found + [f"{name}.{fields[kind]}" for name, of in self._items if of == "grant"]


def any_condition(chance: random.Random, depth: int = 3) -> str:
    """A random well-typed condition about a thing."""
    return Author(chance).condition(depth)[:4000]
