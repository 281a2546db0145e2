"""Changes between two assessments: new, worse, better, closed, no longer visible, another owner. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, get_args

from msgspec.structs import replace

from scanner.assess.coverage_rows import ROW_ORDER
from scanner.assess.finding import Finding
from scanner.assess.states import EVIDENCE_ORDER, Evidence

ChangeKind = Literal["new", "worse", "better", "closed", "unseen"]
"""How a finding changed.

``new``: open now and absent before. ``worse``: its evidence, or with the same evidence its state, is worse.
``better``: the opposite, and still open, or passing with a better state. ``closed``: it was open, and now
verifiably passes, does not apply, or is gone after a complete listing. ``unseen``: it was open, and can no
longer be evaluated.
"""
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)

OPEN: frozenset[Evidence] = frozenset({"fail", "missing", "unknown", "unassessed"})
"""Evidence of an open finding. Defects of the ownership file are open as long as they exist."""


@dataclass(frozen=True)
class AssessedSide:
    """What an assessment covered, which decides what the absence of a finding proves."""

    rules: frozenset[str]
    scopes: Mapping[tuple[str, str], frozenset[str]]
    """The scopes that were reached, each with the regions that the scan was narrowed to (empty: all)."""
    spots: frozenset[tuple[str, str, str | None, str]]
    """Blind spots: provider, scope, region and kind."""
    ownership: bool
    """There was an ownership file."""
    listed: Mapping[tuple[str, str], frozenset[str]] | None = None
    """The kinds that were listed in each scope; ``None``: not recorded, so that any kind may have been."""

    @classmethod
    def of(cls, head: Mapping[str, Any]) -> AssessedSide:
        """From the head of a JSON report. Raises :class:`KeyError` or :class:`TypeError` if it is damaged.

        A report for one team, or of a selection of resources, proves no absence: a finding that is missing
        from it may belong to another team.
        """
        partial = any(option.startswith(("--team", "--where")) for option in head["scan"]["narrowed"])
        return cls(
            rules=frozenset() if partial else frozenset(head["rules"]),
            scopes={
                (target["provider"], target["scope"]): frozenset(target.get("regions", ()))
                for target in head["scan"]["targets"]
                if target["reached"]
            },
            spots=frozenset(
                (spot["provider"], spot["scope"], spot["region"], spot["kind"])
                for spot in head["blind_spots"]
            ),
            ownership=head["scan"]["ownership_digest"] is not None and not partial,
            listed=_listed(head["scan"].get("listed")),
        )

    def proves_absence(self, finding: Finding) -> bool:
        """Whether the resource or defect of the finding would have been found if it still existed.

        Attestations are never proven absent: a control still applies when it was not assessed.
        """
        if finding.subject == "ownership":
            return self.ownership
        if finding.rule not in self.rules or finding.resource is None:
            return False
        regions = self.scopes.get((str(finding.provider), str(finding.scope)))
        if regions is None or (regions and finding.region is not None and finding.region not in regions):
            return False
        if self.listed is not None:
            kinds = self.listed.get((str(finding.provider), str(finding.scope)), frozenset())
            if finding.resource.kind not in kinds:
                return False
        return not any(
            hides((region, kind), finding.resource.kind, finding.region)
            for provider, scope, region, kind in self.spots
            if (provider, scope) == (finding.provider, finding.scope)
        )


HiddenPlace = tuple[str | None, str]
"""Region and kind of a blind spot."""


def hides(spot: HiddenPlace, kind: str, region: str | None) -> bool:
    """Whether resources of a kind in a region of the same scope may be in a blind spot."""
    place, hidden = spot
    if hidden == "region":
        # Nothing was listed in a region that is disabled, or in any if the regions could not be listed.
        return region is not None and place in (None, region)
    return hidden == kind and (place is None or region is None or place == region)


def _listed(lines: Any) -> Mapping[tuple[str, str], frozenset[str]] | None:
    if lines is None:
        return None
    return {(line["provider"], line["scope"]): frozenset(line["kinds"]) for line in lines}


@dataclass(frozen=True)
class FindingChange:
    """One finding that changed."""

    kind: ChangeKind | None
    """``None`` if only the owner changed."""
    changed_hands: bool
    """Its owner was assigned, replaced or removed."""
    new_rule: bool
    """New, and of a rule that the earlier pack did not have."""
    before: Finding | None
    after: Finding | None

    @property
    def finding(self) -> Finding:
        """The finding as it is now, or as it was if it is gone."""
        found = self.after or self.before
        assert found is not None
        return found


def compare(
    before: Iterable[Finding], after: Iterable[Finding], rules: frozenset[str], later: AssessedSide
) -> Iterator[FindingChange]:
    """Every change, sorted by uid. Both sides must be sorted by uid; neither is held in memory.

    ``rules`` are those of the earlier assessment; ``later`` is what the later one covered.
    """
    for old, new in _pairs(before, after):
        if new is None:
            assert old is not None
            if _open(old):
                yield FindingChange(
                    "closed" if later.proves_absence(old) else "unseen", False, False, old, None
                )
        elif old is None:
            if _open(new):
                yield FindingChange("new", False, new.rule is not None and new.rule not in rules, None, new)
        else:
            kind = _kind(old, new)
            owner_changed = old.owner != new.owner
            if kind is not None or owner_changed:
                yield FindingChange(kind, owner_changed, False, old, new)


def gone(finding: Finding) -> Finding:
    """A finding whose resource or defect is verifiably gone, as it is reported for the last time."""
    if finding.subject == "ownership":
        return replace(finding, message=f"fixed: {finding.message}")
    name = finding.resource.name if finding.resource is not None else ""
    return replace(
        finding,
        verdict="n/a",
        evidence="n/a",
        state="not_applicable",
        unknowns=(),
        observed={},
        at_gate=False,
        message=f"{name}: no longer exists",
    )


def _open(finding: Finding) -> bool:
    return finding.evidence is None or finding.evidence in OPEN


def _kind(old: Finding, new: Finding) -> ChangeKind | None:
    if old.evidence is None or new.evidence is None:
        return None
    if new.verdict == "unknown" and old.verdict != "unknown":
        # A verdict that became unknown is no improvement.
        return "unseen" if old.evidence in OPEN else "worse"
    was, now = EVIDENCE_ORDER.index(old.evidence), EVIDENCE_ORDER.index(new.evidence)
    if was == now:
        return _by_state(old, new)
    if now < was:
        return "worse"
    if new.evidence in OPEN:
        return "unseen" if new.evidence in ("unknown", "unassessed") else "better"
    return "closed" if old.evidence in OPEN else None


def _by_state(old: Finding, new: Finding) -> ChangeKind | None:
    if old.state is None or new.state is None or old.state == new.state:
        return None
    return "worse" if ROW_ORDER.index(new.state) < ROW_ORDER.index(old.state) else "better"


def _pairs(
    before: Iterable[Finding], after: Iterable[Finding]
) -> Iterator[tuple[Finding | None, Finding | None]]:
    """The findings of both sides paired by uid; ``None`` where a side has none."""
    left, right = _worst(before), _worst(after)
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.uid < new.uid):
            yield old, None
            old = next(left, None)
        elif old is None or new.uid < old.uid:
            yield None, new
            new = next(right, None)
        else:
            yield old, new
            old, new = next(left, None), next(right, None)


def _worst(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for each uid, the worst. A kind that could not be listed for two reasons has two."""
    for _, same in groupby(findings, key=lambda finding: finding.uid):
        yield min(same, key=lambda f: EVIDENCE_ORDER.index(f.evidence) if f.evidence is not None else 0)
