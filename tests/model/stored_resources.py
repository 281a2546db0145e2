"""Generated resources of every kind, with any facets known, absent, unknown or not collected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel

from scanner.model.evidence import Cause, Reason, Unknown
from scanner.model.resources.base import HEADER, ProviderName, Resource
from scanner.model.resources.kinds import KINDS

texts = st.text(max_size=6) | st.sampled_from(["größe", '"\\\n', "\x7f\u2028", "😀"])
unknowns = st.lists(
    st.builds(
        Cause,
        reason=st.sampled_from(get_args(Reason)),
        call=texts,
        permission=st.none() | texts,
        message=texts,
    ),
    min_size=1,
    max_size=2,
).map(lambda causes: Unknown(causes=tuple(causes)))
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**60), 2**60),
    str: texts,
    type(None): st.none(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Unknown: unknowns,
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Everything that an annotation of a facet allows."""
    if annotation in PLAIN:
        return PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {name: values(field.annotation) for name, field in annotation.model_fields.items()}
        return st.builds(annotation, **fields)
    if origin is Mapping:
        return st.dictionaries(texts, texts, max_size=3)
    return st.one_of(*map(values, arguments))


@st.composite
def resources(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(KINDS)) -> Resource:
    """A resource of one of the kinds."""
    model = KINDS[draw(st.sampled_from(kinds))]
    collected = frozenset(draw(st.sets(st.sampled_from(sorted(model.facets()))))) | {"tags"}
    header: dict[str, Any] = {name: draw(texts) for name in HEADER}
    header["provider"] = draw(st.sampled_from(get_args(ProviderName)))
    header["region"] = draw(st.none() | texts)
    facets = {name: draw(values(model.model_fields[name].annotation)) for name in sorted(collected)}
    return model.observe(collected, {**header, **facets})
