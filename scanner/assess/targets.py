"""What the ownership file selects from: the resources, blind spots and scopes of an inventory."""

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
    """One scanned scope: its resource, the kinds that exist there and the service models in use."""

    account: Account | Tenant
    kinds: Mapping[str, int]
    """The number of resources of each kind."""
    models_of: Mapping[str, frozenset[ServiceModel]]
    """The service models of the resources of each kind; all possible ones where the model is unknown."""

    @cached_property
    def models(self) -> frozenset[ServiceModel]:
        """The service models in use there."""
        return frozenset().union(*self.models_of.values())


@dataclass(frozen=True)
class StatedScope:
    """A scope's path and tags as stated by the user, for selection where they could not be read."""

    path: str | None = None
    tags: Mapping[str, str] | None = None


class ResourceTargets:
    """The resources and blind spots of an inventory as targets of the ownership file."""

    def __init__(
        self,
        accounts: Mapping[tuple[str, str], Account | Tenant],
        stated: Mapping[str, StatedScope] = MappingProxyType({}),
    ) -> None:
        """``accounts``: the resource of each scope."""
        self._accounts = accounts
        self._stated = stated

    @classmethod
    def reading(
        cls, inventory: Inventory, stated: Mapping[str, StatedScope] = MappingProxyType({})
    ) -> ResourceTargets:
        """Those of an inventory, of which only the resources of scopes are read and held."""
        return cls(
            {
                (resource.provider, resource.scope): resource
                for resource in inventory.of(Account.kind, Tenant.kind)
                if isinstance(resource, Account | Tenant)
            },
            stated,
        )

    def of(self, item: Resource | BlindSpot) -> OwnershipTarget:
        """The item with everything that the ownership file can select by."""
        account = self._accounts.get((item.provider, item.scope))
        return _target(item, account, self._stated.get(item.scope))


class OwnershipTargets(ResourceTargets):
    """The scopes of an inventory, and its resources and blind spots as targets of the ownership file."""

    def __init__(
        self,
        inventory: Inventory,
        catalogue: Catalogue,
        stated: Mapping[str, StatedScope] = MappingProxyType({}),
    ) -> None:
        kinds: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        models: dict[tuple[str, str], dict[str, frozenset[ServiceModel]]] = defaultdict(dict)
        services: dict[str, set[str]] = defaultdict(set)
        accounts: dict[tuple[str, str], Account | Tenant] = {}
        super().__init__(accounts, stated)
        shifting = catalogue.shifting_kinds
        for (provider, scope, kind, type_), number in inventory.numbers.items():
            kinds[provider, scope][kind] += number
            services[provider].add(type_.split(".")[1])
            if kind not in shifting:
                known = models[provider, scope].get(kind, frozenset())
                models[provider, scope][kind] = known | catalogue.models_of_type(type_)
        for resource in inventory.of(Account.kind, Tenant.kind, *shifting):
            key = (resource.provider, resource.scope)
            if isinstance(resource, Account | Tenant):
                accounts[key] = resource
            if resource.kind in shifting:
                known = models[key].get(resource.kind, frozenset())
                models[key][resource.kind] = known | catalogue.models_in_use(resource)
        self.services: Mapping[str, set[str]] = services
        """The cloud services in use, by provider."""
        self.scopes: Mapping[tuple[str, str], Scope] = {
            key: Scope(account, kinds[key], models[key]) for key, account in accounts.items()
        }

    def partition(self, item: Resource | BlindSpot) -> str:
        """The partition of a resource; for a blind spot, that of its scope."""
        if not isinstance(item, BlindSpot):
            return item.partition
        scope = self.scopes.get((item.provider, item.scope))
        return scope.account.partition if scope is not None else item.provider


def _target(
    item: Resource | BlindSpot, account: Account | Tenant | None, stated: StatedScope | None
) -> OwnershipTarget:
    path: Observed[str | None] = None
    account_tags: Observed[Mapping[str, str]]
    if account is None:
        path = account_tags = Unknown.because("error", "account", None, "the account could not be read")
    else:
        account_tags = account.tags
        if isinstance(account, Account):
            path = account.path if "path" in account.collected() else _PATH_UNREAD
    directory = isinstance(account, Tenant)
    contacts = _contacts(account) if account is not None else ()
    if stated is not None:
        path = stated.path if isinstance(path, Unknown) and stated.path is not None else path
        if isinstance(account_tags, Unknown) and stated.tags is not None:
            account_tags = stated.tags
    if isinstance(item, BlindSpot):
        return OwnershipTarget(
            provider=_PROVIDERS[item.provider],
            scope=item.scope,
            path=path,
            region=item.region,
            service=None,
            kind=item.kind,
            tags=Unknown(causes=(item.cause,)),
            account_tags=account_tags,
            resource_id=None,
            name=None,
            directory=directory,
            contacts=contacts,
        )
    return OwnershipTarget(
        provider=item.provider,
        scope=item.scope,
        path=path,
        region=item.region,
        service=item.service,
        kind=item.kind,
        tags=item.tags,
        account_tags=account_tags,
        resource_id=item.id,
        name=item.name,
        directory=directory,
        contacts=contacts,
    )


def unreached(provider: ProviderName, scope: str, stated: Mapping[str, StatedScope]) -> OwnershipTarget:
    """The target for a scope that could not be reached, with the path and tags that the user stated."""
    cause = Unknown.because("error", "account", None, "the scope was not reached").causes[0]
    spot = BlindSpot(provider=provider, scope=scope, region=None, kind=Account.kind, cause=cause)
    return _target(spot, None, stated.get(scope))


def _contacts(account: Account | Tenant) -> tuple[str, ...]:
    if not isinstance(account, Account) or "security_contacts" not in account.collected():
        return ()
    contacts = account.security_contacts
    return () if isinstance(contacts, Unknown) else contacts
