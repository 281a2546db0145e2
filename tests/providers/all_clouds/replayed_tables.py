"""One clean collection of each simulated cloud, replayed without a server and with other answers.

Answers are recorded where the product calls the SDKs: botocore's API calls, azure-core's requests, and the
methods of the clients of Google Cloud. All above is the product's own: clients, chains, providers, tables and
the collection. A replay may answer operations in another way.
"""

from __future__ import annotations

import copy
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from pytest import MonkeyPatch

from providers.aws import tables as aws_tables
from providers.aws.client.client import AwsCaller, sign_in
from providers.aws.scopes import AwsProvider
from providers.azure import tables as azure_tables
from providers.azure.scopes import connect as connect_azure
from providers.gcp import tables as gcp_tables
from providers.gcp.client.client import Client
from providers.gcp.client.json_api import JsonApi
from providers.gcp.scopes import connect as connect_gcp
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.provider import ConnectionRequest, Limits, Provider
from scanner.collect.table import Caller, CallT, Item, Table
from scanner.collect.workers import Workers
from scanner.model.inventory import Inventory, Target, Wanted

TABLES: dict[str, tuple[Table[Any], ...]] = {
    "aws": aws_tables.COLLECTORS,
    "azure": azure_tables.COLLECTORS,
    "gcp": gcp_tables.COLLECTORS,
}
LIMITS = Limits(connect_seconds=30, read_seconds=60, attempts=1)
"""Enough for a recording on a busy machine."""
FAILURES = ("denied", "denied_by_organisation", "throttled", "error", "missing")
"""Refusals of every request of an operation. ``missing``: status 404 with a code of no special meaning."""
VALUES: Mapping[str, Any] = {"null": None, "text": "text", "empty": {}, "list": []}
MALFORMED = (
    *VALUES,
    *(f"{place} entry {name}" for place in ("first", "inner") for name in ("null", "empty")),
)
"""Malformed answers: this value in place of the answer, of the first mapping of each list, or of the first
mapping of each list in such a mapping."""
FIRST_PAGE, FIRST_PAGE_THEN_DENIED = "first page", "first page, then denied"
"""How a listing ends."""

Others = Mapping[str, str]
"""How to answer operations in another way, by operation."""


class _Traced(Collection):
    """A collection that tells which table each resource is from, and which operation a thread is calling."""

    def __init__(self, workers: Workers, calling: threading.local) -> None:
        super().__init__(workers)
        self.tables: dict[str, Table[Any]] = {}
        self._calling = calling

    def run(
        self,
        collector: Table[CallT],
        caller: Caller[CallT],
        place: CollectionPlace,
        wanted: frozenset[str],
        items: Iterable[Item] | None = None,
    ) -> None:
        def header(item: Item) -> Mapping[str, Any]:
            made = collector.header(item)
            self.tables[made["id"]] = collector
            return made

        super().run(replace(collector, header=header), caller, place, wanted, items)

    def called(self, provider: str, operation: str) -> None:
        # The clients of Azure and Google Cloud count a request directly before they send it.
        self._calling.operation = operation
        super().called(provider, operation)


@dataclass(frozen=True)
class Replay:
    """The result of one replay."""

    inventory: Inventory
    tables: Mapping[str, Table[Any]]
    """The table of each resource, by id."""
    operations: frozenset[str]
    """Operations that were called."""
    refused: frozenset[str]
    """Operations of which a request was refused, as replaced."""
    unrecorded: frozenset[str]
    """Operations of which a request was made that the clean collection does not make: they failed."""


