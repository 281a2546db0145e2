"""The base of every noun: the header that all resources have, and what a facet is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, create_model

from scanner.evidence import Observed

ProviderName = Literal["aws", "azure", "gcp"]
"""The clouds that gapscan reads."""

HEADER = ("provider", "partition", "scope", "region", "id", "name", "type")
"""Fields that identify a resource. They are always known: without them there is no resource."""


class Resource(BaseModel):
    """One normalized resource: a header that is always known, and facets that may be unknown.

    Frozen and strict, without field defaults: a facet that an adapter forgets is an error, never a
    default. A scan collects only the facets that it needs (:meth:`observe`); reading one that was not
    collected raises :class:`AttributeError`.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    kind: ClassVar[str]
    """The noun's name in rules and reports."""

    provider: ProviderName
    partition: str
    """The part of the cloud with its own identities: ``aws``, ``aws-cn``, ``azure``, ``gcp``, …"""
    scope: str
    """Account, subscription (lower case) or project id that holds the resource."""
    region: str | None
    """The cloud's own name of the location, in lower case; ``None`` for what is global."""
    id: str
    """Canonical id: an ARN, a Resource Manager id in lower case, or a Cloud Asset full resource name."""
    name: str
    """The name that people know it by."""
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
        """The names of all facets of this kind, tags among them."""
        return frozenset(cls.model_fields) - frozenset(HEADER)

    @classmethod
    def observe(cls, collected: frozenset[str], values: Mapping[str, Any]) -> Self:
        """A resource of which just the facets ``collected`` were asked for.

        ``values`` must hold the header and exactly those facets; everything is validated as strictly as
        by the model itself. Raises :class:`pydantic.ValidationError`.
        """
        checked = _partial(cls, collected | {"tags"}).model_validate(values)
        return cls.model_construct(**{name: getattr(checked, name) for name in type(checked).model_fields})

    def collected(self) -> frozenset[str]:
        """The facets that were asked for on this resource."""
        return frozenset(self.model_fields_set) - frozenset(HEADER)


@lru_cache(maxsize=1024)
def _partial(cls: type[Resource], collected: frozenset[str]) -> type[BaseModel]:
    unknown = collected - cls.facets()
    if unknown:
        raise ValueError(f"{cls.kind} has no facet {', '.join(sorted(unknown))}")
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in cls.model_fields.items()
        if name in HEADER or name in collected
    }
    return create_model(cls.__name__, __config__=cls.model_config, **fields)
