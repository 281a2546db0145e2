"""The client of Google Cloud: the only place that sends requests and handles the SDK's errors."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from providers.gcp.client.calls import READ_TIME, GcpCall, Item, JsonRequest, to_region
from providers.gcp.client.exchanges import NotRecorded, Sdk, Service
from providers.gcp.client.failures import from_api, one_line, status
from providers.gcp.client.json_api import JsonApi, bucket_request, keys_request, to_bucket, to_keys
from providers.gcp.client.messages import UNREADABLE, to_entry, to_json
from scanner.collect.collection import Collection
from scanner.collect.provider import Limits
from scanner.collect.table import AcrossScopes
from scanner.model.evidence import Observed, Unknown, join

T = TypeVar("T")
Page = Sequence[Mapping[str, Any]]

PAGE = 1000
"""Assets per page of a listing, the maximum of ListAssets."""
SEARCH_PAGE = 500
"""Results per page of a search, the maximum of SearchAllResources."""
MAX_PAGES = 10_000
"""Pages of one listing: the most that are requested."""
MAX_SECONDS = 1800
"""The longest that one listing may take."""
PAUSE = 1 / 15
"""The pause before the second attempt, as a fraction of the timeout of a call; it doubles each time."""

_RETRIED = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED"})


@dataclass
class _SharedPages:
    """The pages of a shared listing, once fetched."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pages: tuple[Observed[Page], ...] | None = None


class Client:
    """Calls Google's APIs for all projects of one request."""

    def __init__(
        self,
        assets: Any,
        policies: Any,
        limits: Limits,
        service: Service | None = None,
        storage: JsonApi | None = None,
    ) -> None:
        """``assets`` and ``policies`` are the SDK's clients, ``storage`` that of Cloud Storage; a ``service``
        answers in place of all of them."""
        self._service = service if service is not None else Sdk(assets, policies, storage)
        self._limits = limits
        self._collection: Collection | None = None
        self._early: list[str] = []
        self._lock = threading.Lock()
        self._shared: dict[tuple[GcpCall, str], _SharedPages] = {}

    def count_into(self, collection: Collection) -> None:
        """Counts all calls in the collection from now on, and those made while connecting too."""
        self._collection, early, self._early = collection, self._early, []
        for name in early:
            collection.called("gcp", name)

    def pages(self, call: GcpCall) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a listing of ``call.project``, as its items.

        An asset that cannot be split does not hide the others: an Unknown for it comes last.
        """
        project = call.project
        if project is None:
            raise ValueError(f"{call.name} has no project to list")
        missed: list[Unknown] = []
        for page in self._pages(call, f"projects/{project.id}"):
            if isinstance(page, Unknown):
                missed.append(page)
                break
            items: list[Item] = []
            for asset in page:
                found = self._split(call, Item(project, asset))
                missed += [found] if isinstance(found, Unknown) else []
                items += [] if isinstance(found, Unknown) else found
            yield items
        if missed:
            yield join(missed)

    def _split(self, call: GcpCall, item: Item) -> Observed[Sequence[Item]]:
        return self.read(call, _items, call, item)

    def answer(self, call: GcpCall, item: Item) -> Observed[Any]:
        """The answer about the item's project or its organisation.

        An incomplete listing is Unknown as a whole. Without an organisation, listings of it are empty. A
        call about one item answers about the item, or ``None`` if it is not needed.
        """
        if call.about_item:
            request = _item_request(call, item)
            where = f"bucket {request.parameters['bucket']}" if request is not None else ""
            return None if request is None else self._send(call, item.project.id, where, request, to_bucket)
        if call.parent == "organization":
            organisation = item.project.organisation
            if isinstance(organisation, Unknown) or organisation is None:
                return {} if organisation is None else organisation
            return self.listing(call, f"organizations/{organisation}")
        if call.operation == "GetEffectivePolicy":
            name = f"projects/{item.project.number}/policies/{call.about[0]}"
            return self._send(call, item.project.id, name, _policy_request(name), to_json)
        return self.listing(call, f"projects/{item.project.id}")

    def key(self, call: GcpCall, item: Item) -> Hashable | None:
        """Most answers are about the project or its organisation as a whole."""
        if call.about_item:
            return None if _item_request(call, item) is not None else "not needed"
        if call.parent == "organization" and not isinstance(item.project.organisation, Unknown):
            return AcrossScopes(item.project.organisation)
        return ("project", item.project.number)

    def read(self, call: GcpCall | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown."""
        try:
            return function(*arguments)
        except UNREADABLE as error:
            name = call.name if call is not None else "cloudasset:ListAssets"
            message = f"the answer has an unexpected form ({type(error).__name__}: {error})"
            return Unknown.because("error", name, None, one_line(message))

    def listing(self, call: GcpCall, parent: str) -> Observed[Mapping[str, Mapping[str, Any]]]:
        """All assets of a listing by name, or why the listing could not be completed."""
        found: dict[str, Mapping[str, Any]] = {}
        for page in self._pages(call, parent):
            if isinstance(page, Unknown):
                return page
            found.update((asset.get("name", ""), asset) for asset in page)
        unreadable = [
            name or "without a name"
            for name, asset in found.items()
            if not name or (call.content == "RESOURCE" and "resource" not in asset)
        ]
        if unreadable:
            why = f"{parent}: asset {unreadable[0]} could not be read"
            return Unknown.because("error", call.name, None, why)
        return found

    def _pages(self, call: GcpCall, parent: str) -> Iterable[Observed[Page]]:
        if not call.shared:
            return self._fetched(call, parent)
        with self._lock:
            shared = self._shared.setdefault((call, parent), _SharedPages())
        with shared.lock:
            if shared.pages is None:
                shared.pages = tuple(self._fetched(call, parent))
        return shared.pages

    def _fetched(self, call: GcpCall, parent: str) -> Iterator[Observed[Page]]:
        request_page, read = _LISTINGS[call.operation]
        scope, token, seen = parent.removeprefix("projects/"), "", set[str]()
        deadline = time.monotonic() + MAX_SECONDS
        while True:
            page = self._send(call, scope, parent, request_page(call, parent, token), read)
            if isinstance(page, Unknown):
                yield page
                return
            found, following = page
            yield found
            if not following:
                return
            seen.add(token)
            if following in seen or len(seen) >= MAX_PAGES or time.monotonic() > deadline:
                why = "the page token repeats" if following in seen else "the listing does not end"
                yield Unknown.because("error", call.name, None, f"{parent}: {why}")
                return
            token = following

    def _send(
        self, call: GcpCall, scope: str, where: str, request: Any, read: Callable[[Any], T]
    ) -> Observed[T]:
        """Sends a request and reads the response. Retries it where that may help: at most
        ``limits.attempts`` attempts.

        A call that timed out is not retried: it has used its time. ``where`` names in messages what the
        request is about, ``scope`` in recordings.
        """
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError

        attempt = 0
        while True:
            attempt += 1
            self._count(call)
            try:
                return read(self._service.send(call, scope, request, self._limits.read_seconds))
            except GoogleAPICallError as error:
                if status(error) not in _RETRIED or attempt >= self._limits.attempts:
                    return from_api(call, error, where)
                if self._service.live:
                    time.sleep(self._pause(attempt, error))
            except NotRecorded as missing:
                return Unknown.because("error", call.name, None, one_line(str(missing)))
            except (GoogleAuthError, RetryError) as error:
                return Unknown.because("error", call.name, None, one_line(f"{where}: {error}"))
            except UNREADABLE as error:
                message = f"{where}: the answer could not be read ({type(error).__name__})"
                return Unknown.because("error", call.name, None, message)

    def _pause(self, attempt: int, error: Any) -> float:
        """Seconds until the next attempt: the delay that Google requests (RetryInfo), or a doubling pause."""
        requested = [
            d.retry_delay.ToTimedelta().total_seconds() for d in error.details if hasattr(d, "retry_delay")
        ]
        usual = self._limits.read_seconds * PAUSE * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)
        return float(min(max([usual, *requested]), self._limits.read_seconds))

    def _count(self, call: GcpCall) -> None:
        if self._collection is None:
            self._early.append(call.name)
        else:
            self._collection.called("gcp", call.name)