class ReplayedCloud(ABC):
    """The recorded answers of one cloud."""

    def __init__(self) -> None:
        self.recording = True
        self._calling = threading.local()
        self._answers: dict[tuple[str, str], Any] = {}
        self._changed: dict[tuple[str, str, str], Any] = {}
        self._others: Others = {}
        self._operations: set[str] = set()
        self._refused: set[str] = set()
        self._unrecorded: set[str] = set()

    @abstractmethod
    def provider(self) -> Provider:
        """A connected provider that has read nothing yet."""

    @abstractmethod
    def patch(self, patched: MonkeyPatch) -> None:
        """Makes the SDK ask :meth:`play`."""

    @abstractmethod
    def refuse(self, operation: str, failure: str) -> Any:
        """The refusal as the SDK returns or raises it."""

    @abstractmethod
    def malformed(self, operation: str, answer: Any, how: str) -> Any:
        """The answer in a malformed way; the same answer if it cannot be malformed so."""

    @abstractmethod
    def first_page(self, operation: str, answer: Any, last: bool) -> Any:
        """The page as the last of its listing, or as one that others follow."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        """While the SDK is answered from here."""
        with MonkeyPatch.context() as patched:
            self.patch(patched)
            yield

    def play(self, operation: str, request: Any, later: bool, ask: Callable[[], Any]) -> Any:
        """The answer to a request; ``later``: for another page than the first."""
        key = operation, repr(request)
        self._operations.add(operation)
        if self.recording:
            try:
                self._answers[key] = ask()
            except Exception as error:  # noqa: BLE001  (raised again below, and in each replay)
                self._answers[key] = error
        how = self._others.get(operation, "")
        if how in FAILURES or (how == FIRST_PAGE_THEN_DENIED and later):
            self._refused.add(operation)
            return self.refuse(operation, how if how in FAILURES else "denied")
        if key not in self._answers:
            self._unrecorded.add(operation)
            return self.refuse(operation, "error")
        answer = self._answers[key]
        if isinstance(answer, Exception):
            raise answer
        if not how:
            return answer
        if (*key, how) not in self._changed:
            self._changed[*key, how] = (
                self.malformed(operation, answer, how)
                if how in MALFORMED
                else self.first_page(operation, answer, how == FIRST_PAGE)
            )
        return self._changed[*key, how]

    def changes(self, operation: str, how: str) -> bool:
        """Whether an answer of the operation differs in this way from what was recorded."""
        if how in FAILURES:
            return True
        answers = [answer for (name, _), answer in self._answers.items() if name == operation]
        if how in (FIRST_PAGE, FIRST_PAGE_THEN_DENIED):
            return any(self.first_page(operation, answer, False) is not answer for answer in answers)
        return any(
            self.malformed(operation, answer, how) is not answer
            for answer in answers
            if not isinstance(answer, Exception)
        )

    def collect(self, wanted: Wanted, others: Others | None = None, workers: int = 1) -> Replay:
        """Collects with the product's own code. One worker, so that each replay has the same order."""
        self._others = others or {}
        self._operations, self._refused, self._unrecorded = set(), set(), set()
        threads = Workers(workers)
        collection = _Traced(threads, self._calling)
        provider = self.provider()
        threads.submit(lambda: provider.collect(wanted, collection))
        threads.wait()
        assert collection.unfinished() == ()
        return Replay(
            collection.inventory(provider.targets, wanted),
            collection.tables,
            frozenset(self._operations),
            frozenset(self._refused),
            frozenset(self._unrecorded),
        )


def _broken(value: Any, place: str, bad: Any) -> Any:
    """JSON with ``bad`` in place of the first mapping of its outermost lists, or of those within."""
    if isinstance(value, Mapping):
        return {key: _broken(part, place, bad) for key, part in value.items()}
    if not isinstance(value, list) or not value or not isinstance(value[0], Mapping):
        return value
    if place == "first entry":
        return [bad, *value[1:]]
    return [_broken(entry, "first entry", bad) for entry in value]


def _malformed(value: Any, how: str) -> Any:
    if how in VALUES:
        return VALUES[how]
    place, _, name = how.rpartition(" ")
    return _broken(value, place, VALUES[name])


