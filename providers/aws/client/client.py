"""The AWS client: makes the calls of the tables, and turns every failure of the SDK into an Unknown.

The only module that catches what boto3 and botocore raise.
"""

from __future__ import annotations

import copy
import difflib
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from providers.aws.client.calls import AwsCall, AwsChain, AwsQuestion
from providers.aws.client.failures import from_response, one_line
from providers.aws.client.session import AwsClients, NotInTables, open_session
from scanner.collect.collection import Answer, Item
from scanner.collect.provider import Limits, Request, Unreachable
from scanner.model.evidence import Observed, Unknown

T = TypeVar("T")

FORM = (KeyError, IndexError, TypeError, ValueError, AttributeError)
"""What reading an answer of an unexpected form raises."""


class AwsCaller:
    """Asks one account. Safe to use from many threads."""

    def __init__(self, clients: AwsClients, account: str, partition: str, regions: frozenset[str]) -> None:
        self.clients = clients
        self.account = account
        self.partition = partition
        self.regions = regions
        """Only resources in these regions are listed; empty: all."""
        self._listed: str | None = None
        """The region that listings go to; none: the one that the scan started from."""
        self._lock = threading.Lock()
        self._once: dict[Hashable, Future[Observed[Answer]]] = {}
        self._failures = sdk_failures()

    def item(self, region: str | None = None) -> dict[str, Any]:
        """The item for questions about the account, or about one of its regions."""
        return {
            "account": self.account,
            "partition": self.partition,
            "region": region or self.clients.region,
        }

    def within(self, region: str) -> AwsCaller:
        """This caller, whose listings are of one region; it shares all answers."""
        there = copy.copy(self)
        there._listed = region
        return there

    def pages(self, call: AwsQuestion) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a listing, each entry with the account and partition added; of a regional one also
        the region."""
        assert isinstance(call, AwsCall)
        return self._pages(call, self.item(self._listed))

    def whole(self, call: AwsCall, item: Item) -> Observed[list[Item]]:
        """All entries of a listing about the item; unknown as a whole where a page is."""
        entries: list[Item] = []
        for page in self._pages(call, item):
            if isinstance(page, Unknown):
                return page
            entries.extend(page)
        return entries

    def _pages(self, call: AwsCall, item: Item) -> Iterator[Observed[Sequence[Item]]]:
        assert call.pages is not None
        pages: Iterator[Any] | None = None
        while True:
            try:
                if pages is None:
                    pages = iter(self._paginate(call, item))
                page = next(pages, None)
                items = [] if page is None else self._items(call, page, item)
            except self._failures as error:
                yield self._unknown(call, error)
                return
            if page is None:
                return
            yield items

    def answer(self, call: AwsQuestion, item: Item) -> Observed[Answer]:
        """What the call answers about the item; ``None`` for a listed code of "not configured"."""
        if isinstance(call, AwsChain):
            about = tuple(item[key] for key in call.about)
            place = item["region"] if call.regional else None
            return self.once((call, about, place), lambda: self.read(call, call.ask, self, item))
        if call.unless is not None and item.get(call.unless):
            return item
        try:
            client = self.clients.of(call, item["region"] if call.regional else None)
            parameters = {name: item[key] for name, key in call.parameters}
            return getattr(client, call.operation)(**dict(call.fixed), **parameters)
        except self._failures as error:
            if error_code(error) in call.absent:
                return None
            return self._unknown(call, error)

    def once(self, key: Hashable, question: Callable[[], Observed[Answer]]) -> Observed[Answer]:
        """The answer to a question, asked by the first thread that wants it; the others wait for that.

        Unlike a task on the workers' queue, it is always being worked on, so that waiting ends.
        """
        with self._lock:
            future = self._once.get(key)
            first = future is None
            if future is None:
                future = self._once[key] = Future()
        if first:
            try:
                future.set_result(question())
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def key(self, call: AwsQuestion, item: Item) -> Hashable | None:
        """Account and region, where the request depends on nothing else."""
        if set(call.about) <= {"account"}:
            return (self.account, item["region"] if call.regional else None)
        return None

    def read(self, call: AwsQuestion | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; an answer of an unexpected form becomes Unknown(error)."""
        try:
            return function(*arguments)
        except FORM as error:
            name = call.name if call is not None else "the listing"
            message = one_line(f"an answer of an unexpected form ({type(error).__name__}: {error})")
            return Unknown.because("error", name, None, message)

    def _paginate(self, call: AwsCall, item: Item) -> Any:
        client = self.clients.of(call, item["region"] if call.regional else None)
        size = {"PageSize": call.page_size} if call.page_size is not None else {}
        parameters = {name: item[key] for name, key in call.parameters}
        paginator = client.get_paginator(call.operation)
        return paginator.paginate(**dict(call.fixed), **parameters, PaginationConfig=size)

    def _items(self, call: AwsCall, page: Mapping[str, Any], about: Item) -> list[Item]:
        assert call.pages is not None
        context = {"account": self.account, "partition": self.partition}
        if call.regional:
            context["region"] = about["region"]
        entries = page[call.pages]
        if call.inner is not None:
            entries = [entry for group in entries for entry in group[call.inner]]
        if call.entry is not None:
            entries = [{call.entry: name} for name in entries]
        items = [{**entry, **context} for entry in entries]
        if not self.regions:
            return items
        return [item for item in items if item.get("BucketRegion") in {None, *self.regions}]

    def _unknown(self, call: AwsCall, error: Exception) -> Unknown:
        response = getattr(error, "response", None)
        if isinstance(response, Mapping):
            return from_response(response, call.name, call.permission)
        if isinstance(error, NotInTables) and error.call == call.name:
            raise error
        return Unknown.because("error", call.name, None, one_line(f"{type(error).__name__}: {_words(error)}"))


