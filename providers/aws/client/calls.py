"""The calls of the AWS adapters: plain data that the tables refer to and the client executes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

from scanner.collect.table import Answer, Item
from scanner.model.evidence import Observed

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

SPELLED = {"db": "DB"}
"""Words of a method name that the API does not capitalise as ``Word``."""


@dataclass(frozen=True)
class AwsCall:
    """One read operation of an AWS service."""

    service: str
    """The service's name in boto3."""
    operation: str
    """The method of the boto3 client."""
    permission: str | None
    """The IAM action that it requires (Service Authorization Reference); often not the operation's name."""
    absent: frozenset[str] = frozenset()
    """Error codes that mean "not configured"; the answer is then ``None``."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Request parameters, each with the key of the item that holds its value."""
    fixed: tuple[tuple[str, str | bool], ...] = ()
    """Request parameters that are always the same."""
    pages: str | None = None
    """For listings: the key of the entries in each page."""
    inner: str | None = None
    """For listings whose pages hold groups: the key of the entries in each group."""
    entry: str | None = None
    """For listings of plain names: the key that a name gets in its item."""
    page_size: int | None = None
    """For listings: the requested number of entries per page."""
    regional: bool = False
    """Called in the item's region; else in the region that the scan started from."""
    root: str | None = None
    """Root element of the XML response (API reference), for operations whose empty response has a meaning."""
    unless: str | None = None
    """A key of the item that makes the call unnecessary; the answer is then the item itself."""

    @property
    def method(self) -> str:
        """The operation's name in the API, e.g. ``GetBucketPolicy``."""
        return "".join(SPELLED.get(word, word.capitalize()) for word in self.operation.split("_"))

    @property
    def name(self) -> str:
        """Service and operation, e.g. ``s3:GetBucketPolicy``."""
        return f"{self.service}:{self.method}"

    @property
    def parts(self) -> tuple[AwsCall, ...]:
        """The calls that it makes: itself."""
        return (self,)

    @property
    def about(self) -> tuple[str, ...]:
        """The keys of the item that the request depends on."""
        return tuple(key for _, key in self.parameters)


@dataclass(frozen=True)
class AwsChain:
    """Calls that depend on one another and together produce one answer."""

    parts: tuple[AwsCall, ...]
    """Every call that it can make, starting with the first."""
    ask: Callable[[AwsCaller, Item], Observed[Answer]] = field(repr=False)
    about: tuple[str, ...] = ()
    """The keys of the item that the answer depends on."""
    regional: bool = False
    """The answer is about the item's region."""

    @property
    def name(self) -> str:
        """The name of its first call."""
        return self.parts[0].name

    @property
    def permission(self) -> str | None:
        """The permission of its first call; see ``parts`` for the others."""
        return self.parts[0].permission


AwsQuestion = Union[AwsCall, AwsChain]  # noqa: UP007  (an alias for generic arguments at run time)
