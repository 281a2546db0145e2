"""Log sinks, which route a project's audit logs to a destination that the customer chose.

The trails of a project are its own sinks and those of the folders and the organisation above that include
their children. Where the latter cannot be read, trails may be missing: a blind spot, since each trail is
evaluated separately and a missing one must not count as passing. Sinks above may also intercept what would
reach the project's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from providers.gcp.client.calls import Found, GcpCall, Item
from providers.gcp.logfilter import ACTIVITY, ALL, DATA_ACCESS, NONE, Passing, both, negated, passing
from providers.gcp.policies.policies import POLICIES_ABOVE, PROJECT_POLICY, policies_above, project_policy
from scanner.collect.table import Facet, FacetRead, Table, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.model.resources.audit import AuditTrail

_SINK = "logging.googleapis.com/LogSink"

SINKS = GcpCall("ListAssets", (_SINK,), shared=True)
SINKS_ABOVE = GcpCall("ListAssets", (_SINK,), parent="organization")

_LOG_BUCKET = re.compile(r"logging\.googleapis\.com/(\w+/[^/]+)/locations/[^/]+/buckets/([^/]+)")
_TO_PROJECT = re.compile(r"logging\.googleapis\.com/projects/[^/]+")
_BUILT_IN = frozenset({"_Required", "_Default"})
_NAMED = re.compile(r"cloudaudit\.googleapis\.com|google\.cloud\.audit\.AuditLog", re.IGNORECASE)
NO_SINKS: Mapping[str, Any] = MappingProxyType({})
_STORAGE = frozenset({"allServices", "storage.googleapis.com"})
_DATA = ("DATA_READ", "DATA_WRITE")


@dataclass(frozen=True)
class Route:
    """What a sink does with the Admin Activity log of the project."""

    name: str
    height: int
    """0: a sink of the project; else of the folder or organisation that many levels above it."""
    passes: Passing
    """The portion that its filter and exclusions let through; nothing if it is disabled."""
    chosen: bool | None
    """Whether the customer chose the destination; ``None`` if it is another project, whose sinks decide."""
    intercepts: Passing
    """The portion that it keeps from the sinks below it."""


def to_routes(item: Item, sinks: Mapping[str, Any]) -> tuple[Route, ...]:
    """Of the project's own sinks."""
    return tuple(_route(item, _sink(asset), 0) for asset in sinks.values())


def to_routes_above(item: Item, sinks: Mapping[str, Any]) -> Observed[tuple[Route, ...]]:
    """Of the sinks of the folders and the organisation above the project that include their children:
    https://cloud.google.com/logging/docs/export/aggregated_sinks."""
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    return tuple(
        _route(item, _sink(asset), ancestors.index(parent_of(name)) + 1)
        for name, asset in sinks.items()
        if _reaches_down(name, asset, ancestors)
    )


def _route(item: Item, sink: Mapping[str, Any], height: int) -> Route:
    enabled = sink.get("disabled") is not True
    return Route(
        str(sink["name"]),
        height,
        _passes(sink, item, ACTIVITY) if enabled else NONE,
        _chosen(sink["destination"], item),
        _intercepted(sink, item, ACTIVITY),
    )


def _reaches_down(name: str, asset: Mapping[str, Any], ancestors: tuple[str, ...]) -> bool:
    return parent_of(name) in ancestors and _sink(asset).get("includeChildren") is True


def _intercepted(sink: Mapping[str, Any], item: Item, log: str) -> Passing:
    """What an intercepting sink (``interceptChildren``) keeps from the sinks below it, except ``_Required``.
    Google does not say whether it keeps what it excludes itself."""
    if sink.get("interceptChildren") is not True or sink.get("disabled") is True:
        return NONE
    return passing(sink.get("filter", ""), item.project.id, log) | _passes(sink, item, log)


def to_own_trails(item: Item, sinks: Mapping[str, Any]) -> Observed[tuple[str, ...]]:
    """The trails among the project's own sinks, if no sink above intercepts. See :func:`to_trails`."""
    return to_trails(to_routes(item, sinks), ())


