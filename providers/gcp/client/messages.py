"""Requests, answers and errors of Google's APIs as JSON, and back as the SDK's own types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from providers.gcp.client.calls import PATHS, JsonRequest
from providers.gcp.client.failures import status
from scanner.base.yaml import suggestion

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What the SDK and the mapping raise for an answer of an unexpected form."""

_NO_FIELDS = "not the fields of an answer"
_PAGE_SIZE = "pageSize"
DETAILS = "type.googleapis.com/google.rpc."
"""The start of the types of standard details of errors."""
_UNREADABLE_BY_NAME = {one.__name__: one for one in (*UNREADABLE, KeyError, IndexError)}


def to_json(message: Any) -> dict[str, Any]:
    """A message in the JSON form of the REST API, with sorted keys: maps arrive in any order, and the same
    answer must always give the same report.

    Fields without presence are omitted when they have their default value, so "false" and "0" are
    absent; the numbers of ``resource.data`` (a Struct) are floats, and its int64 are strings.
    Raises :class:`ValueError` for numbers that JSON cannot represent.
    """
    from google.protobuf.json_format import MessageToDict, SerializeToJsonError

    try:
        return _sorted(MessageToDict(type(message).pb(message)))
    except SerializeToJsonError as error:
        raise ValueError(str(error)) from None


def to_entry(message: Any) -> dict[str, Any]:
    """An asset in this form. One whose ``resource`` JSON cannot represent (NaN) comes without it: what is
    read from it is unknown then, and the other assets are not lost."""
    try:
        return to_json(message)
    except ValueError:
        rest = type(message).pb(message)
        copy = type(rest)()
        copy.CopyFrom(rest)
        if "resource" not in copy.DESCRIPTOR.fields_by_name:
            raise
        copy.ClearField("resource")
        return to_json(type(message).wrap(copy))


def to_answer(response: Any) -> dict[str, Any]:
    """A response in this form, with the assets of a listing as :func:`to_entry` gives them."""
    if isinstance(response, dict):
        return _sorted(response)
    try:
        return to_json(response)
    except ValueError:
        whole = type(response).pb(response)
        if "assets" not in whole.DESCRIPTOR.fields_by_name:
            raise
        rest = type(whole)()
        rest.CopyFrom(whole)
        rest.ClearField("assets")
        return {**to_json(type(response).wrap(rest)), "assets": [to_entry(one) for one in response.assets]}


def to_about(request: Any) -> dict[str, Any]:
    """All that distinguishes a request, in the JSON form of the API. How many entries fit on a page does not:
    a recording stays valid if the program asks for another number."""
    if isinstance(request, JsonRequest):
        return dict(request.parameters)
    about = to_json(request)
    about.pop(_PAGE_SIZE, None)
    return about


def from_about(operation: str, about: Any) -> Any:
    """The request with this JSON form. Raises :class:`ValueError` if it is none."""
    if operation in PATHS:
        return _json_request(operation, about)
    return _parsed(_types(operation)[0], about)


def from_answer(operation: str, answer: Any) -> Any:
    """The response with this JSON form. Raises :class:`ValueError` if it is none: fields that the message
    does not have are refused, since a misspelt ``assets`` would otherwise be an empty listing. The JSON API
    has no such schema: its answers are checked where they are read.
    """
    if operation in PATHS:
        if not isinstance(answer, Mapping):
            raise ValueError(_NO_FIELDS)
        return dict(answer)
    return _parsed(_types(operation)[1], answer)


_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "projects.hmacKeys.list": ("projectId", "pageToken"),
    "buckets.get": ("bucket", "projection"),
}


def _json_request(operation: str, about: Any) -> JsonRequest:
    if not isinstance(about, Mapping):
        raise ValueError(_NO_FIELDS)
    known = _PARAMETERS[operation]
    for name, value in about.items():
        if name not in known:
            raise ValueError(f"{operation} has no parameter {name}{suggestion(name, known)}")
        if not isinstance(value, str):
            raise ValueError(f"{name} is not text")
    return JsonRequest(operation, about)


