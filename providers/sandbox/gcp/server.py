"""A simulated Google Cloud: Cloud Asset Inventory and the Organization Policy API over gRPC, and Cloud
Storage's JSON API beside them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

from providers.gcp.client.calls import METHODS, GcpCall, Operation
from providers.gcp.client.messages import from_answer, from_error, to_about
from providers.sandbox import Fault
from providers.sandbox.gcp.company import PROJECT, Company, example_shop
from providers.sandbox.gcp.faults import error, http_error, http_refusal, service_disabled, unknown_project
from providers.sandbox.gcp.storage_api import HttpAnswer, StorageEndpoint
from scanner.collect.answers import Replay

MALFORMED = b"\x0a\xff\xff\xff\x0fnot a message"
"""A body whose first field claims to be longer than the body."""


class GcpSandbox:
    """The sample company on Google Cloud. See :class:`providers.sandbox.Sandbox`."""

    def __init__(self, company: Company | None = None, page: int = 3) -> None:
        self.fault: Callable[[str], Fault | None] = lambda operation: None
        self.calls: Counter[str] = Counter()
        self.company = company if company is not None else example_shop()
        self.page = page
        """The most assets of one page, few enough for listings to have several pages."""
        self.disabled: str | None = None
        """A quota project on which the Cloud Asset API is disabled."""
        self.states: Replay | None = None
        """Answer in place of the sample company."""
        self._server: Any = None
        self._storage: StorageEndpoint | None = None
        self._port = 0
        self._stopped = threading.Event()

    @property
    def environment(self) -> Mapping[str, str]:
        """The endpoint overrides of gcloud, and the sample project as the default one."""
        address = f"http://127.0.0.1:{self._port}/"
        return {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDASSET": address,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_ORGPOLICY": address,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": (
                f"http://127.0.0.1:{self._storage.port if self._storage is not None else 0}/"
            ),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }

    def start(self) -> None:
        """Starts the servers on free ports of 127.0.0.1."""
        import grpc
        from google.cloud import asset_v1, orgpolicy_v2

        answers: dict[Operation, tuple[Any, Callable[[Any, Any], Any]]] = {
            "ListAssets": (asset_v1.ListAssetsRequest, self._list_assets),
            "SearchAllResources": (asset_v1.SearchAllResourcesRequest, self._search),
            "GetEffectivePolicy": (orgpolicy_v2.GetEffectivePolicyRequest, self._policy),
        }
        self._server = grpc.server(_Threads(), options=(("grpc.so_reuseport", 0),))
        for operation, (request, answer) in answers.items():
            _, service, method = METHODS[operation].split("/")
            handler = grpc.unary_unary_rpc_method_handler(
                answer,
                request_deserializer=request.deserialize,
                response_serializer=lambda body: (
                    body if isinstance(body, bytes) else body.SerializeToString()
                ),
            )
            handlers = grpc.method_handlers_generic_handler(service, {method: handler})
            self._server.add_generic_rpc_handlers((handlers,))
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._storage = StorageEndpoint(self._stored)

    def stop(self) -> None:
        """Stops the servers and their hanging calls."""
        self._stopped.set()
        if self._storage is not None:
            self._storage.stop()
        if self._server is not None:
            self._server.stop(grace=None)

    def _list_assets(self, request: Any, context: Any) -> Any:
        from google.cloud import asset_v1
        from google.protobuf.json_format import ParseDict

        level = "organization" if request.parent.startswith("organizations/") else "project"
        content = asset_v1.ContentType(request.content_type).name
        call = GcpCall("ListAssets", tuple(request.asset_types), content, level)  # type: ignore[arg-type]
        if self._fails(call, request.parent, context):
            return MALFORMED
        if self.states is not None:
            return self._recorded(call, request, context)
        part = "iamPolicy" if content == "IAM_POLICY" else "resource"
        found = [
            {key: asset[key] for key in ("name", "assetType", "ancestors", part)}
            for asset in self.company.within(request.parent)
            if asset["assetType"] in request.asset_types and part in asset
        ]
        chosen, following = self._cut(found, request)
        body = {"readTime": "2025-11-22T06:00:00Z", "assets": chosen, "nextPageToken": following}
        return ParseDict(body, asset_v1.ListAssetsResponse.pb()())

    def _search(self, request: Any, context: Any) -> Any:
        from google.cloud import asset_v1
        from google.protobuf.json_format import ParseDict

        call = GcpCall("SearchAllResources", ())
        if self._fails(call, request.scope, context):
            return MALFORMED
        if self.states is not None:
            return self._recorded(call, request, context)
        fields = request.read_mask.paths
        found = [
            {key: value for key, value in _searched(asset).items() if key in fields}
            for asset in self.company.within(request.scope)
        ]
        chosen, following = self._cut(found, request)
        body = {"results": chosen, "nextPageToken": following}
        return ParseDict(body, asset_v1.SearchAllResourcesResponse.pb()())

    def _policy(self, request: Any, context: Any) -> Any:
        from google.cloud import orgpolicy_v2
        from google.protobuf.json_format import ParseDict

        parent, _, constraint = request.name.partition("/policies/")
        call = GcpCall("GetEffectivePolicy", (constraint,))
        if self._fails(call, parent, context):
            return MALFORMED
        if self.states is not None:
            return self._recorded(call, request, context)
        number = self.company.numbered(parent).removeprefix("projects/")
        enforce = (number, constraint) in self.company.enforced
        rule = {"allowAll": True} if constraint.endswith("Restrictions") else {"enforce": enforce}
        body = {"name": request.name, "spec": {"rules": [rule]}}
        return ParseDict(body, orgpolicy_v2.Policy.pb()())

    def _stored(self, call: GcpCall, asked: Mapping[str, str]) -> HttpAnswer:
        """What the JSON API of Cloud Storage answers."""
        self.calls[call.name] += 1
        fault = self.fault(call.name)
        if fault in ("hang", "reset"):
            return HttpAnswer(instead=fault)
        if fault is not None:
            return HttpAnswer() if fault == "malformed" else HttpAnswer(*http_error(fault, call))
        if self.states is not None:
            found = self.states.find("gcp", call.name, asked)
            refused = found.error if found is not None else {"code": "INTERNAL"}
            if found is None or refused is not None:
                return HttpAnswer(*http_refusal(refused or {}))
            return HttpAnswer(body=found.answer)
        body = self.company.bucket(asked["bucket"]) if call.about_item else self._hmac_keys(asked)
        if body is None:
            return HttpAnswer(*http_refusal({"code": "NOT_FOUND"}))
        return HttpAnswer(body=body)

    def _hmac_keys(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        found = [key for key in self.company.hmac_keys if key["projectId"] == asked["projectId"]]
        start = int(asked.get("pageToken", "0"))
        end = start + self.page
        body: dict[str, Any] = {"kind": "storage#hmacKeysMetadata"}
        if found:
            body["items"] = found[start:end]
        if end < len(found):
            body["nextPageToken"] = str(end)
        return body

    def _recorded(self, call: GcpCall, request: Any, context: Any) -> Any:
        """The response of the states; what they do not answer fails."""
        import grpc

        about = to_about(request)
        found = self.states.find("gcp", call.name, about) if self.states is not None else None
        if found is None:
            return context.abort(grpc.StatusCode.INTERNAL, "no state answers this request")
        if found.error is not None:
            error = from_error(found.error)
            context.abort(getattr(error, "grpc_status_code", None) or grpc.StatusCode.INTERNAL, str(error))
        answer = from_answer(call.operation, found.answer)
        return type(answer).pb(answer)

    def _fails(self, call: GcpCall, parent: str, context: Any) -> bool:
        """Aborts the call or lets it hang, as the fault requires; true if the answer must be malformed."""
        from grpc_status import rpc_status  # type: ignore[import-untyped]

        self.calls[call.name] += 1
        resource = f"//cloudresourcemanager.googleapis.com/{parent}"
        if self.disabled is not None and call.operation != "GetEffectivePolicy":
            context.abort_with_status(rpc_status.to_status(service_disabled(self.disabled)))
        if not self.company.within(parent):
            context.abort_with_status(rpc_status.to_status(unknown_project(resource)))
        fault = self.fault(call.name)
        if fault == "hang":
            self._hang(context)
        elif fault not in (None, "malformed"):
            context.abort_with_status(rpc_status.to_status(error(fault, call, resource)))
        return fault == "malformed"

    def _hang(self, context: Any) -> None:
        gone = threading.Event()
        if context.add_callback(gone.set):
            for _ in range(600):
                if gone.wait(0.1) or self._stopped.is_set():
                    return

    def _cut(self, found: list[dict[str, Any]], request: Any) -> tuple[list[dict[str, Any]], str]:
        start = int(request.page_token or "0")
        end = start + min(self.page, request.page_size or self.page)
        return found[start:end], str(end) if end < len(found) else ""


def _searched(asset: Mapping[str, Any]) -> dict[str, Any]:
    """An asset as a search result: without its configuration."""
    return {
        "name": asset["name"],
        "assetType": asset["assetType"],
        "location": asset["resource"]["location"],
        "project": asset["ancestors"][0],
    }


class _Threads(Executor):
    """A daemon thread for each call: a hanging one never keeps the process from ending."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as failure:  # noqa: BLE001  (passed on to the caller)
                future.set_exception(failure)

        threading.Thread(target=work, name="gcp-sandbox", daemon=True).start()
        return future