class ReplayedAws(ReplayedCloud):
    """Answers of botocore's clients."""

    CODES: Mapping[str, tuple[int, str, str]] = {
        "denied": (403, "AccessDenied", "no identity-based policy allows it"),
        "denied_by_organisation": (403, "AccessDenied", "with an explicit deny in a service control policy"),
        "throttled": (400, "ThrottlingException", "Rate exceeded"),
        "error": (500, "InternalError", "an internal error"),
        "missing": (404, "NotFound", "not found"),
    }
    LATER = frozenset({"Marker", "NextToken", "nextToken", "ContinuationToken"})
    """Request parameters of pages after the first."""

    def __init__(self, regions: tuple[str, ...]) -> None:
        super().__init__()
        from botocore.session import Session

        self._session = Session()
        request = ConnectionRequest("aws", regions=regions)
        self._clients, self._account, _ = sign_in(request, LIMITS, tuple(aws_tables.all_calls()))
        self._regions = frozenset(regions)
        # With a root, the client tells an empty response from another document before botocore reads it.
        self._may_be_empty = {call.name for call in aws_tables.all_calls() if call.root or call.may_lack}

    def provider(self) -> Provider:
        reached = Target("aws", self._account, None, expected=True, reached=True, message=None)
        caller = AwsCaller(self._clients, self._account, "aws", self._regions)
        return AwsProvider(caller, (reached,))

    def patch(self, patched: MonkeyPatch) -> None:
        from botocore.client import BaseClient

        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
            service = client.meta.service_model.service_name

            def ask() -> Any:
                answer = real(client, operation, parameters)
                if operation == "ListBuckets":
                    # S3 does not always state the region of a bucket.
                    del answer["Buckets"][0]["BucketRegion"]
                return answer

            request = client.meta.region_name, parameters
            return self.play(f"{service}:{operation}", request, bool(self.LATER & parameters.keys()), ask)

        patched.setattr(BaseClient, "_make_api_call", call)

    def refuse(self, operation: str, failure: str) -> Any:
        from botocore.exceptions import ClientError

        status, code, message = self.CODES[failure]
        response: Any = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        raise ClientError(response, operation.partition(":")[2])

    def malformed(self, operation: str, answer: Any, how: str) -> Any:
        """Not ``null``: botocore always returns a mapping, and ``None`` has meanings for the client."""
        changed = _malformed(answer, how)
        if changed == answer or how == "null" or (how == "empty" and operation in self._may_be_empty):
            return answer
        return changed

    def first_page(self, operation: str, answer: Any, last: bool) -> Any:
        service, _, name = operation.partition(":")
        try:
            paging = self._session.get_paginator_model(service).get_paginator(name)
        except ValueError:
            return answer
        token, more = paging["output_token"], paging.get("more_results")
        page = {key: value for key, value in answer.items() if key != token}
        return {**page, **({} if last else {token: "later"}), **({more: not last} if more else {})}


