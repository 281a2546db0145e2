"""How much of a control is assessed in a scope: the kinds that it expects, and the rules that cover them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from scanner.assess.targets import OwnershipTargets, Scope
from scanner.catalogue.control import Control, Party, ServiceModel
from scanner.model.inventory import Inventory
from scanner.model.resources.base import ProviderName
from scanner.model.resources.kinds import KINDS
from scanner.rule.packs import Pack
from scanner.rule.rule import Rule


@dataclass(frozen=True)
class KindCoverage:
    """The coverage of kinds in one inventory by the chosen rules of a pack."""

    inventory: Inventory
    chosen: Sequence[Rule]
    pack: Pack
    targets: OwnershipTargets

    def unassessed(self, control: Control, scope: Scope, party: Party) -> bool:
        """Whether a kind that the control expects in the scope, or one of its rules, was not evaluated."""
        provider = scope.account.provider
        rules = self._rules_of.get((control.id, provider), ())
        covered = {rule.text.for_ for rule in rules}
        expected = control.kinds.get(provider, ())
        attested_alone = control.evidence == "attestation" or (control.evidence == "hybrid" and not expected)
        if attested_alone and not rules:
            return party == "provider"
        if any(rule.id not in self._ids for rule in rules):
            return True
        if not expected and not rules:
            return True
        # What was not listed is not absent, whatever rules there are; a blind spot has verdicts of its own.
        if any(self._not_looked(kind, provider, scope.account.scope) for kind in {*expected, *covered}):
            return True
        return any(
            kind not in covered
            and self._may_exist(kind, provider, scope.account.scope)
            and not (party == "customer" and self._left_to_provider(control, scope, kind))
            for kind in expected
        )

    def expected(self, control: Control, provider: ProviderName, scope: str) -> tuple[str, ...]:
        """The kinds that the control expects evidence from and that may exist in the scope."""
        kinds = control.kinds.get(provider, ())
        return tuple(kind for kind in kinds if self._may_exist(kind, provider, scope))

    def has_rule(self, kind: str) -> bool:
        """Whether any chosen rule covers a kind."""
        return kind in self._kinds

    def models(self, control: Control, scope: Scope) -> frozenset[ServiceModel]:
        """The service models in use in the scope, for a control, as far as they were seen. Empty if they are
        unknown: a kind that the control expects could not be listed or was not collected. Disabled regions
        and kinds that no adapter collects do not count as hidden."""
        account = scope.account
        hidden = any(
            (account.provider, account.scope, kind) in self._hidden
            or (kind in KINDS and not self.inventory.looked(account.provider, account.scope, kind))
            for kind in control.kinds.get(account.provider, ())
        )
        return frozenset() if hidden else scope.models

    def may_hold_any_model(self, scope: Scope) -> bool:
        """Whether any kind could not be listed in the scope: its resources may be of any service model."""
        return (scope.account.provider, scope.account.scope) in self._scopes_with_hidden_kinds

    def _left_to_provider(self, control: Control, scope: Scope, kind: str) -> bool:
        """Whether the provider is responsible for the control on all resources of a fully listed kind."""
        models = scope.models_of.get(kind)
        account = scope.account
        if models is None or (account.provider, account.scope, kind) in self._unlisted:
            return False
        return all(control.responsibility[model] == "provider" for model in models)

    def _may_exist(self, kind: str, provider: str, scope: str) -> bool:
        """Whether resources of a kind exist in a scope, or may exist because they were not all listed."""
        seen = self.targets.scopes.get((provider, scope))
        return seen is None or kind in seen.kinds or not self.inventory.complete(provider, scope, kind)

    def _not_looked(self, kind: str, provider: str, scope: str) -> bool:
        """Whether a kind that gapscan knows was neither listed in a scope nor has a blind spot there."""
        place = (provider, scope, kind)
        return kind in KINDS and not self.inventory.looked(*place) and place not in self._unlisted

    @cached_property
    def _unlisted(self) -> frozenset[tuple[str, str, str]]:
        return frozenset((spot.provider, spot.scope, spot.kind) for spot in self.inventory.blind_spots)

    @cached_property
    def _scopes_with_hidden_kinds(self) -> frozenset[tuple[str, str]]:
        return frozenset((provider, scope) for provider, scope, _ in self._hidden)

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
    def _kinds(self) -> frozenset[str]:
        return frozenset(rule.text.for_ for rule in self.chosen)


def kinds_with_rules(chosen: Iterable[Rule]) -> Mapping[str, frozenset[str]]:
    """By control: the kinds that a chosen rule of it covers."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for rule in chosen:
        kinds[rule.text.control].add(rule.text.for_)
    return {control: frozenset(covered) for control, covered in kinds.items()}