def to_trails(
    own: Observed[tuple[Route, ...]], above: Observed[tuple[Route, ...]]
) -> Observed[tuple[str, ...]]:
    """Names of the sinks that route all Admin Activity entries to a destination that the customer chose:
    those of the nearest level that has any.

    Fields of https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.sinks: ``disabled``,
    ``filter`` minus ``exclusions``, ``destination``, and minus what sinks above intercept. The log buckets
    that every project has (``_Required``, ``_Default``) were not chosen. A sink is doubtful if the
    destination is another project, whose own sinks decide, or if :mod:`~providers.gcp.logfilter` cannot
    evaluate its filter. If no sink is certain and one is doubtful, the result is Unknown. So it is if either
    level cannot be read: half of the sinks are not all, and those above decide what reaches the others.
    """
    if isinstance(own, Unknown) or isinstance(above, Unknown):
        return lift(lambda *_: (), own, above)
    # Sinks of different folders may have the same name: each is evaluated separately.
    verdicts = [(route, _carries(route, above)) for route in (*own, *above)]
    certain = [route for route, verdict in verdicts if verdict is True]
    doubtful = sorted({route.name for route, verdict in verdicts if verdict is None})
    if certain or not doubtful:
        nearest_level = [route for route in certain if not route.height] or certain
        return tuple(sorted({route.name for route in nearest_level}))
    why = f"cannot determine whether log sink {', '.join(doubtful)} routes all Admin Activity entries"
    return Unknown.because("error", SINKS.name, None, why)


def _carries(route: Route, above: tuple[Route, ...]) -> bool | None:
    parts = route.passes
    for other in above:
        if other.height > route.height:
            parts = both(parts, negated(other.intercepts))
    whole = _whole(parts)
    if route.chosen is False or whole is False:
        return False
    return True if route.chosen and whole else None


def _passes(sink: Mapping[str, Any], item: Item, log: str) -> Passing:
    """The portion of a log of the project that passes the filter and the enabled exclusions."""
    project = item.project.id
    parts = passing(sink.get("filter", ""), project, log)
    for exclusion in sink.get("exclusions", ()):
        if exclusion.get("disabled") is not True:
            parts = both(parts, negated(passing(exclusion["filter"], project, log)))
    return parts


def _whole(parts: Passing) -> bool | None:
    if parts == ALL:
        return True
    return None if parts >= ALL else False


def _chosen(destination: str, item: Item) -> bool | None:
    if _TO_PROJECT.fullmatch(destination):
        return None
    bucket = _LOG_BUCKET.fullmatch(destination)
    own = {f"projects/{item.project.id}", f"projects/{item.project.number}"}
    return not (bucket and bucket[1] in own and bucket[2] in _BUILT_IN)


def _sink(asset: Mapping[str, Any]) -> Mapping[str, Any]:
    data: Mapping[str, Any] = asset["resource"]["data"]
    return data


def parent_of(name: str) -> str:
    """``organizations/1`` of ``//logging.googleapis.com/organizations/1/sinks/audit``."""
    return "/".join(name.removeprefix("//").split("/")[1:3])


def nearest(own: Observed[tuple[str, ...]], above: Observed[tuple[str, ...]]) -> Observed[tuple[str, ...]]:
    """The project's own; if it has none, the inherited ones. Half of a list is not the list: unknown if the
    project's own cannot be read."""
    return lift(lambda _: (), own, above) if isinstance(own, Unknown) else own or above


def trails(item: Item) -> Iterator[Item]:
    """The sink, if it is an audit trail: it routes a whole audit log, or may do so, or its filter names audit
    logs and passes some entries. A sink for another purpose that passes single audit entries (all errors, one
    kind of resource) is not a trail, nor is one to a log bucket that every project has."""
    sink = item.data
    if _chosen(sink["destination"], item) is False:
        return
    logs = [_passes(sink, item, log) for log in (ACTIVITY, DATA_ACCESS)]
    named = _NAMED.search(sink.get("filter", "")) is not None
    if any(parts >= ALL or (named and parts != NONE) for parts in logs):
        yield item


def trails_above(item: Item, sinks: Mapping[str, Any]) -> Observed[Found]:
    """The trails among the sinks above the project that include their children."""
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    above = [
        Item(item.project, asset) for name, asset in sinks.items() if _reaches_down(name, asset, ancestors)
    ]
    return [trail for sink in above for trail in trails(sink)], None


def header(item: Item) -> Mapping[str, Any]:
    """A sink above the project keeps its own ID and is reported for each project below it."""
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": None,
        "id": item.asset["name"],
        "name": item.data["name"],
        "type": "gcp.logging.sink",
    }


def no_tags(_: Item) -> Mapping[str, str]:
    """Sinks cannot be labelled."""
    return {}


def to_logging(item: Item) -> bool:
    """Not ``disabled``. No asset shows whether entries could be written to the destination."""
    return item.data.get("disabled") is not True


def to_organisation_wide(item: Item) -> bool:
    """It is a sink of a folder or of the organisation."""
    return not parent_of(item.asset["name"]).startswith("projects/")


def to_records_writes(item: Item, sinks_above: Mapping[str, Any] = NO_SINKS) -> Observed[bool]:
    """The whole Admin Activity log passes, and no sink above intercepts any of it."""
    return _routes_all(item, sinks_above, ACTIVITY, "Admin Activity")