class ReplayedAzure(ReplayedCloud):
    """Responses of azure-core's clients."""

    CODES: Mapping[str, tuple[int, str]] = {
        "denied": (403, "AuthorizationFailed"),
        "denied_by_organisation": (403, "DenyAssignmentAuthorizationFailed"),
        "throttled": (429, "TooManyRequests"),
        "error": (500, "InternalServerError"),
        "missing": (404, "ResourceNotFound"),
    }

    def __init__(self) -> None:
        super().__init__()
        self._provider = connect_azure(ConnectionRequest("azure"), LIMITS, sleep=lambda seconds: None)

    def provider(self) -> Provider:
        return self._provider

    def patch(self, patched: MonkeyPatch) -> None:
        from azure.core import PipelineClient
        from azure.mgmt.resource.resources import ResourceManagementClient

        for client in (PipelineClient, ResourceManagementClient):
            patched.setattr(client, "send_request", self._sender(client.send_request))

    def _sender(self, real: Any) -> Any:
        def send(client: Any, request: Any, **options: Any) -> Any:
            def ask() -> Any:
                response = real(client, request, **options)
                return SimpleNamespace(
                    url=request.url,
                    status_code=response.status_code,
                    headers=response.headers,
                    content=response.content,
                )

            asked = request.method, request.url, request.content
            return self.play(self._calling.operation, asked, "skiptoken" in str(asked).lower(), ask)

        return send

    def refuse(self, operation: str, failure: str) -> Any:
        status, code = self.CODES[failure]
        body = {"error": {"code": code, "message": "refused"}}
        return SimpleNamespace(status_code=status, headers={}, content=json.dumps(body).encode())

    def malformed(self, operation: str, answer: Any, how: str) -> Any:
        body = json.loads(answer.content)
        # Older API versions return a bare list.
        bare = how == "list" and "value" in body and not operation.startswith("Microsoft.Graph/")
        return answer if answer.status_code != 200 or bare else self._with(answer, _malformed(body, how))

    def first_page(self, operation: str, answer: Any, last: bool) -> Any:
        body = json.loads(answer.content)
        if answer.status_code != 200 or not {"value", "data"} & body.keys():
            return answer
        tokens = ("$skipToken", "nextLink", "@odata.nextLink")
        page = {key: value for key, value in body.items() if key not in tokens}
        if "data" in page:
            page |= {"totalRecords": len(page["data"]), "resultTruncated": "false"}
            page |= {} if last else {"$skipToken": "later", "resultTruncated": "true"}
        elif not last:
            link = "@odata.nextLink" if "Microsoft.Graph/" in operation else "nextLink"
            page[link] = f"{answer.url}{'&' if '?' in answer.url else '?'}%24skiptoken=later"
        return self._with(answer, page)

    def _with(self, answer: Any, body: Any) -> Any:
        content = json.dumps(body).encode()
        if json.loads(answer.content) == body:
            return answer
        return SimpleNamespace(status_code=answer.status_code, headers=answer.headers, content=content)


class ReplayedGcp(ReplayedCloud):
    """Responses of the clients of Cloud Asset Inventory, of the Organization Policy API and of Cloud Storage.

    The first two's fields have types. An answer is malformed if its parts are not there (``null``) or empty:
    the resource or policy of an asset, the rules of an organisation policy; and in the lists of a resource.
    """

    def __init__(self) -> None:
        super().__init__()
        self._provider = connect_gcp(ConnectionRequest("gcp"), LIMITS)

    def provider(self) -> Provider:
        if self.recording:
            return self._provider
        from google.cloud.asset_v1 import AssetServiceClient
        from google.cloud.orgpolicy_v2 import OrgPolicyClient

        # Not connected: their methods are replaced.
        assets, policies = (object.__new__(client) for client in (AssetServiceClient, OrgPolicyClient))
        storage = object.__new__(JsonApi)
        return replace(self._provider, client=Client(assets, policies, LIMITS, storage=storage))

    def patch(self, patched: MonkeyPatch) -> None:
        from google.cloud.asset_v1 import AssetServiceClient
        from google.cloud.orgpolicy_v2 import OrgPolicyClient

        for name in ("list_assets", "search_all_resources"):
            patched.setattr(AssetServiceClient, name, self._pager(getattr(AssetServiceClient, name)))
        patched.setattr(OrgPolicyClient, "get_effective_policy", self._getter())
        patched.setattr(JsonApi, "get", self._sender(JsonApi.get))

    def _sender(self, real: Any) -> Any:
        def get(api: Any, request: Any, timeout: float) -> Any:
            later = "pageToken" in request.parameters
            return self.play(self._calling.operation, request, later, lambda: real(api, request, timeout))

        return get

    def _pager(self, real: Any) -> Any:
        def pages(client: Any, *, request: Any, **options: Any) -> Any:
            def ask() -> Any:
                return next(iter(real(client, request=request, **options).pages))

            page = self.play(self._calling.operation, request, bool(request.page_token), ask)
            return SimpleNamespace(pages=[page])

        return pages

    def _getter(self) -> Any:
        from google.cloud.orgpolicy_v2 import OrgPolicyClient

        real = OrgPolicyClient.get_effective_policy

        def get(client: Any, *, retry: Any, timeout: float, **about: Any) -> Any:
            def ask() -> Any:
                return real(client, retry=retry, timeout=timeout, **about)

            return self.play(self._calling.operation, about, False, ask)

        return get

    def refuse(self, operation: str, failure: str) -> Any:
        from google.api_core import exceptions

        raise {
            "denied": exceptions.PermissionDenied("denied"),
            "denied_by_organisation": exceptions.PermissionDenied(
                "Request is prohibited by organization's policy."
            ),
            "throttled": exceptions.ResourceExhausted("quota"),
            "error": exceptions.InternalServerError("an internal error"),
            "missing": exceptions.NotFound("not found"),
        }[failure]

    def malformed(self, operation: str, answer: Any, how: str) -> Any:
        if isinstance(answer, dict):
            return _malformed(answer, how)
        type_ = type(answer)
        changed = copy.deepcopy(type_.pb(answer))
        place, _, name = how.rpartition(" ")
        for part in _parts(changed, place):
            if place == "inner entry":
                _break_lists(part, VALUES[name])
            else:
                _empty(part, name)
        return answer if changed == type_.pb(answer) else type_.wrap(changed)

    def first_page(self, operation: str, answer: Any, last: bool) -> Any:
        if isinstance(answer, dict):
            page = {key: value for key, value in answer.items() if key != "nextPageToken"}
            return {**page, **({} if last else {"nextPageToken": "later"})} if "items" in answer else answer
        if not hasattr(answer, "next_page_token"):
            return answer
        later = copy.deepcopy(type(answer).pb(answer))
        later.next_page_token = "" if last else "later"
        return type(answer).wrap(later)


