"""The base class of every kind: the header that all resources have, and their facets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self, Union, get_args

from pydantic import BaseModel, ConfigDict, create_model

from scanner.model.evidence import Observed, Unknown

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
        return cls.model_construct(**{name: getattr(checked, name) for name in type(checked).model_fields})

    def collected(self) -> frozenset[str]:
        """The facets that were requested for this resource."""
        return frozenset(self.model_fields_set) - frozenset(HEADER)

    def unknowns(self) -> dict[str, Unknown]:
        """The facets that were requested and could not be determined."""
        return {
            name: value
            for name in sorted(self.collected())
            if isinstance(value := getattr(self, name), Unknown)
        }

    def to_record(self) -> dict[str, Any]:
        """The resource as JSON values: the header and known facets, and the unknown facets separately.

        Unknown facets are in the map ``unknown``, so that a reader never has to guess whether a value is a
        fact or the lack of one.
        """
        unknowns = self.unknowns()
        known = self.model_dump(mode="json", include=set(self.model_fields_set) - set(unknowns))
        apart = {name: unknown.model_dump(mode="json")["causes"] for name, unknown in unknowns.items()}
        return {"kind": self.kind, **known, "unknown": apart}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The resource that :meth:`to_record` wrote. Raises :class:`pydantic.ValidationError`.

        Raises :class:`ValueError` if the record is of another kind, or a facet is both known and unknown.
        """
        if record.get("kind") != cls.kind:
            raise ValueError(f"the record is of kind {record.get('kind')!r}, not {cls.kind!r}")
        apart = {
            name: Unknown.model_validate_json(json.dumps({"causes": causes}))
            for name, causes in record["unknown"].items()
        }
        known = {name: value for name, value in record.items() if name not in ("kind", "unknown")}
        if twice := known.keys() & apart.keys():
            raise ValueError(f"both known and unknown: {', '.join(sorted(twice))}")
        facets = frozenset(known) - frozenset(HEADER)
        parsed = _partial(cls, facets, known_only=True).model_validate_json(json.dumps(known))
        values = {name: getattr(parsed, name) for name in type(parsed).model_fields}
        return cls.observe(facets | frozenset(apart), {**values, **apart})


@lru_cache(maxsize=1024)
def _partial(cls: type[Resource], facets: frozenset[str], known_only: bool = False) -> type[BaseModel]:
    """A model with the header and only these facets; with ``known_only`` none of them may be Unknown."""
    foreign = facets - cls.facets()
    if foreign:
        raise ValueError(f"{cls.kind} has no facet {', '.join(sorted(foreign))}")
    fields: dict[str, Any] = {
        name: (_known(field.annotation) if known_only else field.annotation, ...)
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
