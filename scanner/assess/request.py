"""What an assessment is asked for: one frozen object, built once, from the command line to the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from scanner.assess.gate import Terms
from scanner.assess.narrowing import Narrowing
from scanner.assess.states import State
from scanner.assess.targets import StatedScope
from scanner.catalogue.responsibility import Catalogue
from scanner.model.inventory import Inventory
from scanner.ownership.file.file import OwnershipFile
from scanner.rule.packs import Pack
from scanner.rule.rule import Rule


@dataclass(frozen=True, kw_only=True)
class AssessmentRequest:
    """How an inventory is to be assessed, and what the report is to show of it."""

    catalogue: Catalogue
    pack: Pack
    """Every rule of the chosen packs."""
    chosen: tuple[Rule, ...]
    """The rules of the pack that are evaluated."""
    controls: frozenset[str]
    """Ids of the controls that are assessed: all of the catalogue unless the request is narrowed."""
    terms: Terms
    ownership: OwnershipFile | None = None
    ownership_commit: str | None = None
    """The commit that last changed the ownership file."""
    narrowing: Narrowing | None = None
    """Limits what is reported; never what is assessed, or how."""
    stated_scopes: Mapping[str, StatedScope] = field(default_factory=dict)
    """Path and tags of scopes by id, as stated in gapscan.yaml."""
    common_control_inventories: tuple[Inventory, ...] = ()
    """Scopes that are not reported, but may provide common controls for those that are."""
    reported_states: frozenset[State] | None = None
    """Findings and rows in other states are left out of the report; ``None`` leaves out none."""
    every_finding: bool = False
    """Findings that are fine, or only unclaimed, are listed too, and not only counted."""
    narrowed_by: tuple[str, ...] = ()
    """The options that leave something out, as given."""
    unfolded: bool = False
    """The text report lists every line."""
    now: datetime | None = None
    """The time that ages and expiries are measured by; ``None``: when the collection finished."""
    version: str = ""
    """Of gapscan."""
    arguments: tuple[str, ...] = ()
    """The command line, for the report."""

    @property
    def uses_paths(self) -> bool:
        """Whether anything selects scopes by path, so that the hierarchy has to be read."""
        return (
            (self.ownership is not None and self.ownership.uses_paths)
            or (self.narrowing is not None and self.narrowing.uses_paths)
            or any(one.selector.uses_paths for one in self.terms.scopes)
        )

    @property
    def time(self) -> datetime:
        """``now`` of a request whose time is fixed; see :meth:`at`."""
        if self.now is None:
            raise ValueError("the request has no time: fix it with at()")
        return self.now

    def at(self, finished: datetime) -> Self:
        """The same request with its time fixed: ``finished`` unless ``now`` was given."""
        return self if self.now is not None else replace(self, now=finished)