def sdk_failures() -> tuple[type[Exception], ...]:
    """Everything that a call through botocore raises: its own errors, and those of its parsers."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return (ClientError, BotoCoreError, ResponseParserError, NotInTables, RuntimeError, *FORM)


def error_code(error: Exception) -> str | None:
    """The service's error code, if the service answered."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code")) if isinstance(response, Mapping) else None


def sign_in(request: Request, limits: Limits, allowed: Sequence[AwsCall]) -> tuple[AwsClients, str, str]:
    """A session for the request's credentials, the account that they belong to and the caller's ARN.

    Raises :class:`~scanner.collect.provider.Unreachable`.
    """
    clients: AwsClients | None = None
    try:
        clients = open_session(request, limits, allowed)
        identity = clients.client("sts", None).get_caller_identity()
        return clients, str(identity["Account"]), str(identity["Arn"])
    except sdk_failures() as error:
        from botocore.exceptions import NoCredentialsError

        message, advice = _no_way_in(error, request, clients)
        nothing = isinstance(error, NoCredentialsError)
        raise Unreachable("aws", message, advice, no_credentials=nothing) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """A question whether the nearest known name was meant; else how to find it."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {close[0]}?" if close else "`aws ec2 describe-regions --all-regions` names them."


def _words(error: Exception) -> str:
    """What the SDK says of a failure; where a source of credentials failed, no more than which one.

    The message repeats what a ``credential_process`` wrote, which may be the credentials.
    """
    from botocore.exceptions import CredentialRetrievalError

    if isinstance(error, CredentialRetrievalError):
        return f"the source {error.kwargs.get('provider', 'of the profile')} failed"
    return str(error)


def _no_way_in(error: Exception, request: Request, clients: AwsClients | None) -> tuple[str, str]:
    """In one line each: why nobody could be signed in, and what to do."""
    from botocore import exceptions as sdk
    from botocore.session import Session

    text = one_line(_words(error))
    if isinstance(error, sdk.ProfileNotFound):
        known = Session().available_profiles
        close = difflib.get_close_matches(str(request.profile), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else "`aws configure list-profiles` names them."
        return f"There is no AWS profile {error.kwargs.get('profile', request.profile)}.", hint
    if isinstance(error, (sdk.NoCredentialsError, sdk.PartialCredentialsError)):
        return f"No complete AWS credentials were found ({text}).", LOG_IN
    if isinstance(error, (sdk.SSOError, sdk.TokenRetrievalError, sdk.CredentialRetrievalError)):
        return f"The AWS credentials could not be loaded: {text}", LOG_IN
    if isinstance(error, sdk.ClientError):
        code = error_code(error)
        if code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired"):
            return "The AWS credentials have expired.", LOG_IN
        if error.operation_name == "AssumeRole":
            advice = "Check the role's ARN, its trust policy and the permission sts:AssumeRole."
            return f"The role {request.role} could not be assumed: {text}", advice
        return f"AWS refused the credentials: {text}", LOG_IN
    region = clients.region if clients is not None else None
    if clients is not None and clients.region not in clients.known_regions:
        return f"AWS has no region {region} that is known here.", nearest(
            clients.region, clients.known_regions
        )
    if isinstance(error, (sdk.ConnectionError, sdk.HTTPClientError)):
        advice = f"Check the network, the region ({region}), proxies and AWS_ENDPOINT_URL."
        return f"AWS did not answer: {text}", advice
    return f"AWS could not be used: {text}", "Check the profile, the region and AWS_ENDPOINT_URL."


LOG_IN = "Set AWS_PROFILE or the AWS_ACCESS_KEY_ID variables, or log in with `aws sso login`."
