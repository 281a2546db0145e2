"""The SDK's models of the services that are asked: read once for all sessions, and only what is called."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from providers.aws.calls import AwsCall

INTERNAL = frozenset({("s3", "HeadBucket")})
"""What the SDK calls by itself, to find a bucket that has moved; the guard of the clients refuses it."""


def only_called(session: Any, allowed: Sequence[AwsCall]) -> None:
    """From now on the clients of the botocore session have the allowed operations alone.

    A client has a method for each operation of its service, some 780 for EC2: making them is half of what
    the client of one more region costs.
    """
    names = frozenset((call.service, call.method) for call in allowed)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path"), names))


@cache
def _loader(folders: str | None, allowed: frozenset[tuple[str, str]]) -> Any:
    from botocore.loaders import Loader, create_loader

    class OnlyCalled(Loader):
        @property
        def search_paths(self) -> list[str]:
            # Each session of boto3 adds a folder of its own for what is not used here.
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

    return OnlyCalled(create_loader(folders).search_paths, include_default_search_paths=False)
