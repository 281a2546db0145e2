"""Evidence: values that distinguish "unknown" from "absent" and "false".

A facet of a resource is *known*, *absent* (``None``: asked, and there is none) or :class:`Unknown`
(could not be determined, with the reason). None of these is ever converted into another. This module
imports nothing else of gapscan, so that every other module can use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NoReturn, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Field, field_validator

Reason = Literal["denied", "denied_by_organisation", "throttled", "unsupported", "error", "disabled"]
"""Why something could not be read.

``denied``: the identity lacks a permission. ``denied_by_organisation``: a policy above the scope (SCP,
deny assignment, VPC Service Controls) forbids it. ``throttled``: the cloud's quota, after all retries.
``unsupported``: the endpoint does not support the operation. ``error``: any other failure, including an
answer that could not be parsed. ``disabled``: a region that is disabled for the account (blind spots only).
"""

T = TypeVar("T")


class Cause(BaseModel):
    """One reason why something is unknown: the failed call and the permission that would resolve it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    reason: Reason
    call: str
    """The cloud's name of the operation, e.g. ``s3:GetBucketPolicy``."""
    permission: str | None
    """The permission that would resolve it, by the cloud's own name; ``None`` if no permission would."""
    message: str
    """One line for people; never contains a secret."""

    @field_validator("message")
    @classmethod
    def _is_unicode(cls, message: str) -> str:
        """Clouds quote what they were sent: a lone surrogate in it could not be stored."""
        return message if message.isascii() else message.encode("utf-8", "replace").decode()


class Unknown(BaseModel):
    """A value that could not be determined, with every cause; has no truth value."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    causes: tuple[Cause, ...] = Field(min_length=1)

    @classmethod
    def because(cls, reason: Reason, call: str, permission: str | None, message: str) -> Unknown:
        """An unknown with a single cause."""
        return cls(causes=(Cause(reason=reason, call=call, permission=permission, message=message),))

    def __bool__(self) -> NoReturn:
        """Raises :class:`TypeError`: an unknown is neither true nor false."""
        raise TypeError("an Unknown is neither true nor false; use any_of, all_of or lift")


Observed = Union[T, Unknown]  # noqa: UP007  (a generic alias needs Union on Python 3.11)
"""A fact as observed: its value (``None`` = absent), or why it could not be determined."""


class BlindSpot(BaseModel):
    """A kind of resource that could not be listed, or not completely, in one scope and region."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    provider: str
    scope: str
    region: str | None
    kind: str
    cause: Cause


def join(unknowns: Iterable[Unknown]) -> Unknown:
    """One unknown with the distinct causes of all, in order of first occurrence.

    Raises :class:`ValueError` if ``unknowns`` is empty.
    """
    causes = tuple(dict.fromkeys(cause for unknown in unknowns for cause in unknown.causes))
    if not causes:
        raise ValueError("join needs at least one Unknown")
    return Unknown(causes=causes)


def any_of(*facts: Observed[bool]) -> Observed[bool]:
    """True if any fact is true, even if others are unknown; else unknown if any is; else false."""
    unknowns = [fact for fact in facts if isinstance(fact, Unknown)]
    if any(fact for fact in facts if not isinstance(fact, Unknown)):
        return True
    return join(unknowns) if unknowns else False


def all_of(*facts: Observed[bool]) -> Observed[bool]:
    """False if any fact is false, even if others are unknown; else unknown if any is; else true."""
    unknowns = [fact for fact in facts if isinstance(fact, Unknown)]
    if not all(fact for fact in facts if not isinstance(fact, Unknown)):
        return False
    return join(unknowns) if unknowns else True


def lift(function: Callable[..., T], *facts: Observed[Any]) -> Observed[T]:
    """``function`` applied to the facts if all are known, else unknown with every cause."""
    unknowns = [fact for fact in facts if isinstance(fact, Unknown)]
    return join(unknowns) if unknowns else function(*facts)
