"""Changes between two assessments: new, worse, better, closed, no longer visible, another owner. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from msgspec.structs import replace

from scanner.assess.coverage_rows import ROW_ORDER
from scanner.assess.finding import Finding
from scanner.assess.pairs import different
from scanner.assess.states import EVIDENCE_ORDER, Evidence
from scanner.model.inventory import Inventory

ChangeKind = Literal["new", "worse", "better", "closed", "unseen"]
"""How a finding changed.

``new``: open now, and not listed before: it was fine, or not there. ``worse``: it was listed, and its
evidence, or with the same evidence its state, is worse. ``better``: the opposite, and still listed.
``closed``: it was open, and now verifiably passes, does not apply, or is gone after a complete listing.
``unseen``: it was open, and can no longer be evaluated.
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
    def collected(
        cls,
        inventory: Inventory,
        rules: frozenset[str],
        *,
        ownership: bool,
        directories: Iterable[tuple[str, str]] = (),
    ) -> AssessedSide:
        """From what was read, if nothing narrows the assessment. ``directories``: the tenants."""
        listed: dict[tuple[str, str], set[str]] = {}
        for one in inventory.listed or ():
            listed.setdefault((one.provider, one.scope), set()).add(one.kind)
        return cls(
            rules=rules,
            scopes=_reached(
                (
                    (target.provider, target.scope, target.reached, target.regions)
                    for target in inventory.targets
                ),
                directories if listed else (),
            ),
            spots=frozenset(
                (spot.provider, spot.scope, spot.region, spot.kind) for spot in inventory.blind_spots
            ),
            ownership=ownership,
            listed=None
            if inventory.listed is None
            else {place: frozenset(kinds) for place, kinds in listed.items()},
        )

    @classmethod
    def of(cls, head: Mapping[str, Any]) -> AssessedSide:
        """From the head of a JSON report. Raises :class:`KeyError` or :class:`TypeError` if it is damaged.

        A report for one team, or of a selection of resources, proves no absence: a finding that is missing
        from it may belong to another team.
        """
        partial = any(option.startswith(("--team", "--where")) for option in head["scan"]["narrowed"])
        listed = _listed(head["scan"].get("listed"))
        return cls(
            rules=frozenset() if partial else frozenset(head["rules"]),
            scopes=_reached(
                (
                    (target["provider"], target["scope"], target["reached"], target.get("regions", ()))
                    for target in head["scan"]["targets"]
                ),
                (
                    (scope["provider"], scope["scope"])
                    for scope in head["summary"]["scopes"]
                    if listed and scope.get("directory")
                ),
            ),
            spots=frozenset(
                (spot["provider"], spot["scope"], spot["region"], spot["kind"])
                for spot in head["blind_spots"]
            ),
            ownership=head["scan"]["ownership_digest"] is not None and not partial,
            listed=listed,
        )

    def proves_absence(self, finding: Finding) -> bool:
        """Whether the finding would have been listed if its resource or defect still existed and was open.

        Attestations are never proven absent: a control still applies when it was not assessed.
        """
        if finding.subject == "ownership":
            return self.ownership
        if finding.rule not in self.rules or finding.resource is None:
            return False
        place = str(finding.provider), str(finding.scope)
        return self.shows(*place, finding.resource.kind, finding.region)

    def shows(self, provider: str, scope: str, kind: str, region: str | None) -> bool:
        """Whether every resource of a kind in a region of a scope was found, so that the rest is gone."""
        regions = self.scopes.get((provider, scope))
        if regions is None or (regions and region is not None and region not in regions):
            return False
        if self.listed is not None and kind not in self.listed.get((provider, scope), frozenset()):
            return False
        return not any(hides(spot, kind, region) for spot in self._hidden.get((provider, scope), ()))

    @cached_property
    def _hidden(self) -> Mapping[tuple[str, str], Sequence[HiddenPlace]]:
        """The blind spots of each scope."""
        found: dict[tuple[str, str], list[HiddenPlace]] = {}
        for provider, scope, region, kind in self.spots:
            found.setdefault((provider, scope), []).append((region, kind))
        return found


HiddenPlace = tuple[str | None, str]
"""Region and kind of a blind spot."""


def hides(spot: HiddenPlace, kind: str, region: str | None) -> bool:
    """Whether resources of a kind in a region of the same scope may be in a blind spot."""
    place, hidden = spot
    if hidden == "region":
        # Nothing was listed in a region that is disabled, or in any if the regions could not be listed.
        return region is not None and place in (None, region)
    return hidden == kind and (place is None or region is None or place == region)


def _reached(
    targets: Iterable[tuple[str, str | None, bool, Iterable[str]]], directories: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], frozenset[str]]:
    """The scopes that were reached, each with its regions.

    A tenant is reached with its subscriptions and is no target of its own.
    """
    found: dict[tuple[str, str], frozenset[str]] = {place: frozenset() for place in directories}
    for provider, scope, reached, regions in targets:
        if scope is not None:
            found.pop((provider, scope), None)
            if reached:
                found[provider, scope] = frozenset(regions)
    return found


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

    ``rules`` are those of the earlier assessment; ``later`` is what the later one covered. A finding that
    no report has to list is told of as if it was not listed, so that the changes are the same whatever the
    two reports list beside what they must.
    """
    for old, new in different(before, after):
        was, now = old is not None and old.listed, new is not None and new.listed
        if was and now:
            assert old is not None and new is not None
            kind, owner_changed = _kind(old, new), old.owner != new.owner
            if kind is not None or owner_changed:
                yield FindingChange(kind, owner_changed, False, old, new)
        elif was:
            assert old is not None
            if _open(old):
                closed = new is not None or later.proves_absence(old)
                yield FindingChange("closed" if closed else "unseen", False, False, old, new)
        elif now:
            assert new is not None
            if _open(new):
                new_rule = new.rule is not None and new.rule not in rules
                yield FindingChange("new", False, new_rule, old, new)


def closed_by_absence(
    before: Iterable[Finding], after: Iterable[Finding], later: AssessedSide
) -> Iterator[Finding]:
    """Findings that were open, are absent, and are proven gone; as they are reported for the last time.

    ``after`` has every finding that ``before`` lists and that still exists.
    """
    for old, new in different(before, after):
        if old is not None and new is None and _open(old) and later.proves_absence(old):
            yield gone(old)


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