def _items(call: GcpCall, item: Item) -> Sequence[Item]:
    """The items of the kind in an entry of a listing."""
    if not _in(call.regions, item.asset):
        return []
    return [item] if call.split is None else list(call.split(item))


def _item_request(call: GcpCall, item: Item) -> JsonRequest | None:
    """The request about the item; ``None`` if none is needed. Raises for an unexpected item."""
    needed = call.needed is None or call.needed(item)
    return bucket_request(item.data["name"]) if needed else None


def _in(regions: frozenset[str], asset: Mapping[str, Any]) -> bool:
    resource = asset.get("resource", {})
    location = resource.get("data", {}).get("location") or resource.get("location")
    region = to_region(location) if regions and isinstance(location, str) else None
    return region is None or region in regions


def _list_request(call: GcpCall, parent: str, token: str) -> Any:
    from google.cloud import asset_v1

    return asset_v1.ListAssetsRequest(
        parent=parent,
        asset_types=list(call.about),
        content_type=call.content,
        page_size=PAGE,
        page_token=token,
    )


def _search_request(_: GcpCall, parent: str, token: str) -> Any:
    from google.cloud import asset_v1

    return asset_v1.SearchAllResourcesRequest(
        scope=parent, read_mask="location", page_size=SEARCH_PAGE, page_token=token
    )


def _policy_request(name: str) -> Any:
    from google.cloud import orgpolicy_v2

    return orgpolicy_v2.GetEffectivePolicyRequest(name=name)


def _assets(response: Any) -> tuple[Page, str]:
    taken = {READ_TIME: response.read_time.isoformat() if response.read_time else None}
    return [{**to_entry(asset), **taken} for asset in response.assets], response.next_page_token


def _results(response: Any) -> tuple[Page, str]:
    return [to_json(result) for result in response.results], response.next_page_token


def _keys_request(_: GcpCall, parent: str, token: str) -> Any:
    return keys_request(parent.removeprefix("projects/"), token)


_LISTINGS: Mapping[str, tuple[Callable[[GcpCall, str, str], Any], Callable[[Any], tuple[Page, str]]]] = {
    "ListAssets": (_list_request, _assets),
    "SearchAllResources": (_search_request, _results),
    "projects.hmacKeys.list": (_keys_request, to_keys),
}
"""By operation: the request for a page, from call, parent and token; and what the answer holds, with the
token of the next page."""
