"""The meaning of the flags of findings and owners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "boundary_uncertain": "a fact that decides which party is responsible could not be determined",
        "catch_all": "a team to contact; it owns nothing",
        "contract_expired": "the contract that the line relies on has expired",
        "exception_expired": "an exception for this has expired",
        "exception_invalid": "an exception for this is invalid",
        "exception_uncertain": "whether an exception applies depends on an unread path",
        "exception_unneeded": "an exception is in force for something that passes without it",
        "exception_without_owner": "an exception is in force, but nobody is accountable for what it accepts",
        "lapsed": "the line's team no longer exists, so the line assigns no owner",
        "model_unresolved": "the service model of this resource type is not known",
        "narrowing_uncertain": "whether this is within --team and --where could not be determined",
        "not_applicable_contradicted": "declared not applicable, but there is something that it applies to",
        "not_applicable_expired": "it was declared not applicable; the declaration has expired",
        "not_applicable_invalid": "it was declared not applicable; the declaration is invalid",
        "not_applicable_uncertain": "whether it is declared not applicable here depends on an unread path",
        "owner_uncertain": "an unread tag or path could change the owner; the worst case counts",
        "promoted": "the provider's part, but it fails on a setting that you can see",
        "stale": "the review of the line is overdue",
        "tag_contradicts": "a tag names another team than the file",
        "unknown_team": "a tag or catalog names a team that is not active",
    }
)


def flag_texts(flags: Iterable[str]) -> tuple[str, ...]:
    """The meaning of each flag, with its name."""
    return tuple(f"{FLAGS[flag]} [{flag}]" if flag in FLAGS else f"[{flag}]" for flag in sorted(flags))
