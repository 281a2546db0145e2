"""What the flags of findings and owners mean, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "boundary_uncertain": "a fact that moves the line between you and the provider could not be told",
        "catch_all": "a team to ask, which owns nothing",
        "contract_expired": "the contract that the line relies on has expired",
        "exception_expired": "an exception was made for this, and has expired",
        "exception_invalid": "an exception was made for this, and does not count",
        "exception_uncertain": "whether an exception is meant for this depends on an unread path",
        "exception_unneeded": "an exception is in force for what passes without it",
        "exception_without_owner": "an exception is in force, and nobody is accountable for what it excuses",
        "lapsed": "the line's team is gone, so the line owns nothing",
        "model_unresolved": "nobody knows how resources of this type are operated",
        "narrowing_uncertain": "whether this belongs to what was asked for could not be told",
        "not_applicable_contradicted": "declared not applicable, and there is something that it applies to",
        "not_applicable_expired": "it was declared not applicable, and the declaration has expired",
        "not_applicable_invalid": "it was declared not applicable, and the declaration does not count",
        "not_applicable_uncertain": "whether it was declared not applicable here depends on an unread path",
        "owner_uncertain": "a tag or path that could not be read could change the owner; the worst stands",
        "promoted": "the provider's part, but it fails on a setting that you can see",
        "stale": "the review of the line is overdue",
        "tag_contradicts": "a tag names another team than the file",
        "unknown_team": "a tag or a catalog names no active team",
    }
)


def told(flags: Iterable[str]) -> tuple[str, ...]:
    """Each flag in words, with its name."""
    return tuple(f"{FLAGS[flag]} [{flag}]" if flag in FLAGS else f"[{flag}]" for flag in sorted(flags))
