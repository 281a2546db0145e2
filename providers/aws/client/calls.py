"""The calls of the AWS adapters: plain data that the tables refer to and the client executes."""

from __future__ import annotations

from dataclasses import dataclass

DERIVED = "service:operation"
"""Stands for a permission that has the name of its call."""


@dataclass(frozen=True)
class AwsCall:
    """One read operation of an AWS service."""

    service: str
    """The service's name in boto3."""
    operation: str
    """The operation's name in the API, e.g. ``GetBucketPolicy``."""
    permission: str | None = DERIVED
    """The IAM action that it requires, if it is not ``service:operation`` (Service Authorization Reference);
    ``None``: it requires none."""
    absent: frozenset[str] = frozenset()
    """Error codes that mean "not configured"; the answer is then ``None``."""
    absent_messages: frozenset[str] = frozenset()
    """The same for messages, each after its code and a colon, where the code alone means something else."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Request parameters, each with the key of the item that holds its value."""
    fixed: tuple[tuple[str, str | bool | tuple[str, ...]], ...] = ()
    """Request parameters that are always the same."""
    pages: str | None = None
    """For listings: the key of the entries in each page."""
    inner: str | None = None
    """For listings whose pages hold groups: the key of the entries in each group."""
    entry: str | None = None
    """For listings of plain names: the key that a name gets in its item."""
    may_lack: bool = False
    """The API leaves the key of the entries, or of the tags, out where there are none."""
    page_size: int | None = None
    """For listings: the requested number of entries per page."""
    regional: bool = False
    """Called in the item's region; else in the region that the scan started from."""
    root: str | None = None
    """Root element of the XML response (API reference), for operations whose empty response has a meaning."""
    unless: str | None = None
    """A key of the item that makes the call unnecessary; the answer is then the item itself."""

    def __post_init__(self) -> None:
        if self.permission == DERIVED:
            object.__setattr__(self, "permission", self.name)

    @property
    def method(self) -> str:
        """The method of the boto3 client, by the SDK's own rule."""
        from botocore import xform_name

        return str(xform_name(self.operation))

    @property
    def name(self) -> str:
        """Service and operation, e.g. ``s3:GetBucketPolicy``."""
        return f"{self.service}:{self.operation}"

    @property
    def parts(self) -> tuple[AwsCall, ...]:
        """The calls that it makes: itself."""
        return (self,)

    @property
    def about(self) -> tuple[str, ...]:
        """The keys of the item that the request depends on."""
        return tuple(key for _, key in self.parameters)
