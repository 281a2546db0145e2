"""Connecting to AWS: the identity of the credentials, and the account and regions that they reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from providers.aws import identity
from providers.aws.account import ACCOUNTS, DESCRIBE_REGIONS, REGIONS
from providers.aws.client.client import AwsCaller, AwsChain, AwsQuestion, nearest, sign_in
from providers.aws.storage import BUCKETS
from providers.aws.tables import (
    COLLECTORS,
    IDENTITIES,
    REGIONAL,
    REGISTER,
    Start,
    all_calls,
    kinds_of_calls,
    starts,
)
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.collect.table import Table
from scanner.model.evidence import Observed, Unknown
from scanner.model.inventory import Target, Wanted
from scanner.model.resources.base import ProviderName


class AwsProvider:
    """One AWS account, reached with one set of credentials."""

    name: ProviderName = "aws"

    def __init__(self, caller: AwsCaller, targets: Sequence[Target]) -> None:
        self.targets = tuple(targets)
        self._caller = caller

    def collect(self, wanted: Wanted, collection: Collection) -> None:
        """Starts the collection of ``wanted``; the collection's workers do it."""
        self._caller.clients.report(partial(collection.called, self.name))
        account = self._caller.account
        REGISTER.announce(account, wanted, collection)
        listed = {table.kind.kind for table in COLLECTORS}
        wanted = {kind: facets for kind, facets in wanted.items() if kind in listed}
        if Account in wanted:
            item = self._caller.item()
            for question in ACCOUNTS.calls(wanted[Account]):
                if isinstance(question, AwsChain):
                    # The longest chains of calls start before the many short ones.
                    collection.workers.submit(partial(self._caller.answer, question, item))
            place = CollectionPlace(self.name, account, None, Account)
            collection.run(ACCOUNTS, self._caller, place, wanted[Account], [item])
        if Region in wanted:
            place = CollectionPlace(self.name, account, None, Region)
            collection.begin(place)
            collection.workers.submit(partial(self._regions, wanted[Region], collection, place))
        if Bucket in wanted:
            place = CollectionPlace(self.name, account, None, Bucket)
            collection.run(BUCKETS, self._caller, place, wanted[Bucket])
        for collector in IDENTITIES:
            if collector.kind.kind in wanted:
                place = CollectionPlace(self.name, account, None, collector.kind.kind)
                collection.begin(place)
                facets = wanted[collector.kind.kind]
                collection.workers.submit(
                    partial(identity.start, collector, facets, self._caller, place, collection)
                )

        for collector in REGIONAL:
            if collector.kind.kind in wanted and collector in COLLECTORS:
                place = CollectionPlace(self.name, account, None, collector.kind.kind)
                collection.begin(place)
                facets = wanted[collector.kind.kind]
                collection.workers.submit(partial(self._everywhere, collector, facets, collection, place))

    def _everywhere(
        self,
        collector: Table[AwsQuestion],
        wanted: frozenset[str],
        collection: Collection,
        here: CollectionPlace,
    ) -> None:
        """Starts the collection of one kind in every enabled region."""
        start = starts().get(collector.kind.kind)
        statuses = _statuses(self._caller)
        if isinstance(statuses, Unknown):
            collection.blind_spot(here, statuses)
            statuses = {}
        elif self._unlisted(statuses):
            for region in self._unlisted(statuses):
                collection.blind_spot(replace(here, region=region), _not_listed(region))
        elif not self._open(statuses):
            # Every requested region is disabled, and reported as such.
            collection.looked(here, collector.name)
        for region in self._open(statuses):
            place = replace(here, region=region)
            if start is None:
                collection.run(collector, self._caller.within(region), place, wanted)
                continue
            collection.begin(place)
            collection.workers.submit(partial(_started, start, self._caller, place, wanted, collection))
        collection.end(here)

    def _open(self, statuses: Mapping[str, bool]) -> tuple[str, ...]:
        """The enabled regions among those that are requested."""
        chosen = self._caller.regions
        return tuple(one for one, enabled in statuses.items() if enabled and (not chosen or one in chosen))

    def _unlisted(self, statuses: Mapping[str, bool]) -> tuple[str, ...]:
        """The regions that are certainly there, and that AWS's list lacks: then the list is not whole.

        They are the requested ones, which were checked, and without any the one that the scan started from.
        """
        return tuple(sorted((self._caller.regions or {self._caller.clients.region}) - statuses.keys()))

    def _regions(self, wanted: frozenset[str], collection: Collection, here: CollectionPlace) -> None:
        """Each enabled region; a disabled one is a blind spot, as it can still hold resources."""
        statuses = _statuses(self._caller)
        if isinstance(statuses, Unknown):
            collection.blind_spot(here, statuses)
            collection.end(here)
            return
        for region in self._unlisted(statuses):
            collection.blind_spot(replace(here, region=region), _not_listed(region))
        for region, enabled in statuses.items():
            if self._caller.regions and region not in self._caller.regions:
                continue
            place = CollectionPlace(self.name, self._caller.account, region, Region)
            if enabled:
                collection.run(REGIONS, self._caller, place, wanted, [self._caller.item(region)])
            else:
                message = f"{region} is not enabled for the account; resources that remain in it are not seen"
                closed = Unknown.because("disabled", DESCRIBE_REGIONS.name, None, message)
                collection.blind_spot(place, closed)
        collection.end(here)