def to_carries_data_access(item: Item, sinks_above: Mapping[str, Any] = NO_SINKS) -> Observed[bool]:
    """The whole Data Access log passes, and no sink above intercepts any of it."""
    return _routes_all(item, sinks_above, DATA_ACCESS, "Data Access")


def _routes_all(item: Item, sinks_above: Mapping[str, Any], log: str, title: str) -> Observed[bool]:
    ancestors = item.project.ancestors
    parts = _passes(item.data, item, log)
    if sinks_above and isinstance(ancestors, Unknown):
        return ancestors
    chain = () if isinstance(ancestors, Unknown) else ancestors
    own = parent_of(item.asset["name"])
    higher = chain[chain.index(own) + 1 :] if own in chain else chain
    for name, asset in sinks_above.items():
        if _reaches_down(name, asset, higher):
            parts = both(parts, negated(_intercepted(_sink(asset), item, log)))
    whole = _whole(parts)
    if whole is not None:
        return whole
    why = f"cannot determine whether log sink {item.data['name']} routes all {title} entries"
    return Unknown.because("error", SINKS.name, None, why)


def to_destinations(item: Item) -> tuple[str, ...]:
    """``destination`` as a full resource name: for a bucket, the bucket's own ID."""
    return (f"//{item.data['destination'].removeprefix('//')}",)


@dataclass(frozen=True)
class DataAccess:
    """The log types that audit configurations enable for Cloud Storage, and those with exempted members."""

    on: frozenset[str]
    exempted: frozenset[str]


def to_own_configs(item: Item, policies: Mapping[str, Any]) -> DataAccess:
    """From the project's policy."""
    return _configs([project_policy(item, policies)])


def to_configs_above(item: Item, policies: Mapping[str, Any]) -> Observed[DataAccess]:
    """From the policies above, which cannot be disabled below."""
    above = policies_above(item, policies)
    return above if isinstance(above, Unknown) else _configs(list(above.values()))


def _configs(policies: list[Mapping[str, Any]]) -> DataAccess:
    """``auditConfigs`` for all services and for Cloud Storage, combined as described in
    https://cloud.google.com/logging/docs/audit/configure-data-access."""
    on, exempted = set(), set()
    for policy in policies:
        for config in policy.get("auditConfigs", ()):
            if config["service"] in _STORAGE:
                for entry in config["auditLogConfigs"]:
                    on.add(entry["logType"])
                    exempted |= {entry["logType"]} if entry.get("exemptedMembers") else set()
    return DataAccess(frozenset(on), frozenset(exempted))


def to_records_data_access(
    carries: Observed[bool], own: Observed[DataAccess], above: Observed[DataAccess], *more: Observed[bool]
) -> Observed[bool]:
    """Reads and writes of objects are logged for everybody, and the sink routes the log. A member exempted
    at any level counts as exempted, so it is true only if the levels above are known."""
    levels = (own, above)
    enabled = [any_of(*(lift(partial(_enabled, kind), level) for level in levels)) for kind in _DATA]
    whole = [lift(lambda access: not access.exempted.intersection(_DATA), level) for level in levels]
    return all_of(carries, *more, *enabled, *whole)


def _enabled(kind: str, configs: DataAccess) -> bool:
    return kind in configs.on


TRAIL_NAMES = Facet((FacetRead(SINKS, to_routes), FacetRead(SINKS_ABOVE, to_routes_above)), to_trails)
"""``audit_trails`` of a project and of each of its regions: an Admin Activity log is not regional."""

AUDIT_TRAILS = Table(
    kind=AuditTrail,
    list=replace(SINKS, split=trails),
    header=header,
    facets={
        "tags": from_list(no_tags),
        "logging": from_list(to_logging),
        "all_regions": from_list(lambda _: True),
        "organisation_wide": from_list(to_organisation_wide),
        "records_writes": Facet(
            (FacetRead(None, to_records_writes), FacetRead(SINKS_ABOVE, to_records_writes)), all_of
        ),
        "records_data_access": Facet(
            (
                FacetRead(None, to_carries_data_access),
                FacetRead(PROJECT_POLICY, to_own_configs),
                FacetRead(POLICIES_ABOVE, to_configs_above),
                FacetRead(SINKS_ABOVE, to_carries_data_access),
            ),
            to_records_data_access,
        ),
        "tamper_evident": from_list(lambda _: None),
        "customer_key": from_list(lambda _: None),
        "destinations": from_list(to_destinations),
    },
)
"""The project's own trails; those above are added from :data:`SINKS_ABOVE`. Audit logs have no regions, and
the destination determines the encryption of what a sink writes."""
