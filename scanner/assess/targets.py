"""What is judged, as the ownership file can select it: resources, blind spots and scopes of an inventory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import get_args

from scanner.catalogue.control import ServiceModel
from scanner.catalogue.responsibility import Catalogue
from scanner.model.evidence import BlindSpot, Observed, Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.account import Account
from scanner.model.resources.base import ProviderName, Resource
from scanner.model.resources.identity import Tenant
from scanner.ownership.resolve.selection import OwnershipTarget

_PROVIDERS: Mapping[str, ProviderName] = {name: name for name in get_args(ProviderName)}

_PATH_UNREAD = Unknown.because("unsupported", "account", None, "the path was not collected")


@dataclass(frozen=True)
class Scope:
    """One scanned scope: the resource that stands for it, what exists there and the service models in use."""

    account: Account | Tenant
    kinds: Mapping[str, int]
    """How many resources of each kind there are."""
    models_of: Mapping[str, frozenset[ServiceModel]]
    """How the resources of each kind are operated; both ways where nobody can tell."""

    @cached_property
    def models(self) -> frozenset[ServiceModel]:
        """The service models in use there."""
        return frozenset().union(*self.models_of.values())


@dataclass(frozen=True)
class StatedScope:
    """What the user says of a scope, for selection by the ownership file; used where it could not be read."""

    path: str | None = None
    tags: Mapping[str, str] | None = None


class OwnershipTargets:
    """The scopes of an inventory, and every resource and blind spot seen from the ownership file."""

    def __init__(
        self,
        inventory: Inventory,
        catalogue: Catalogue,
        stated: Mapping[str, StatedScope] = MappingProxyType({}),
    ) -> None:
        self._stated = stated
        kinds: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        models: dict[tuple[str, str], dict[str, frozenset[ServiceModel]]] = defaultdict(dict)
        services: dict[str, set[str]] = defaultdict(set)
        accounts: dict[tuple[str, str], Account | Tenant] = {}
        for resource in inventory.resources:
            key = (resource.provider, resource.scope)
            kinds[key][resource.kind] += 1
            services[resource.provider].add(resource.service)
            known = models[key].get(resource.kind, frozenset())
            models[key][resource.kind] = known | catalogue.models_in_use(resource)
            if isinstance(resource, Account | Tenant):
                accounts[key] = resource
        self.services: Mapping[str, set[str]] = services
        """The clouds' services in use, by provider."""
        self.scopes: Mapping[tuple[str, str], Scope] = {
            key: Scope(account, kinds[key], models[key]) for key, account in accounts.items()
        }

    def partition(self, subject: Resource | BlindSpot) -> str:
        """The partition that the subject is in: a blind spot's is its scope's."""
        if not isinstance(subject, BlindSpot):
            return subject.partition
        scope = self.scopes.get((subject.provider, subject.scope))
        return scope.account.partition if scope is not None else subject.provider

    def unseen(self, provider: ProviderName, scope: str) -> OwnershipTarget:
        """A scope that could not be reached, with what the user states of it."""
        cause = Unknown.because("error", "account", None, "the scope was not reached").causes[0]
        return self.of(BlindSpot(provider=provider, scope=scope, region=None, kind="account", cause=cause))

    def of(self, subject: Resource | BlindSpot) -> OwnershipTarget:
        """The subject with everything that a line of the ownership file can select it by."""
        scope = self.scopes.get((subject.provider, subject.scope))
        path: Observed[str | None] = None
        account_tags: Observed[Mapping[str, str]]
        if scope is None:
            path = account_tags = Unknown.because("error", "account", None, "the account could not be read")
        else:
            account_tags = scope.account.tags
            if isinstance(scope.account, Account):
                collected = "path" in scope.account.collected()
                path = scope.account.path if collected else _PATH_UNREAD
        directory = scope is not None and isinstance(scope.account, Tenant)
        contacts = _contacts(scope.account) if scope is not None else ()
        stated = self._stated.get(subject.scope)
        if stated is not None:
            path = stated.path if isinstance(path, Unknown) and stated.path is not None else path
            if isinstance(account_tags, Unknown) and stated.tags is not None:
                account_tags = stated.tags
        if isinstance(subject, BlindSpot):
            return OwnershipTarget(
                provider=_PROVIDERS[subject.provider],
                scope=subject.scope,
                path=path,
                region=subject.region,
                service=None,
                kind=subject.kind,
                tags=Unknown(causes=(subject.cause,)),
                account_tags=account_tags,
                resource_id=None,
                name=None,
                directory=directory,
                contacts=contacts,
            )
        return OwnershipTarget(
            provider=subject.provider,
            scope=subject.scope,
            path=path,
            region=subject.region,
            service=subject.service,
            kind=subject.kind,
            tags=subject.tags,
            account_tags=account_tags,
            resource_id=subject.id,
            name=subject.name,
            directory=directory,
            contacts=contacts,
        )


def _contacts(account: Account | Tenant) -> tuple[str, ...]:
    if not isinstance(account, Account) or "security_contacts" not in account.collected():
        return ()
    told = account.security_contacts
    return () if isinstance(told, Unknown) else told
