"""Untrusted rule packs: expressions run no foreign code, and their cost is bounded."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scanner.expression.errors import ExpressionError
from scanner.expression.lexer import MAX_SOURCE
from scanner.expression.predicate import compile_predicate
from scanner.expression.template import compile_template
from scanner.model.evidence import Unknown
from tests.expression.model import NOW, Grant, Thing, any_condition, thing

PIECES = st.sampled_from(
    [
        "thing",
        "thing.a",
        "thing.names",
        "thing.grants",
        "thing.tags",
        "thing.seal",
        "thing.note",
        ".",
        ".all(",
        ".map(x,",
        ".filter(",
        "x",
        "y",
        "(",
        ")",
        "[",
        "]",
        ",",
        "!",
        "-",
        "&&",
        "||",
        "==",
        "!=",
        "<",
        "in",
        "+",
        "*",
        "/",
        "%",
        "null",
        "true",
        "1",
        "-1",
        "1.5",
        "'a'",
        '"',
        "'''",
        "\\",
        "{",
        "}",
        "{{",
        "}}",
        "?",
        ":",
        "@",
        "\x00",
        "é",
        "�",
        "__class__",
        ".matches(",
        "'('",
        "size(",
        "timestamp(",
        "duration(",
        "now",
        "//",
        "9e999",
        "0x",
        "b'",
        "r'",
    ]
)


@settings(max_examples=1000, derandomize=True)
@given(
    st.one_of(
        st.lists(PIECES, max_size=25).map(" ".join),
        st.lists(PIECES, max_size=25).map("".join),
        st.text(max_size=60),
    )
)
@example("'" * 4000)
@example("\\" * 4000)
@example("{")
def test_arbitrary_text_is_only_rejected_or_evaluated(source: str) -> None:
    try:
        predicate = compile_predicate(source, "thing", Thing)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(source)
        assert error.message
    else:
        assert isinstance(predicate.evaluate(thing(), NOW), bool | Unknown)
    try:
        assert isinstance(compile_template(source, "thing", Thing).render(thing(), NOW), str)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(source)


@settings(max_examples=500, derandomize=True)
@given(st.integers(0, 2**32), st.data())
def test_damaged_conditions_are_rejected_or_evaluated(seed: int, data: st.DataObject) -> None:
    source = any_condition(random.Random(seed), 2)
    at = data.draw(st.integers(0, len(source)))
    source = source[:at] + data.draw(PIECES) + source[at + data.draw(st.integers(0, 3)) :]
    try:
        predicate = compile_predicate(source, "thing", Thing)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(source)
    else:
        assert isinstance(predicate.evaluate(thing(), NOW), bool | Unknown)


@pytest.mark.parametrize(
    "name",
    [
        "__class__", "__dict__", "__init__", "__class__.__mro__", "model_config", "model_fields",
        "model_dump", "model_construct", "model_fields_set", "kind", "service", "facets", "collected",
        "observe", "copy", "json", "_abc_impl", "__pydantic_private__",
    ],
)  # fmt: skip
def test_only_model_fields_are_accessible(name: str) -> None:
    for source in (
        f"thing.{name} == 1", f"thing.{name}() == 1", f"thing.seal != null && thing.seal.{name} == 1",
        f"thing.grants.all(g, g.{name} == 1)", f"thing.name.{name} == 1", f"thing.names.{name} == 1",
        f"'x'.{name}() == 1", f"now.{name} == 1", f"thing.tags.{name} == 1", f"{name} == 1",
        f"{name}(thing) == 1",
        f"thing['{name}'] == 1",
    ):  # fmt: skip
        with pytest.raises(ExpressionError):
            compile_predicate(source, "thing", Thing)
        with pytest.raises(ExpressionError):
            compile_template(f"{{{source}}}", "thing", Thing)


@pytest.mark.parametrize(
    "name",
    [
        "resource",
        "exact",
        "failures",
        "budget",
        "facet0",
        "item0",
        "constant0",
        "spend",
        "Unknown",
        "len",
        "eval",
    ],
)
def test_names_of_generated_code_are_usable_and_not_accessible(name: str) -> None:
    with pytest.raises(ExpressionError, match="no name"):
        compile_predicate(f"{name} == 1", "thing", Thing)
    predicate = compile_predicate(f"thing.names.all({name}, {name} == 'x') && thing.a", "thing", Thing)
    assert predicate.evaluate(thing(names=("x",), a=True), NOW) is True


@pytest.mark.parametrize(
    "word", ["'\"; import os #", "\\'+evil+\\'", "{0}", "{item}", "%s", "\x00", "\u2028", "]]>", "{{"]
)
def test_string_literals_are_never_code(word: str) -> None:
    quoted = "'" + "".join(f"\\U{ord(character):08x}" for character in word) + "'"
    predicate = compile_predicate(f"thing.name == {quoted} && thing.name in [{quoted}]", "thing", Thing)
    assert predicate.evaluate(thing(name=word), NOW) is True
    assert predicate.evaluate(thing(name="x"), NOW) is False


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(" * 2000 + "true" + ")" * 2000, "nested"),
        ("!" * 4000 + "true", "nested"),
        ("-" * 4000 + "1 == 1", "once"),
        ("[" * 4000, "nested"),
        ("[" * 1000 + "]" * 1000, "nested"),
        ("thing" + ".a" * 2000, "nested"),
        ("thing.ints" + "[0]" * 1000 + " == 1", "nested"),
        ("1" + " + 1" * 1000 + " == 1", "nested"),
        ("thing.a" + " == true" * 400, "nested"),
        ("thing.ints" + ".map(x, x)" * 300 + " == []", "nested"),
        ("size(" * 500 + ")" * 500, "nested"),
        ("thing.ints.all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, true)))))", "nested macros"),
        ("true" + " " * MAX_SOURCE, "longer"),
        ("1" * 4090 + " > 0", "64 bits"),
        ("'" + "x" * MAX_SOURCE + "' == ''", "longer"),
        ("'x'.matches('" + "(" * 500 + ")" * 500 + "')", "longer"),
        ("'x'.matches('(x{1000}){1000}')", "not a regular expression"),
        ("'x'.matches('((a{99}){9}){9}')", "not a regular expression"),
    ],
)
def test_depth_and_length_are_bounded(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_predicate(source, "thing", Thing)


@pytest.mark.parametrize(
    ("opening", "closing", "inner"),
    [("(", ")", "thing.a"), ("!(", ")", "thing.a"), ("thing.a && (", ")", "thing.b"),
     ("thing.a || (", ")", "thing.b"), ("1 + (", ")", "1"), ("[", "][0]", "1"), ("-(", ")", "1")],
)  # fmt: skip
def test_every_depth_is_evaluated_or_rejected(opening: str, closing: str, inner: str) -> None:
    for depth in range(1, 60):
        source = opening * depth + inner + closing * depth
        source = source if inner != "1" else f"{source} == 1"
        try:
            predicate = compile_predicate(source, "thing", Thing)
        except ExpressionError as error:
            assert "nested" in error.message
            assert depth > 12
        else:
            assert isinstance(predicate.evaluate(thing(a=True), NOW), bool | Unknown)


def test_long_chains_are_accepted() -> None:
    source = " && ".join(["thing.a"] * 350)
    assert compile_predicate(source, "thing", Thing).evaluate(thing(a=True), NOW) is True


MANY = tuple(range(3000))


@pytest.mark.parametrize(
    "source",
    [
        "thing.ints.all(a, thing.ints.all(b, a + b >= 0))",
        "thing.ints.all(a, thing.ints.all(b, thing.ints.all(c, thing.ints.all(d, true))))",
        "thing.ints.all(a, size(thing.ints.filter(b, b >= a)) >= 0)",
        "thing.ints.all(a, thing.ints == thing.ints)",
        "thing.ints.all(a, !(a + 100000 in thing.ints))",
        "thing.ints.map(a, thing.ints.map(b, thing.ints.map(c, c))).all(x, size(x) > 0)",
        "thing.ints.all(a, thing.names.all(n, n.matches('(x+x+)+y')) == false)",
        "thing.ints.all(a, !thing.name.contains('y'))",
    ],
)
def test_work_is_bounded(source: str) -> None:
    big = thing(ints=MANY, names=("x" * 6000,), name="x" * 100_000)
    found = compile_predicate(source, "thing", Thing).evaluate(big, NOW)
    assert isinstance(found, Unknown)
    (cause,) = found.causes
    assert cause.reason == "error"
    assert "steps" in cause.message


def test_an_exhausted_budget_is_absorbed_like_any_unknown() -> None:
    source = "thing.ints.all(a, thing.ints.all(b, a + b >= 0)) && false"
    assert compile_predicate(source, "thing", Thing).evaluate(thing(ints=MANY), NOW) is False


def test_ordinary_work_is_within_the_budget() -> None:
    grant = Grant(who="x", public=False, port=1, groups=("a", "b"), note=None)
    big = thing(grants=(grant,) * 1000, names=("a", "b"))
    source = "thing.grants.all(g, g.groups.all(x, x in thing.names) && !g.public && g.who.matches('^x$'))"
    assert compile_predicate(source, "thing", Thing).evaluate(big, NOW) is True


def test_catastrophic_expressions_are_linear() -> None:
    evil = thing(name="a" * 50_000 + "!")
    assert compile_predicate("thing.name.matches('^(a+)+$')", "thing", Thing).evaluate(evil, NOW) is False
    assert (
        compile_predicate("thing.name.matches(thing.names[0])", "thing", Thing).evaluate(
            evil.model_copy(update={"names": ("^(a|aa)+$",)}), NOW
        )
        is False
    )
    endless = compile_predicate("'x'.matches(thing.names[0])", "thing", Thing)
    assert isinstance(endless.evaluate(thing(names=("x" * 10_000,)), NOW), Unknown)


def test_lists_do_not_grow() -> None:
    source = "size([1].map(a, [a, a]).map(b, [b, b]).map(c, [c, c])) == 1"
    assert compile_predicate(source, "thing", Thing).evaluate(thing(), NOW) is True
    with pytest.raises(ExpressionError, match="cannot be compared"):
        compile_predicate(
            "[1].map(a, [a, a]).map(b, [b, b]) == [1].map(a, [a, a]).map(b, [b, b])", "thing", Thing
        )
