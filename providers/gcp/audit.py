"""Log sinks: what carries a project's control-plane writes to a store that the customer chose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.gcp.call import Call, Item
from providers.gcp.logfilter import Verdict, both, covers, negated
from scanner.collect import Facet, Read
from scanner.evidence import Observed, Unknown, any_of, lift

_SINK = "logging.googleapis.com/LogSink"

SINKS = Call("ListAssets", (_SINK,))
SINKS_ABOVE = Call("ListAssets", (_SINK,), parent="organization")

_LOG_BUCKET = re.compile(r"logging\.googleapis\.com/(\w+/[^/]+)/locations/[^/]+/buckets/([^/]+)")
_TO_PROJECT = re.compile(r"logging\.googleapis\.com/projects/[^/]+")
_BUILT_IN = frozenset({"_Required", "_Default"})


def to_own_trails(item: Item, sinks: Mapping[str, Any]) -> Observed[tuple[str, ...]]:
    """The project's own sinks. See :func:`to_trails`."""
    return to_trails(item, [_sink(asset) for asset in sinks.values()], SINKS.name)


def to_trails_above(item: Item, sinks: Mapping[str, Any]) -> Observed[tuple[str, ...]]:
    """Sinks of the folders and the organisation above the project that include their children:
    https://cloud.google.com/logging/docs/export/aggregated_sinks."""
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    above = [
        _sink(asset)
        for name, asset in sinks.items()
        if parent_of(name) in ancestors and _sink(asset).get("includeChildren") is True
    ]
    return to_trails(item, above, SINKS_ABOVE.name)


def to_trails(item: Item, sinks: list[Mapping[str, Any]], call: str) -> Observed[tuple[str, ...]]:
    """Names of the sinks that carry all Admin Activity entries to a store that the customer chose.

    Fields of https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.sinks: ``disabled``,
    ``filter`` without what ``exclusions`` take out, ``destination``. A destination in the log buckets
    that every project has (``_Required``, ``_Default``) was not chosen. Where another project is the
    destination, the sinks over there decide, so it cannot be told from here; nor can what a filter lets
    through that :mod:`~providers.gcp.logfilter` does not understand. When no sink is certain and one is
    doubtful the answer is Unknown.
    """
    verdicts = {str(sink["name"]): _carries(sink, item) for sink in sinks}
    certain = tuple(sorted(name for name, verdict in verdicts.items() if verdict is True))
    doubtful = sorted(name for name, verdict in verdicts.items() if verdict is None)
    if certain or not doubtful:
        return certain
    why = f"whether log sink {', '.join(doubtful)} carries all admin activity cannot be told"
    return Unknown.because("error", call, None, why)


def _carries(sink: Mapping[str, Any], item: Item) -> Verdict:
    if sink.get("disabled") is True:
        return False
    project = item.project.id
    verdict = both(_chosen(sink["destination"], item), covers(sink.get("filter", ""), project))
    for exclusion in sink.get("exclusions", ()):
        if exclusion.get("disabled") is not True:
            verdict = both(verdict, negated(covers(exclusion["filter"], project)))
    return verdict


def _chosen(destination: str, item: Item) -> Verdict:
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
    """The project's own; where it has none, or none that is certain, what it inherits.

    The nearest level that has any settles the question whatever is unknown about the other.
    """
    settled = any_of(lift(bool, own), lift(bool, above))
    if settled is not True:
        return lift(lambda _: (), settled)
    return above if isinstance(own, Unknown) or not own else own


AUDIT_TRAILS = Facet((Read(SINKS, to_own_trails), Read(SINKS_ABOVE, to_trails_above)), nearest)
"""``audit_trails`` of a project and of each of its regions: an Admin Activity log is not regional."""
