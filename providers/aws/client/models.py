"""The SDK's service models: loaded once for all sessions, reduced to the allowed operations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from providers.aws.client.calls import AwsCall

INTERNAL = frozenset({("s3", "HeadBucket")})
"""Called by the SDK itself to find a bucket in another region; the clients' guard refuses it."""


class Models:
    """The models of the allowed operations. Shared by all sessions of the process."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._booleans: dict[tuple[str, str], frozenset[str]] = {}

    def restrict(self, session: Any) -> None:
        """Restricts the clients that the botocore session creates to the allowed operations.

        A client has a method for each operation of its service, some 780 for EC2: creating them is half the
        cost of a client for one more region.
        """
        session.register_component("data_loader", self._loader)

    def booleans(self, service: str, operation: Any) -> frozenset[str]:
        """The names of the XML elements of an operation's response that are always a boolean."""
        key = (service, operation.name)
        found = self._booleans.get(key)
        if found is None:
            found = self._booleans[key] = _booleans(operation.output_shape)
        return found


def models(session: Any, allowed: Sequence[AwsCall]) -> Models:
    """The models of the allowed operations, as the botocore session finds them."""
    names = frozenset((call.service, call.operation) for call in allowed)
    return _models(session.get_config_variable("data_path"), names)


@cache
def _models(folders: str | None, allowed: frozenset[tuple[str, str]]) -> Models:
    from botocore.loaders import Loader, create_loader

    class OnlyCalled(Loader):
        @property
        def search_paths(self) -> list[str]:
            # Every boto3 session adds a folder of its own, for resources that are not used here.
            return [*super().search_paths]

        def load_service_model(
            self, service_name: str, type_name: str, api_version: str | None = None
        ) -> dict[str, Any]:
            model: dict[str, Any] = super().load_service_model(service_name, type_name, api_version)
            if type_name != "service-2":
                return model
            operations = {
                name: operation
                for name, operation in model["operations"].items()
                if (service_name, name) in allowed | INTERNAL
            }
            return {**model, "operations": operations}

    return Models(OnlyCalled(create_loader(folders).search_paths, include_default_search_paths=False))


def _booleans(shape: Any) -> frozenset[str]:
    booleans: set[str] = set()
    others: set[str] = set()
    seen: set[str] = set()
    left = [] if shape is None else [shape]
    while left:
        each = left.pop()
        if each.name in seen:
            continue
        seen.add(each.name)
        if each.type_name == "structure":
            for name, member in each.members.items():
                names = booleans if member.type_name == "boolean" else others
                names.add(member.serialization.get("name", name))
                left.append(member)
        elif each.type_name in ("list", "map"):
            left.append(each.member if each.type_name == "list" else each.value)
    return frozenset(booleans - others)