def _started(
    start: Start,
    caller: AwsCaller,
    place: CollectionPlace,
    wanted: frozenset[str],
    collection: Collection,
) -> None:
    start(caller, place, wanted, collection)
    collection.end(place)


Bucket, Account, Region = BUCKETS.kind.kind, ACCOUNTS.kind.kind, REGIONS.kind.kind


def connect(request: ConnectionRequest, limits: Limits) -> AwsProvider:
    """Signs in with the request's profile, role and region.

    Raises ``Unreachable`` without usable credentials, for an unknown region, and
    where the credentials belong to none of the requested accounts; for a recording also ``DocumentError``.
    """
    clients, account, identity = sign_in(request, limits, tuple(all_calls()), kinds_of_calls())
    partition = identity.split(":")[1]
    caller = AwsCaller(clients, account, partition, frozenset(request.regions))
    unknown_regions = {clients.region, *request.regions} - clients.regions_of(partition)
    if unknown_regions:
        _check_regions(unknown_regions, caller)
    others = [
        Target(
            provider="aws",
            scope=scope,
            identity=identity,
            expected=request.expected,
            reached=False,
            message=f"The credentials belong to account {account}; use a profile or a role of {scope}.",
        )
        for scope in request.scopes
        if scope != account
    ]
    if request.scopes and account not in request.scopes:
        wanted = ", ".join(request.scopes)
        raise Unreachable(
            "aws",
            f"The AWS credentials belong to account {account}, not to {wanted}.",
            f"Use a profile or a role of {wanted}.",
            scope=request.scopes[0],
        )
    reached = Target("aws", account, identity, request.expected, reached=True, message=None)
    return AwsProvider(caller, [reached, *others])


def to_statuses(answer: Any) -> dict[str, bool]:
    """``OptInStatus`` of DescribeRegions: whether each region is enabled for the account."""
    enabled = {"opt-in-not-required": True, "opted-in": True, "not-opted-in": False}
    return {region["RegionName"]: enabled[region["OptInStatus"]] for region in answer["Regions"]}


def _not_listed(region: str) -> Unknown:
    message = f"AWS does not list {region} among the regions of the account, nor perhaps others"
    return Unknown.because("error", DESCRIBE_REGIONS.name, None, message)


def _statuses(caller: AwsCaller) -> Observed[dict[str, bool]]:
    answer = caller.once(DESCRIBE_REGIONS, partial(caller.answer, DESCRIBE_REGIONS, caller.item()))
    return answer if isinstance(answer, Unknown) else caller.read(DESCRIBE_REGIONS, to_statuses, answer)


def _check_regions(names: set[str], caller: AwsCaller) -> None:
    """Checks regions that the SDK does not know, newer than it or misspelt, against AWS's own list."""
    statuses = _statuses(caller)
    # Without AWS's list an unknown name is refused: a misspelt one would hide every bucket.
    own = caller.clients.regions_of(caller.partition)
    known = own if isinstance(statuses, Unknown) else statuses.keys()
    for name in sorted(names - known):
        raise Unreachable("aws", f"AWS has no region {name}.", nearest(name, known), scope=caller.account)
