"""The base class of every kind: the header that all resources have, and their facets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Annotated, Any, ClassVar, Literal, Required, Self, Union, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict

from scanner.model.evidence import Cause, Observed, Unknown

ProviderName = Literal["aws", "azure", "gcp"]
"""The supported clouds."""

HEADER = ("provider", "partition", "scope", "region", "id", "name", "type")
"""Fields that identify a resource. They are always known."""


class Resource(BaseModel):
    """One normalized resource: a header that is always known, and facets that may be unknown.

    Frozen and strict, without field defaults: a facet that a table omits is an error, never a default. A
    scan collects only the facets that it needs (:meth:`observe`); reading one that was not collected raises
    :class:`AttributeError`.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    kind: ClassVar[str]
    """The kind's name in rules and reports."""
    derived: ClassVar[frozenset[str]] = frozenset()
    """Facets that no call returns: they are derived from other resources after the collection."""

    provider: ProviderName
    """The cloud."""
    partition: str
    """The partition of the cloud, with its own identities: ``aws``, ``aws-cn``, ``azure``, ``gcp``, …"""
    scope: str
    """Id of the account, subscription (lower case) or project that contains the resource."""
    region: str | None
    """The cloud's own name of the location, in lower case; ``None`` for global resources."""
    id: str
    """Canonical id: an ARN, a Resource Manager id in lower case, or a Cloud Asset full resource name."""
    name: str
    """The display name."""
    type: str
    """The cloud's type as ``provider.service.type``, e.g. ``aws.s3.bucket``."""

    tags: Observed[Mapping[str, str]]
    """Tags or labels, always collected."""

    @property
    def service(self) -> str:
        """The middle part of :attr:`type`: ``s3``, ``storage``, …"""
        return self.type.split(".")[1]

    @classmethod
    def facets(cls) -> frozenset[str]:
        """The names of all facets of this kind, including tags."""
        return frozenset(cls.model_fields) - frozenset(HEADER)

    @classmethod
    def observe(cls, collected: frozenset[str], values: Mapping[str, Any]) -> Self:
        """A resource for which only the facets ``collected`` were requested.

        ``values`` must contain the header and exactly those facets; validation is as strict as that of the
        model itself. Raises :class:`pydantic.ValidationError`.
        """
        checked = _partial(cls, collected | {"tags"}).model_validate(values)
        return cls._of(dict(checked.__dict__))

    def collected(self) -> frozenset[str]:
        """The facets that were requested for this resource."""
        return frozenset(self.model_fields_set) - frozenset(HEADER)

    def unknowns(self) -> dict[str, Unknown]:
        """The facets that were requested and could not be determined."""
        # Not isinstance: what that costs for each value of another type is most of what writing one costs.
        found = [name for name, value in self.__dict__.items() if type(value) is Unknown]
        return {name: self.__dict__[name] for name in sorted(found)}

    def to_json(self) -> bytes:
        """The resource as a JSON object in UTF-8: its kind, the header and known facets, the unknown facets.

        Unknown facets are in the map ``unknown``, so that a reader never has to guess whether a value is a
        fact or the lack of one.
        """
        unknowns = self.unknowns()
        known = self.__pydantic_serializer__.to_json(self, exclude=set(unknowns) or None)
        apart = to_json({name: unknown.causes for name, unknown in unknowns.items()})
        return b'%b%b,"unknown":%b}' % (first_bytes(self.kind), known[1:-1], apart)

    def to_record(self) -> dict[str, Any]:
        """The same as JSON values."""
        record: dict[str, Any] = json.loads(self.to_json())
        return record

    @classmethod
    def from_json(cls, stored: bytes) -> Self:
        """The resource that :meth:`to_json` wrote. Raises :class:`pydantic.ValidationError`.

        Raises :class:`ValueError` if a facet is both known and unknown, or neither may nor can be unknown.
        """
        values = _stored(cls).validator.validate_json(stored)
        del values["kind"]
        causes = values.pop("unknown")
        if causes or "tags" not in values:
            values = cls._with_unknowns(values, causes)
        return cls._of(values)

    @classmethod
    def _with_unknowns(
        cls, known: Mapping[str, Any], causes: Mapping[str, tuple[Cause, ...]]
    ) -> dict[str, Any]:
        """The values of all facets, in the order of the model."""
        if twice := known.keys() & causes.keys():
            raise ValueError(f"both known and unknown: {', '.join(sorted(twice))}")
        if foreign := causes.keys() - cls.facets():
            raise ValueError(f"{cls.kind} has no facet {', '.join(sorted(foreign))}")
        if certain := {name for name in causes if Unknown not in get_args(cls.model_fields[name].annotation)}:
            raise ValueError(f"cannot be unknown: {', '.join(sorted(certain))}")
        if "tags" not in known and "tags" not in causes:
            raise ValueError("neither known nor unknown: tags")
        values = {**known, **{name: Unknown(causes=each) for name, each in causes.items()}}
        return {name: values[name] for name in cls.model_fields if name in values}

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Self:
        """The resource with these valid values; as :meth:`model_construct`, in a third of its time."""
        made = cls.__new__(cls)
        _set(made, "__dict__", values)
        _set(made, "__pydantic_fields_set__", set(values))
        _set(made, "__pydantic_extra__", None)
        _set(made, "__pydantic_private__", None)
        return made


_set = object.__setattr__
_KIND = b'{"kind":"'


def kind_of(stored: bytes) -> str:
    """The kind of a stored resource, from its first bytes. Raises :class:`ValueError`."""
    before, _, rest = stored[:64].partition(_KIND)
    kind, quote, _ = rest.partition(b'"')
    if before or not quote:
        raise ValueError("a resource has to begin with its kind")
    return kind.decode()


@cache
def first_bytes(kind: str) -> bytes:
    """What every stored resource of the kind begins with."""
    return b'%b%b",' % (_KIND, kind.encode())


@cache
def _stored(cls: type[Resource]) -> TypeAdapter[dict[str, Any]]:
    """Validates a stored resource of the kind: its facets may be absent, but not Unknown."""
    fields: dict[str, Any] = {"kind": Required[Literal[cls.kind]]}
    for name, field in cls.model_fields.items():
        annotation = field.annotation
        fields[name] = Required[annotation] if name in HEADER else _known(annotation)
    fields["unknown"] = Required[dict[str, Annotated[tuple[Cause, ...], Field(min_length=1)]]]
    record = TypedDict(cls.__name__, fields, total=False)  # type: ignore[misc]
    checked: Any = with_config(cls.model_config)(record)
    return TypeAdapter(checked)


@lru_cache(maxsize=1024)
def _partial(cls: type[Resource], facets: frozenset[str]) -> type[BaseModel]:
    """A model with the header and only these facets."""
    foreign = facets - cls.facets()
    if foreign:
        raise ValueError(f"{cls.kind} has no facet {', '.join(sorted(foreign))}")
    fields: dict[str, Any] = {
        name: (field.annotation, ...)
        for name, field in cls.model_fields.items()
        if name in HEADER or name in facets
    }
    return create_model(cls.__name__, __config__=cls.model_config, **fields)


def _known(annotation: Any) -> Any:
    """The annotation of an observed fact without Unknown."""
    members = get_args(annotation)
    if Unknown not in members:
        return annotation
    return Union[tuple(member for member in members if member is not Unknown)]  # noqa: UP007
