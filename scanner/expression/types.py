"""The types of the language, and their derivation from the annotations of a model."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from keyword import iskeyword
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from scanner.model.evidence import Unknown


@dataclass(frozen=True)
class Type:
    """A type. Operators and functions are selected by ``name``."""

    name: str


@dataclass(frozen=True)
class Scalar(Type):
    """bool, int, double, string, timestamp, duration, null, or ``nothing`` (an item of an empty list)."""

    values: tuple[str, ...] | None = None
    """The possible values of a string with a closed set of values."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class ListOf(Type):
    """A list."""

    element: Type

    def __str__(self) -> str:
        return f"list of {self.element}"


@dataclass(frozen=True)
class MapOf(Type):
    """A map from strings."""

    value: Type

    def __str__(self) -> str:
        return f"map of {self.value}"


@dataclass(frozen=True)
class ObjectType(Type):
    """An object with fields."""

    cls: type[BaseModel]

    def __str__(self) -> str:
        return self.cls.__name__


@dataclass(frozen=True)
class Optional(Type):
    """A value or null."""

    inner: Type

    def __str__(self) -> str:
        return f"{self.inner} or null"


@dataclass(frozen=True)
class Unsupported(Type):
    """A type of a model that the language does not support; using such a field is an error."""

    annotation: str

    def __str__(self) -> str:
        return self.annotation


BOOL = Scalar("bool")
INT = Scalar("int")
DOUBLE = Scalar("double")
STRING = Scalar("string")
TIMESTAMP = Scalar("timestamp")
DURATION = Scalar("duration")
NULL = Scalar("null")
NOTHING = Scalar("nothing")

NUMBERS = frozenset({"int", "double"})

_PLAIN: tuple[tuple[type, Scalar], ...] = (
    (bool, BOOL),
    (int, INT),
    (float, DOUBLE),
    (str, STRING),
    (datetime, TIMESTAMP),
    (timedelta, DURATION),
)


def list_of(element: Type) -> ListOf:
    """The type of a list of ``element``."""
    return ListOf("list", element)


def optional(inner: Type) -> Type:
    """``inner`` or null."""
    if isinstance(inner, Optional) or inner == NULL:
        return inner
    return Optional("optional", inner)


def required(given: Type) -> Type:
    """The type without null."""
    return given.inner if isinstance(given, Optional) else given


def constant_type(value: bool | int | float | str | None) -> Scalar:
    """The type of a literal."""
    if value is None:
        return NULL
    return next(scalar for python, scalar in _PLAIN if type(value) is python)


@lru_cache(maxsize=1024)
def fields(cls: type[BaseModel], top: bool) -> Mapping[str, Type]:
    """The types of a model's fields by name. Only the fields of a resource (``top``) can be Unknown."""
    found: dict[str, Type] = {}
    for name, field in cls.model_fields.items():
        if name.startswith("_") or not name.isidentifier() or iskeyword(name):
            continue
        found[name] = _resolve(field.annotation, top)
    return types.MappingProxyType(found)


def _resolve(annotation: Any, top: bool) -> Type:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _resolve(get_args(annotation)[0], top)
    if origin is Union or origin is types.UnionType:
        return _union(annotation, top)
    if origin is Literal:
        return _choice(get_args(annotation))
    arguments = get_args(annotation)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        element = _resolve(arguments[0], top=False)
        return element if isinstance(element, Unsupported) else list_of(element)
    if origin in (Mapping, dict) and arguments and arguments[0] is str:
        value = _resolve(arguments[1], top=False)
        return value if isinstance(value, Unsupported) else MapOf("map", value)
    if isinstance(annotation, type) and origin is None:
        for python, scalar in _PLAIN:
            if annotation is python:
                return scalar
        if issubclass(annotation, BaseModel) and not issubclass(annotation, Unknown):
            return ObjectType("object", annotation)
    return _unsupported(annotation)


def _union(annotation: Any, top: bool) -> Type:
    members = set(get_args(annotation))
    if Unknown in members and not top:
        return _unsupported(annotation)
    members -= {Unknown}
    nullable = type(None) in members
    members -= {type(None)}
    if len(members) != 1:
        return _unsupported(annotation)
    inner = _resolve(members.pop(), top)
    if isinstance(inner, Unsupported):
        return inner
    return optional(inner) if nullable else inner


def _choice(values: tuple[Any, ...]) -> Type:
    if all(type(value) is str for value in values):
        return Scalar("string", values)
    for python, scalar in _PLAIN[:2]:
        if all(type(value) is python for value in values):
            return scalar
    return _unsupported(Literal)


def _unsupported(annotation: Any) -> Unsupported:
    return Unsupported("unsupported", getattr(annotation, "__name__", None) or str(annotation))