def _types(operation: str) -> tuple[Any, Any]:
    from google.cloud import asset_v1, orgpolicy_v2

    types: Mapping[str, tuple[Any, Any]] = {
        "ListAssets": (asset_v1.ListAssetsRequest, asset_v1.ListAssetsResponse),
        "SearchAllResources": (asset_v1.SearchAllResourcesRequest, asset_v1.SearchAllResourcesResponse),
        "GetEffectivePolicy": (orgpolicy_v2.GetEffectivePolicyRequest, orgpolicy_v2.Policy),
    }
    return types[operation]


def _parsed(type_: Any, value: Any) -> Any:
    from google.protobuf.json_format import ParseDict, ParseError

    if not isinstance(value, Mapping):
        raise ValueError(_NO_FIELDS)
    try:
        return type_.wrap(ParseDict(value, type_.pb()()))
    except (ParseError, *UNREADABLE) as error:
        # The SDK lists all fields of the message on the lines that follow.
        raise ValueError(str(error).partition("\n")[0]) from None


def to_error(error: BaseException) -> dict[str, Any]:
    """An error of the SDK: the name of the gRPC status code, the message, and the details of
    https://cloud.google.com/apis/design/errors#error_details. Other errors have the name of their class.

    The stack traces of a server (``DebugInfo``) and details of other types are omitted: nothing reads them.
    """
    from google.api_core.exceptions import GoogleAPICallError

    if not isinstance(error, GoogleAPICallError):
        return {"exception": type(error).__name__, "message": str(error)}
    details = [_to_detail(detail) for detail in error.details if _is_standard(detail)]
    found = {"code": status(error), "message": str(error.message or ""), "details": details}
    return {key: value for key, value in found.items() if value or key == "code"}


def from_error(error: Mapping[str, Any]) -> Exception:
    """The SDK's exception with this JSON form. Raises :class:`ValueError` if it is none."""
    import grpc
    from google.api_core.exceptions import from_grpc_status
    from google.auth.exceptions import GoogleAuthError
    from google.rpc.error_details_pb2 import ErrorInfo

    message = str(error.get("message", ""))
    if "exception" in error:
        return _UNREADABLE_BY_NAME.get(str(error["exception"]), GoogleAuthError)(message)
    code = str(error.get("code"))
    if code not in grpc.StatusCode.__members__ or code == "OK":
        raise ValueError(f"{code} is not the name of a gRPC status code of an error")
    details = [_from_detail(detail) for detail in error.get("details", ())]
    infos = [detail for detail in details if isinstance(detail, ErrorInfo)]
    error_of: Any = from_grpc_status
    found: Exception = error_of(
        grpc.StatusCode[code], message, details=details, error_info=infos[-1] if infos else None
    )
    return found


def is_detail(value: Any) -> bool:
    """Whether it is the JSON form of a standard detail of an error."""
    try:
        _from_detail(value)
    except UNREADABLE:
        return False
    return True


def _is_standard(detail: Any) -> bool:
    descriptor = getattr(detail, "DESCRIPTOR", None)
    return descriptor is not None and descriptor.name in _standard() and descriptor.name != "DebugInfo"


def _standard() -> Mapping[str, Any]:
    from google.rpc import error_details_pb2

    names = error_details_pb2.DESCRIPTOR.message_types_by_name
    return {name: getattr(error_details_pb2, name) for name in names}


def _to_detail(detail: Any) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    return {"@type": f"{DETAILS}{detail.DESCRIPTOR.name}", **_sorted(MessageToDict(detail))}


def _from_detail(detail: Any) -> Any:
    from google.protobuf.json_format import ParseDict, ParseError

    if not isinstance(detail, Mapping):
        raise ValueError("a detail of the error is not an object")
    name = str(detail.get("@type")).removeprefix(DETAILS)
    type_ = _standard().get(name)
    if type_ is None:
        raise ValueError(f"{name} is not a detail of google.rpc")
    try:
        return ParseDict({key: value for key, value in detail.items() if key != "@type"}, type_())
    except (ParseError, *UNREADABLE) as error:
        raise ValueError(str(error)) from None


def _sorted(value: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(value, sort_keys=True, allow_nan=False))
    return plain
