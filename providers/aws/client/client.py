"""The AWS client: executes the calls of the tables, and turns every failure of the SDK into an Unknown.

The only module that catches exceptions of boto3 and botocore.
"""

from __future__ import annotations

import copy
import difflib
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar, Union

from providers.aws.client.calls import AwsCall
from providers.aws.client.failures import from_response, one_line
from providers.aws.client.recording import IDENTITY, NotRecorded
from providers.aws.client.session import AwsClients, NotInTables, open_session
from scanner.collect.provider import ConnectionRequest, Limits, Unreachable
from scanner.collect.table import Answer, Item
from scanner.model.evidence import Observed, Unknown

T = TypeVar("T")


@dataclass(frozen=True)
class AwsChain:
    """Calls that depend on one another and together produce one answer."""

    parts: tuple[AwsCall, ...]
    """Every call that it can make, starting with the first."""
    ask: Callable[[AwsCaller, Item], Observed[Answer]] = field(repr=False)
    about: tuple[str, ...] = ()
    """The keys of the item that the answer depends on."""
    regional: bool = False
    """The answer is about the item's region."""

    @property
    def name(self) -> str:
        """The name of its first call."""
        return self.parts[0].name

    @property
    def permission(self) -> str | None:
        """The permission of its first call; see ``parts`` for the others."""
        return self.parts[0].permission


AwsQuestion = Union[AwsCall, AwsChain]  # noqa: UP007  (an alias for generic arguments at run time)

FORMAT_ERRORS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    SyntaxError,
    RecursionError,
)
"""The exceptions of reading a response with an unexpected format; XML parsers raise :class:`SyntaxError`."""
MOST_PAGES = 10_000
"""Of one listing: a hundred times the largest known."""
LONGEST_SECONDS = 3600.0
"""Of one listing."""


class AwsCaller:
    """Makes calls to one account. Safe to use from many threads."""

    def __init__(self, clients: AwsClients, account: str, partition: str, regions: frozenset[str]) -> None:
        self.clients = clients
        self.account = account
        self.partition = partition
        self.regions = regions
        """Only resources in these regions are listed; empty: all."""
        self._listed: str | None = None
        """The region that listings are called in; ``None``: the one that the scan started from."""
        self._lock = threading.Lock()
        self._once: dict[Hashable, Future[Observed[Answer]]] = {}
        self._failures = sdk_failures()

    def item(self, region: str | None = None) -> dict[str, Any]:
        """The item for calls about the account, or about one of its regions."""
        return {
            "account": self.account,
            "partition": self.partition,
            "region": region or self.clients.region,
        }

    def within(self, region: str) -> AwsCaller:
        """A copy of this caller whose listings are of one region; it shares all cached answers."""
        regional = copy.copy(self)
        regional._listed = region
        return regional

    def pages(self, call: AwsQuestion) -> Iterator[Observed[Sequence[Item]]]:
        """The pages of a listing; account and partition are added to each entry, for a regional listing
        also the region."""
        assert isinstance(call, AwsCall)
        return self._pages(call, self.item(self._listed))

    def whole(self, call: AwsCall, item: Item) -> Observed[list[Item]]:
        """All entries of a listing about the item; unknown if any page is."""
        entries: list[Item] = []
        for page in self._pages(call, item):
            if isinstance(page, Unknown):
                return page
            entries.extend(page)
        return entries

    def _pages(self, call: AwsCall, item: Item) -> Iterator[Observed[Sequence[Item]]]:
        assert call.pages is not None
        pages: Iterator[Any] | None = None
        end = time.monotonic() + LONGEST_SECONDS
        for number in count(1):
            if number > MOST_PAGES or time.monotonic() > end:
                message = f"the listing does not end after {number - 1} pages"
                yield Unknown.because("error", call.name, None, message)
                return
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
        """The call's answer about the item; ``None`` for an error code in ``absent``."""
        if isinstance(call, AwsChain):
            about = tuple(item[key] for key in call.about)
            place = item["region"] if call.regional else None
            return self.once((call, about, place), lambda: self.read(call, call.ask, self, item))
        if call.unless is not None and item.get(call.unless):
            return item
        parameters = self.read(None, lambda: {name: item[key] for name, key in call.parameters})
        if isinstance(parameters, Unknown):
            return parameters
        try:
            client = self.clients.of(call, item["region"] if call.regional else None)
            return getattr(client, call.method)(**dict(call.fixed), **parameters)
        except self._failures as error:
            if error_code(error) in call.absent or error_text(error) in call.absent_messages:
                return None
            return self._unknown(call, error)

    def once(self, key: Hashable, question: Callable[[], Observed[Answer]]) -> Observed[Answer]:
        """The cached answer to a question: the first thread asks it, the others wait for the answer.

        Unlike a queued task, it is already running when others wait for it, so that waiting always ends.
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
        """Account and region, if the request depends on nothing else; else ``None``.

        Raises :class:`KeyError` for an item without what the request is about.
        """
        for name in call.about:
            _ = item[name]
        if set(call.about) <= {"account"}:
            return (self.account, item["region"] if call.regional else None)
        return None

    def read(self, call: AwsQuestion | None, function: Callable[..., T], *arguments: Any) -> Observed[T]:
        """Runs a mapping function; a response with an unexpected format becomes Unknown(error)."""
        try:
            return function(*arguments)
        except FORMAT_ERRORS as error:
            name = call.name if call is not None else "the listing"
            message = one_line(f"the response has an unexpected format ({type(error).__name__}: {error})")
            return Unknown.because("error", name, None, message)

    def _paginate(self, call: AwsCall, item: Item) -> Any:
        client = self.clients.of(call, item["region"] if call.regional else None)
        size = {"PageSize": call.page_size} if call.page_size is not None else {}
        parameters = {name: item[key] for name, key in call.parameters}
        paginator = client.get_paginator(call.method)
        return paginator.paginate(**dict(call.fixed), **parameters, PaginationConfig=size)

    def _items(self, call: AwsCall, page: Mapping[str, Any], about: Item) -> list[Item]:
        assert call.pages is not None
        context = {"account": self.account, "partition": self.partition}
        if call.regional:
            context["region"] = about["region"]
        entries = page.get(call.pages, ()) if call.may_lack else page[call.pages]
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
        if isinstance(error, NotRecorded):
            return Unknown.because("error", call.name, None, str(error))
        message = one_line(f"{type(error).__name__}: {_error_text(error)}")
        return Unknown.because("error", call.name, None, message)


def sdk_failures() -> tuple[type[Exception], ...]:
    """Every exception that a call through botocore can raise: its own, and those of its parsers."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return (
        ClientError,
        BotoCoreError,
        ResponseParserError,
        NotInTables,
        NotRecorded,
        RuntimeError,
        # Among others when no more files or connections can be opened.
        OSError,
        *FORMAT_ERRORS,
    )


