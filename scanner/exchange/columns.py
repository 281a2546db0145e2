"""The field of each column of a table: ``control=Control ID,owner=Team,where.account=Account``."""

from __future__ import annotations

from collections.abc import Sequence

from scanner.base.yaml import suggestion

FIELDS = (
    "control",
    "owner",
    "responsible",
    "consulted",
    "informed",
    "contact",
    "where.provider",
    "where.path",
    "where.account",
    "where.region",
    "where.service",
    "where.kind",
    "where.resource",
)
"""The fields of columns, besides ``where.tags.KEY``."""

TAGS = "where.tags."

_REQUIRED = ("control", "owner")


class ColumnsError(ValueError):
    """``--columns`` is invalid."""

    exit_code = 2


def parse_columns(options: Sequence[str]) -> dict[str, str]:
    """The header of each field. Raises :class:`ColumnsError`."""
    columns: dict[str, str] = {}
    for part in (part for option in options for part in option.split(",")):
        field, sign, header = (piece.strip() for piece in part.partition("="))
        if not sign or not field or not header:
            raise ColumnsError(f"--columns: expected FIELD=HEADER, such as owner=Team, not {part.strip()!r}")
        if field not in FIELDS and not (field.startswith(TAGS) and field.removeprefix(TAGS)):
            hint = suggestion(field, FIELDS)
            known = ", ".join(FIELDS)
            raise ColumnsError(f"--columns: no field {field!r}{hint} (known: {known}, {TAGS}KEY)")
        if field in columns:
            raise ColumnsError(f"--columns: {field} is given twice")
        columns[field] = header
    missing = [field for field in _REQUIRED if field not in columns]
    if missing:
        needed = " and ".join(f"{field}=…" for field in missing)
        raise ColumnsError(f"--columns: name the columns {needed} (or #3 for the third column)")
    return columns