def _parts(answer: Any, place: str) -> Iterable[Any]:
    """The assets of a response of Google Cloud, or the first; the organisation policy, or its first rule.

    Search results have none: one without a location is a resource that has no location.
    """
    if hasattr(answer, "spec"):
        return answer.spec.rules[:1] if place else [answer]
    assets = getattr(answer, "assets", ())
    return assets[:1] if place == "first entry" else assets


def _empty(part: Any, name: str) -> None:
    """Clears what an asset or a policy holds, or a whole rule."""
    if name not in ("null", "empty"):
        return
    fields = [field for field in ("resource", "iam_policy", "spec") if hasattr(part, field)]
    for field in fields:
        if part.HasField(field):
            part.ClearField(field)
            if name == "empty":
                getattr(part, field).SetInParent()
    if not fields:
        part.Clear()


def _break_lists(part: Any, bad: Any) -> None:
    from google.protobuf.json_format import MessageToDict, ParseDict

    if hasattr(part, "resource") and part.HasField("resource"):
        data = _broken(MessageToDict(part.resource.data), "first entry", bad)
        part.resource.data.Clear()
        ParseDict(data, part.resource.data)


def record(name: str, sandbox: Any, regions: tuple[str, ...], wanted: Wanted) -> ReplayedCloud:
    """Records a clean collection of one simulated cloud, in short pages."""
    with MonkeyPatch.context() as patched:
        for variable, value in sandbox.environment.items():
            patched.setenv(variable, value)
        cloud: ReplayedCloud
        if name == "aws":
            patched.setattr(sandbox, "page_size", 2)
            cloud = ReplayedAws(regions)
        elif name == "azure":
            patched.setattr(sandbox.estate, "managed_hsms", [_managed_hsm(sandbox.estate.vaults[0])])
            cloud = ReplayedAzure()
        else:
            cloud = ReplayedGcp()
        with cloud.installed():
            cloud.collect(wanted, workers=8)
    cloud.recording = False
    return cloud


def _managed_hsm(vault: Any) -> Any:
    """A managed HSM with the keys of a vault: the sample company has none."""
    place = vault.row["id"].partition("/vaults/")[0]
    return replace(vault, row={**vault.row, "id": f"{place}/managedHSMs/shop-hsm", "name": "shop-hsm"})