def error_code(error: Exception) -> str | None:
    """The service's error code, if there was a response."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code")) if isinstance(response, Mapping) else None


def error_text(error: Exception) -> str | None:
    """The service's error code and message, if there was a response."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return None
    found = response.get("Error", {})
    return f"{found.get('Code')}: {found.get('Message') or response.get('message')}"


def sign_in(
    request: ConnectionRequest,
    limits: Limits,
    allowed: Sequence[AwsCall],
    kinds: Mapping[str, str] | None = None,
) -> tuple[AwsClients, str, str]:
    """A session with the request's credentials, the account that they belong to and the caller's ARN.

    ``kinds``: the kind that a call belongs to, by the call's name. Raises
    :class:`~scanner.collect.provider.Unreachable`; for a recording also ``DocumentError``.
    """
    clients: AwsClients | None = None
    try:
        clients = open_session(request, limits, allowed, kinds)
        identity = clients.client("sts", None).get_caller_identity()
        account, arn = str(identity["Account"]), str(identity["Arn"])
        clients.reached(account)
        return clients, account, arn
    except sdk_failures() as error:
        from botocore.exceptions import NoCredentialsError

        if isinstance(error, NotRecorded):
            raise _not_recorded(request, clients) from None
        message, advice = _sign_in_failure(error, request, clients)
        no_credentials = isinstance(error, NoCredentialsError)
        raise Unreachable("aws", message, advice, no_credentials=no_credentials) from None


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion of the closest known region; else the command that lists all regions."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {close[0]}?" if close else "`aws ec2 describe-regions --all-regions` lists them."


def _error_text(error: Exception) -> str:
    """The SDK's message; for a failed source of credentials only which source.

    Its message repeats the output of a ``credential_process``, which may contain the credentials.
    """
    from botocore.exceptions import CredentialRetrievalError

    if isinstance(error, CredentialRetrievalError):
        return f"the source {error.kwargs.get('provider', 'of the profile')} failed"
    return str(error)


def _not_recorded(request: ConnectionRequest, clients: AwsClients | None) -> Unreachable:
    """A recording without the answers that signing in needs."""
    call = IDENTITY if clients is not None or request.role is None else f"{IDENTITY} or sts:AssumeRole"
    accounts = f" of account {' or '.join(request.scopes)}" if request.scopes else ""
    scope = request.scopes[0] if request.scopes else None
    advice = "Record the scan again, or write the answer by hand."
    return Unreachable("aws", f"The recording holds no answer to {call}{accounts}.", advice, scope=scope)


def _sign_in_failure(
    error: Exception, request: ConnectionRequest, clients: AwsClients | None
) -> tuple[str, str]:
    """Why signing in failed and what to do, one line each."""
    from botocore import exceptions as sdk
    from botocore.session import Session

    text = one_line(_error_text(error))
    if isinstance(error, sdk.ProfileNotFound):
        known = Session().available_profiles
        close = difflib.get_close_matches(str(request.profile), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else "`aws configure list-profiles` lists them."
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
        return f"The AWS SDK knows no region {region}.", nearest(clients.region, clients.known_regions)
    if isinstance(error, (sdk.ConnectionError, sdk.HTTPClientError)):
        advice = f"Check the network, the region ({region}), proxies and AWS_ENDPOINT_URL."
        return f"AWS did not answer: {text}", advice
    return f"Connecting to AWS failed: {text}", "Check the profile, the region and AWS_ENDPOINT_URL."


LOG_IN = "Set AWS_PROFILE or the AWS_ACCESS_KEY_ID variables, or log in with `aws sso login`."
