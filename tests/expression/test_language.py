"""The meaning of conditions, and the errors of invalid ones."""

from __future__ import annotations

import pytest

from scanner.expression import functions as table
from scanner.expression.errors import ExpressionError
from scanner.expression.functions import function_of
from scanner.expression.predicate import compile_predicate
from scanner.expression.reference import reference
from scanner.model.evidence import Unknown
from scanner.model.resources.account import Account
from scanner.model.resources.kinds import KINDS
from scanner.model.resources.storage import Bucket
from tests.expression.model import NOW, Grant, Seal, Thing, hidden, thing

FULL = thing(
    a=True,
    opt=True,
    count=7,
    ratio=1.5,
    note="see é",
    names=("one", "two"),
    ints=(1, 2, 3),
    tags={"owner": "payments"},
    seal=Seal(key="customer", key_id=None, days=9),
    grants=(Grant(who="root", public=True, port=22, groups=("x",), note=None),),
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("thing.a && !thing.b", True),
        ("!!thing.b", False),
        ("1 + 2 * 3 == 7 && (1 + 2) * 3 == 9", True),
        ("7 / -2 == -3 && -7 % 3 == -1", True),
        ("10 - 3 - 2 == 5", True),
        ("1 == 1.0 && 2 > 1.5", True),
        ("9007199254740993 == 9007199254740992.0", False),
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("[0.0 / 0.0] == [0.0 / 0.0]", False),
        ("1.0 / 0.0 > 1e308 && -1.0 / 0.0 < -1e308", True),
        ("-9223372036854775808 < 0x10 && .5 < 1e2", True),
        (r"'\x41\101\u0041\U00000041' == 'AAAA' && r'\n' == '\\n'", True),
        ("'''two\nlines''' == \"two\\nlines\"", True),
        ("size('é😀') == 2 && 'é'.size() == 1", True),
        ("thing.note != null && thing.note.endsWith('é')", True),
        ("thing.opt == true && true == thing.opt", True),
        ("thing.opt == null || thing.opt", True),
        ("thing.note == 'x' || size(thing.names) == 2", True),
        ("thing.note == 'see é' && thing.note.contains(' ')", True),
        ("!(thing.seal == null || thing.seal.key != 'customer')", True),
        ("thing.seal != null && thing.seal != null && thing.seal.days > 8", True),
        ("thing.names == ['one', 'two'] && thing.names != []", True),
        ("thing.names[1] == 'two' && 'one' in thing.names", True),
        ("'owner' in thing.tags && thing.tags['owner'] == 'payments'", True),
        ("!('team' in thing.tags) || thing.tags['team'] == ''", True),
        ("thing.tags.exists(k, thing.tags[k].startsWith('pay'))", True),
        ("thing.ints.exists_one(i, i > 2) && thing.ints.map(i, i * 2) == [2, 4, 6]", True),
        ("size(thing.ints.filter(i, i % 2 == 1)) == 2", True),
        ("thing.grants.all(g, g.groups.exists(x, x == 'x' && g.port == 22))", True),
        ("thing.names.all(n, n.matches('^[a-z]+$'))", True),
        ("now - thing.created < duration('1h30m') && now + duration('-1s') < now", True),
        ("timestamp('2025-01-01T01:00:00+01:00') == now", True),
        ("thing.provider in ['aws', 'gcp'] && thing.region == 'eu-west-1'", True),
        ("null in [thing.note] || thing.note in ['x']", None),
        ("true // the rest is a comment", True),
    ],
)  # fmt: skip
def test_meaning(source: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(ExpressionError, match=r"thing\.note may be null"):
            compile_predicate(source, "thing", Thing)
        return
    assert compile_predicate(source, "thing", Thing).evaluate(FULL, NOW) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("thing.a && thing.b", {"a", "b"}),
        ("thing.a && false", False),
        ("false && thing.a", False),
        ("thing.b || true", True),
        ("!thing.a", {"a"}),
        ("thing.a == thing.b", {"a", "b"}),
        ("thing.a == thing.a", {"a"}),
        ("(thing.a && thing.b) == true", {"a", "b"}),
        ("(true && thing.b) == true", {"b"}),
        ("(false || thing.b) == false", {"b"}),
        ("[true && thing.b] != [false]", {"b"}),
        ("[1].map(i, i == 1 && thing.b) != [false]", {"b"}),
        ("thing.level == 'high' || thing.level == 'low'", {"level"}),
        ("thing.seal == null", {"seal"}),
        ("thing.seal != null && thing.seal.key == 'customer'", {"seal"}),
        ("thing.note == 'x'", {"note"}),
        ("'x' in thing.names", {"names"}),
        ("thing.names == []", {"names"}),
        ("size(thing.names) >= 0", {"names"}),
        ("thing.names.all(n, true)", {"names"}),
        ("[1, 2].all(i, thing.a)", {"a"}),
        ("[1, 2].all(i, i == 1 && thing.a)", False),
        ("[1, 2].exists(i, i == 1 || thing.a)", True),
        ("[1, 2].exists_one(i, thing.b)", {"b"}),
        ("size([1].filter(i, thing.b)) == 1", {"b"}),
        ("[1].map(i, thing.b) == [true]", {"b"}),
        ("[thing.b] == [true]", {"b"}),
        ("[thing.count, thing.big] == [1]", {"count", "big"}),
        ("thing.count + thing.big > 0", {"count", "big"}),
        ("-thing.count > 0", {"count"}),
        ("now - thing.created > thing.age", {"created", "age"}),
        ("'k' in thing.tags && thing.tags['k'] == ''", {"tags"}),
        ("thing.opt == null || thing.opt", {"opt"}),
        ("thing.names[0] == 'x'", {"names"}),
        ("thing.a || 1 / 0 == 1", {"a", "expression"}),
        ("thing.a && 1 / 0 == 1 && false", False),
    ],
)  # fmt: skip
def test_unknown_facets(source: str, expected: bool | set[str]) -> None:
    dark = {name: hidden(name) for name in Thing.facets() if name != "odd"}
    found = compile_predicate(source, "thing", Thing).evaluate(thing(**dark), NOW)
    if isinstance(expected, bool):
        assert found is expected
    else:
        assert isinstance(found, Unknown)
        assert sorted(cause.call.removeprefix("read:") for cause in found.causes) == sorted(expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("9223372036854775807 + thing.count > 0", "64 bits"),
        ("thing.big * 2 > 0", "64 bits"),
        ("-9223372036854775808 / (0 - 1) > 0", "64 bits"),
        ("-9223372036854775808 % (0 - 1) == 0", "64 bits"),
        ("thing.count / 0 == 1", "division by zero"),
        ("thing.names[2] == 'x'", "list index out of range"),
        ("thing.names[-1] == 'two'", "list index out of range"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1h') > now", "date value out of range"),
        ("duration('87660000h') + duration('1s') > duration('0s')", "too long"),
        ("timestamp(thing.name) < now", "not a time"),
        ("duration(thing.name) < duration('1s')", "not a duration"),
        ("'x'.matches(thing.names.map(n, '(')[0])", "not a regular expression"),
    ],
)  # fmt: skip
def test_run_time_errors_are_unknown(source: str, message: str) -> None:
    predicate = compile_predicate(source, "thing", Thing)
    found = predicate.evaluate(FULL, NOW)
    assert isinstance(found, Unknown)
    (cause,) = found.causes
    assert (cause.reason, cause.call, cause.permission) == ("error", "expression", None)
    assert message in cause.message
    assert compile_predicate(f"{source} && false", "thing", Thing).evaluate(FULL, NOW) is False


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("", 0, "empty"),
        ("thing.encyption == 1", 6, "no facet 'encyption'"),
        ("thing.cuont == 1", 6, "did you mean 'count'?"),
        ("true && thin.a", 8, "did you mean 'thing'?"),
        ("thing.seal != null && thing.seal.keys == 'x'", 33, "did you mean 'key'?"),
        ("thing.level == 'hihg'", 15, "did you mean 'high'?"),
        ("thing.level in ['low', 'middle']", 15, "it is one of 'low', 'high'"),
        ("'azur' == thing.provider", 0, "did you mean 'azure'?"),
        ("thing.name == 3", 11, "cannot compare string with int"),
        ("thing.name < 3", 11, "'<' does not work on string and int"),
        ("thing.count && true", 6, "'&&' needs a condition, not int"),
        ("!thing.name", 7, "'!' needs a condition, not string"),
        ("thing.count", 0, "must be a bool, but this is int"),
        ("thing.opt", 0, "may be null"),
        ("thing.seal.key == 'customer'", 6, "thing.seal may be null"),
        ("thing.seal != null || thing.seal.key == 'customer'", 28, "may be null"),
        ("thing.seal.key == 'customer' && thing.seal != null", 6, "may be null"),
        ("thing.a && thing.seal != null || thing.seal.days == 1", 39, "may be null"),
        ("(thing.a || thing.seal != null) && thing.seal.days == 1", 41, "may be null"),
        ("!(thing.a && thing.seal == null) && thing.seal.days == 1", 42, "may be null"),
        ("(thing.a && thing.seal == null) || thing.seal.days == 1", 41, "may be null"),
        ("(thing.a || 'k' in thing.tags) && thing.tags['k'] == ''", 44, "may lack this key"),
        ("thing.note.startsWith('x')", 6, "may be null"),
        ("thing.note != 'x'", 6, "null differs from everything"),
        ("size(thing.note) == 1", 11, "may be null"),
        ("thing.note in ['x']", 6, "may be null"),
        ("thing.grants.all(g, g.note.contains('x'))", 22, "may be null"),
        ("thing.grants.all(g, g.note != null) && thing.grants.all(g, g.note.size() > 0)", 61, "may be null"),
        ("thing.a == null", 6, "never null"),
        ("thing.tags['k'] == 'v'", 10, "may lack this key"),
        ("'k' in thing.tags && thing.tags['j'] == 'v'", 31, "may lack this key"),
        ("'k' in thing.tags || thing.tags['k'] == 'v'", 31, "may lack this key"),
        ("thing.tags.k == 'v'", 11, "write ['k']"),
        ("thing.names['x'] == ''", 12, "a list index must be an int"),
        ("thing == null", 0, "whole resource"),
        ("[thing].all(t, t.a)", 1, "whole resource"),
        ("thing.seal == thing.seal", 11, "compared as a whole"),
        ("thing.tags == thing.tags", 11, "compared as a whole"),
        ("[thing.names] == [['x']]", 14, "cannot be compared"),
        ("[1, 'a'] == []", 4, "of one type"),
        ("'x' in thing.name", 13, "contains"),
        ("3 in thing.names", 2, "cannot be in"),
        ("thing.odd == 1", 6, "cannot read"),
        ("thing.a ? true : false", 8, "(c && a) || (!c && b)"),
        ("has(thing.seal)", 0, "x != null"),
        ("thing.a and thing.b", 8, "write '&&'"),
        ("thing.a = thing.b", 8, "write '=='"),
        ("thing.a & thing.b", 8, "write '&&'"),
        ("1u == 1", 0, "unsigned"),
        ("b'x' == 'x'", 0, "bytes"),
        ("{'a': 1} == 1", 0, "cannot be constructed"),
        ("'open", 0, "not closed"),
        ("'a\nb' == ''", 0, "not closed on its line"),
        (r"'\q' == ''", 1, "invalid escape sequence"),
        (r"'\ud800' == ''", 1, "surrogate"),
        ("'\ud800' == ''", 1, "surrogate"),
        ("9223372036854775808 > 0", 0, "64 bits"),
        ("1e999 > 0.0", 0, "too large"),
        ("12ab == 1", 0, "not a number"),
        ("--1 == 1", 1, "once"),
        ("(thing.a", 8, "')' is expected"),
        ("thing.a)", 7, "an operator or the end"),
        ("thing.a é", 8, "unexpected 'é'"),
        ("thing.a\x00", 7, "U+0000"),
        ("thing.nosuch()", 6, "no function 'nosuch'"),
        ("thing.name.startswith('x')", 11, "did you mean 'startsWith'?"),
        ("startsWith(thing.name, 'x')", 0, "write value.startsWith"),
        ("thing.name.startsWith()", 11, "only on string and string"),
        ("thing.names.all(true)", 12, "write list.all(item, …)"),
        ("thing.names.all(n, n)", 19, "needs a condition, not string"),
        ("thing.names.all(thing, true)", 16, "already in use"),
        ("thing.names.all(now, true)", 16, "already in use"),
        ("thing.names.all(n, thing.ints.all(n, true))", 34, "already in use"),
        ("thing.names.all(n, true) && n == ''", 28, "no name 'n'"),
        ("thing.count.all(n, true)", 12, "needs a list or a map"),
        ("thing.name + 'x' == ''", 11, "'+' does not work on string and string"),
        ("1 + 1.0 == 2.0", 2, "does not work on int and double"),
        ("1.5 % 1.0 == 0.5", 4, "does not work"),
        ("thing.a < thing.b", 8, "does not work on bool and bool"),
        ("thing.name.matches('(')", 19, "not a regular expression"),
        ("timestamp('yesterday') < now", 10, "not a time"),
        ("timestamp('2024-13-01T00:00:00Z') < now", 10, "month"),
        ("duration('3 days') < thing.age", 9, "not a duration"),
        ("duration('1ns') < thing.age", 9, "finer than a microsecond"),
        ("duration('99999999999h') < thing.age", 9, "too long"),
    ],
)  # fmt: skip
def test_rejected(source: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_predicate(source, "thing", Thing)
    assert message in caught.value.message
    assert caught.value.offset == offset
    assert str(caught.value) == caught.value.message


def test_facets_exclude_header_fields() -> None:
    source = "bucket.name != '' && (bucket.region == null || bucket.public_read) && 'a' in bucket.tags"
    predicate = compile_predicate(source, "bucket", Bucket)
    assert predicate.facets == {"public_read", "tags"}
    assert predicate.source == source


def test_a_facet_that_was_not_collected_is_named() -> None:
    whole = thing().model_dump()
    values = {name: whole[name] for name in whole if name not in Thing.facets()}
    few = Thing.observe(frozenset({"a"}), {**values, "a": True, "tags": {}})
    assert compile_predicate("thing.a", "thing", Thing).evaluate(few, NOW) is True
    with pytest.raises(AttributeError, match="count"):
        compile_predicate("thing.a && thing.count == 1", "thing", Thing).evaluate(few, NOW)


def test_an_absent_setting_is_not_true() -> None:
    predicate = compile_predicate("account.public_access_block == true", "account", Account)
    assert predicate.facets == {"public_access_block"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rules_can_read_every_facet_of_every_kind(kind: str) -> None:
    from scanner.expression.types import Unsupported, fields

    unreadable = {name for name, of in fields(KINDS[kind], True).items() if isinstance(of, Unsupported)}
    assert not unreadable


def test_symbols_without_a_generated_test_fail_on_unknown() -> None:
    samples = {
        "int": 1,
        "double": 1.0,
        "string": "",
        "timestamp": NOW,
        "duration": NOW - NOW,
        "list": (),
        "map": {},
        "bool": True,
    }
    rows = [table.NEGATION, *table.ARITHMETIC, *table.COMPARISONS, *table.FUNCTIONS, *table.METHODS]
    chosen = [row for row in rows if row.symbol in table.FAILS_ON_UNKNOWN]
    assert {row.symbol for row in chosen} == table.FAILS_ON_UNKNOWN
    for row in chosen:
        for index in range(len(row.operands)):
            operands = [samples[kind] for kind in row.operands]
            operands[index] = hidden("x")
            with pytest.raises(TypeError):
                function_of(row)(*operands)


def test_the_reference_contains_every_symbol() -> None:
    page = reference()
    rows = [*table.ARITHMETIC, *table.COMPARISONS, *table.FUNCTIONS, *table.METHODS, *table.EQUALITY]
    for symbol in {row.symbol for row in rows} | set(table.MACROS):
        assert symbol in page
    assert page == reference()
