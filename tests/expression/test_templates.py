"""Messages of rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scanner.expression.errors import ExpressionError
from scanner.expression.template import compile_template
from tests.expression.model import NOW, Grant, Seal, Thing, hidden, thing


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", ""),
        ("no placeholder", "no placeholder"),
        ("{thing.name} is open ({thing.names})", "prod-one is open (a, b)"),
        ("{{literal}} {thing.count}", "{literal} 7"),
        ("{'}'}{ thing.name }{\"{\"}", "}prod-one{"),
        ("{thing.a}/{thing.b}/{thing.opt}/{thing.note}", "yes/no/none/none"),
        ("{thing.created}", "2025-01-01T00:00Z"),
        ("{thing.age}, {duration('-90s')}, {now - now}", "2 d 3 h, -1 min 30 s, 0 s"),
        ("{thing.tags}", "a=1, b=2"),
        ("{thing.ints}", "none"),
        ("{thing.seal != null && thing.seal.key == 'customer'}", "yes"),
        ("{thing.grants.filter(g, g.public).map(g, g.who)}", "root"),
        ("{thing.ratio} {thing.region}", "1.5 eu-west-1"),
        ("{1 / 0}", "(not seen)"),
        ("{thing.big} of {size(thing.names)}", "(not seen) of 2"),
    ],
)  # fmt: skip
def test_rendering(source: str, expected: str) -> None:
    resource = thing(
        names=("a", "b"), count=7, a=True, tags={"b": "2", "a": "1"}, ratio=1.5, big=hidden("big"),
        age=timedelta(hours=51), seal=Seal(key="customer", key_id=None, days=1),
        grants=(
            Grant(who="root", public=True, port=1, groups=(), note=None),
            Grant(who="you", public=False, port=1, groups=(), note=None),
        ),
    )  # fmt: skip
    assert compile_template(source, "thing", Thing).render(resource, NOW) == expected


def test_facets() -> None:
    assert compile_template("{thing.name} {thing.a} {size(thing.names)}", "thing", Thing).facets == {
        "a",
        "names",
    }


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("{thing.nam}", 7, "did you mean 'name'?"),
        ("ab {thing.cuont}", 10, "did you mean 'count'?"),
        ("x }", 2, "write '}}'"),
        ("x {thing.a", 2, "write '{{'"),
        ("{}", 1, "empty"),
        ("{thing.seal}", 7, "use one of its fields"),
        ("{thing.grants}", 7, "use one of its fields"),
        ("{thing.seal.key}", 7, "may be null"),
        ("{thing.tags['a']}", 11, "may lack this key"),
        ("{thing.a thing.b}", 9, "an operator"),
        ("x" * 5000, 0, "longer"),
    ],
)
def test_rejected(source: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_template(source, "thing", Thing)
    assert message in caught.value.message
    assert caught.value.offset == offset
