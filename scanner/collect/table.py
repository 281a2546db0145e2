"""Tables that say which call returns which facet: plain data, with no code that makes calls.

A table names a kind, the call that lists it, and for each facet the calls that it takes with the plain
function that maps their answers. Each cloud has its own type of call and its own caller.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource

T = TypeVar("T")
Item = Any
"""An entry of a listing, in the cloud's own form."""
Answer = Any
"""The answer to a call, in the cloud's own form; ``None`` where the cloud says "not configured"."""


class Call(Protocol):
    """One read operation of a cloud. Frozen and hashable; each cloud adds what its client needs."""

    @property
    def name(self) -> str:
        """The cloud's name of the operation, e.g. ``s3:GetBucketPolicy``."""

    @property
    def permission(self) -> str | None:
        """The permission that it requires; ``None`` if none."""


CallT = TypeVar("CallT", bound=Call)
CallIn = TypeVar("CallIn", bound=Call, contravariant=True)


@dataclass(frozen=True)
class AcrossScopes:
    """The key of an answer that several scopes share."""

    key: Hashable


class Caller(Protocol[CallIn]):
    """A cloud's client for one scope and region. The only code that handles the SDK's errors."""

    def pages(self, call: CallIn) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a listing; an Unknown in place of a page ends it and gives the reason."""

    def answer(self, call: CallIn, item: Item) -> Observed[Answer]:
        """Makes a call about the item (or about the scope, if the call does not depend on the item)."""

    def key(self, call: CallIn, item: Item) -> Hashable | None:
        """What the request depends on if it is the same for several items, so that it is made only once;
        ``None`` if it is specific to this item. :class:`AcrossScopes` if other scopes need it as well."""

    def read(self, call: CallIn | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer with an unexpected format becomes Unknown(error)."""


@dataclass(frozen=True)
class FacetRead(Generic[CallT]):
    """One piece of evidence: a call, and the function of the item and the call's answer.

    Without a call, the value comes from the listing itself: the function takes only the item.
    """

    call: CallT | None
    function: Callable[..., Any]


def _identity(value: Observed[Any]) -> Observed[Any]:
    return value


@dataclass(frozen=True)
class Facet(Generic[CallT]):
    """The source of a facet: its pieces of evidence, and how they are combined into one value.

    ``combine`` takes as many observed values as there are reads, and only uses ``any_of``, ``all_of`` and
    ``lift``.
    """

    reads: tuple[FacetRead[CallT], ...]
    combine: Callable[..., Observed[Any]] = _identity


def from_list(function: Callable[[Item], Any]) -> Facet[Any]:
    """A facet that the list call itself returns."""
    return Facet((FacetRead(None, function),))


def asked(call: CallT, function: Callable[[Item, Answer], Any]) -> Facet[CallT]:
    """A facet that one call returns."""
    return Facet((FacetRead(call, function),))


@dataclass(frozen=True)
class Table(Generic[CallT]):
    """The table of one kind on one cloud."""

    kind: type[Resource]
    list: CallT | None
    """``None`` if the items are given: the scope itself and its regions."""
    header: Callable[[Item], Mapping[str, Any]]
    """Maps the item to the header of the resource: every field of ``HEADER``."""
    facets: Mapping[str, Facet[CallT]]
    enrich: Facet[CallT] | None = None
    """Read first: a mapping to add to the item, e.g. the region to send other calls to."""

    @property
    def name(self) -> str:
        """Its name among the tables of its kind: that of the list call, or the kind's."""
        return self.list.name if self.list is not None else self.kind.kind

    def calls(self, wanted: frozenset[str]) -> frozenset[CallT]:
        """Every call that collecting these facets may make."""
        facets = [facet for name, facet in self.facets.items() if name in wanted or name == "tags"]
        if self.enrich is not None:
            facets.append(self.enrich)
        reads = {read.call for facet in facets for read in facet.reads if read.call is not None}
        return frozenset(reads | ({self.list} if self.list is not None else set()))
