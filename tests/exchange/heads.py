"""Report heads with chosen coverage rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st

from scanner.assess.coverage_rows import CoverageRow
from scanner.assess.states import EVIDENCE_ORDER, Claim, state_of
from scanner.catalogue.control import Party
from scanner.catalogue.responsibility import Catalogue, load_catalogue
from scanner.ownership.status import OWNERSHIP_STATUSES
from scanner.report.model import Head
from tests.report.test_report import report

ACCOUNT = "111122223333"
OTHER = "444455556666"
ENCRYPTION = "data.encryption-at-rest"


@cache
def catalogue() -> Catalogue:
    """The built-in catalogue."""
    return load_catalogue()


@cache
def _base() -> Head:
    return report().head


def row(**values: Any) -> CoverageRow:
    """A covered row, changed by the values."""
    counts = {"pass": 1, "fail": 0, "unknown": 0, "n/a": 0, **values.pop("counts", {})}
    defaults: dict[str, Any] = {
        "control": ENCRYPTION,
        "provider": "aws",
        "scope": ACCOUNT,
        "owner": "payments",
        "party": "customer",
        "ownership": "owned",
        "evidence": "pass",
        "state": "covered",
        "kinds_seen": ("bucket",),
        "kinds_expected": ("bucket", "volume"),
    }
    return CoverageRow(**{**defaults, **values, "counts": counts})


def head(
    rows: Sequence[CoverageRow], names: dict[str, str] | None = None, narrowed: Sequence[str] = ()
) -> Head:
    """The head of a report with these rows."""
    base = _base()
    (scope,) = base.summary.scopes
    places = sorted({(one.provider, one.scope) for one in rows})
    scopes = tuple(
        scope.model_copy(
            update={"provider": provider, "scope": id, "name": (names or {}).get(id, f"name-of-{id}")}
        )
        for provider, id in places
    )
    return base.model_copy(
        update={
            "coverage": tuple(rows),
            "summary": base.summary.model_copy(update={"scopes": scopes}),
            "scan": base.scan.model_copy(update={"narrowed": tuple(narrowed)}),
        }
    )


TEAMS = ("payments", "platform", "=cmd|'/c calc'!A1", "Zoë & Co")


@st.composite
def assessed_rows(draw: st.DrawFn, control: str = ENCRYPTION) -> CoverageRow:
    """A row with the state from the table of states."""
    ownership = draw(st.sampled_from(OWNERSHIP_STATUSES))
    evidence = draw(st.sampled_from(EVIDENCE_ORDER))
    parties: tuple[Party, ...] = ("customer", "provider")
    party = draw(st.sampled_from(parties))
    claim = Claim(
        ownership=ownership,
        exception_in_force=draw(st.booleans()),
        declared_not_applicable=draw(st.booleans()),
        party=party,
        certificate_in_date=draw(st.booleans()),
        may_become_customers=draw(st.booleans()),
    )
    return row(
        control=control,
        scope=draw(st.sampled_from((ACCOUNT, OTHER))),
        owner=draw(st.sampled_from(TEAMS)) if ownership != "contested" else None,
        # A failure on a visible setting is the customer's.
        party="customer" if evidence == "fail" else party,
        ownership=ownership,
        evidence=evidence,
        state=state_of(claim, evidence).state,
        counts={"pass": draw(st.integers(0, 3))},
    )
