"""What of a control was looked at in a scope: the kinds that it expects, and the rules that examined them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from scanner.assess.targets import OwnershipTargets, Scope
from scanner.catalogue.control import Control, Party, ServiceModel
from scanner.model.inventory import Inventory
from scanner.model.resources.base import ProviderName
from scanner.model.resources.kinds import KINDS
from scanner.rule.rules import Pack, Rule


@dataclass(frozen=True)
class KindCoverage:
    """Of one inventory, with the rules that were chosen of a pack."""

    inventory: Inventory
    chosen: Sequence[Rule]
    pack: Pack
    subjects: OwnershipTargets

    def unassessed(self, control: Control, scope: Scope, party: Party) -> bool:
        """Whether some kind that the control expects there, or some rule of it, was left out."""
        provider = scope.account.provider
        rules = self._rules_of.get((control.id, provider), ())
        examined = {rule.text.for_ for rule in rules}
        if control.evidence == "statement" and not rules:
            return party == "provider"
        if any(rule.id not in self._ids for rule in rules):
            return True
        expected = control.kinds.get(provider, ())
        if not expected and not rules:
            return True
        return any(
            kind not in examined
            and self._may_exist(kind, provider, scope.account.scope)
            and not (party == "customer" and self._left_to_provider(control, scope, kind))
            for kind in expected
        )

    def expected(self, control: Control, provider: ProviderName, scope: str) -> tuple[str, ...]:
        """The kinds that the control expects evidence from, as far as they may exist there."""
        kinds = control.kinds.get(provider, ())
        return tuple(kind for kind in kinds if self._may_exist(kind, provider, scope))

    def seen(self, control: Control, kinds: Sequence[str]) -> tuple[str, ...]:
        """Those of the kinds that a chosen rule of the control examines."""
        return tuple(kind for kind in kinds if kind in self._kinds_of[control.id])

    def examines(self, kind: str) -> bool:
        """Whether any chosen rule examines a kind."""
        return kind in self._examined

    def models(self, control: Control, scope: Scope) -> frozenset[ServiceModel]:
        """The service models in use as far as they concern a control; empty: nobody can tell, as something
        that the control is about could not be listed or was not asked for. A region that is switched off
        hides nothing here, and neither does a kind that no adapter collects."""
        account = scope.account
        hidden = any(
            (account.provider, account.scope, kind) in self._hidden
            or (kind in KINDS and kind not in self.inventory.collected)
            for kind in control.kinds.get(account.provider, ())
        )
        return frozenset() if hidden else scope.models

    def _left_to_provider(self, control: Control, scope: Scope, kind: str) -> bool:
        """Whether the control is the provider's part on everything of a kind in a scope, all of it listed."""
        models = scope.models_of.get(kind)
        account = scope.account
        if models is None or (account.provider, account.scope, kind) in self._unlisted:
            return False
        return all(control.responsibility[model] == "provider" for model in models)

    def _may_exist(self, kind: str, provider: str, scope: str) -> bool:
        """Whether there are resources of a kind in a scope, or there may be some that were not listed."""
        seen = self.subjects.scopes.get((provider, scope))
        if seen is None or kind in seen.kinds or kind not in self.inventory.collected:
            return True
        return (provider, scope, kind) in self._unlisted

    @cached_property
    def _unlisted(self) -> frozenset[tuple[str, str, str]]:
        return frozenset((spot.provider, spot.scope, spot.kind) for spot in self.inventory.blind_spots)

    @cached_property
    def _hidden(self) -> frozenset[tuple[str, str, str]]:
        spots = self.inventory.blind_spots
        return frozenset((s.provider, s.scope, s.kind) for s in spots if s.cause.reason != "disabled")

    @cached_property
    def _rules_of(self) -> Mapping[tuple[str, ProviderName], list[Rule]]:
        rules: dict[tuple[str, ProviderName], list[Rule]] = defaultdict(list)
        for rule in self.pack.rules.values():
            for provider in rule.text.providers:
                rules[rule.text.control, provider].append(rule)
        return rules

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(rule.id for rule in self.chosen)

    @cached_property
    def _kinds_of(self) -> Mapping[str, set[str]]:
        kinds: dict[str, set[str]] = defaultdict(set)
        for rule in self.chosen:
            kinds[rule.text.control].add(rule.text.for_)
        return kinds

    @cached_property
    def _examined(self) -> frozenset[str]:
        return frozenset(rule.text.for_ for rule in self.chosen)
