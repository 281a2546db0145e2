"""The clouds by name: the only place that knows which packages read them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.collect.provider import ConnectionRequest, Limits, Provider
    from scanner.model.resources.base import ProviderName
    from scanner.run.scan import Connect

CLOUDS: tuple[ProviderName, ...] = ("aws", "azure", "gcp")
"""In the order of reports."""

SDKS = {
    "aws": ("boto3",),
    "azure": ("azure.identity", "azure.mgmt.resource"),
    "gcp": ("google.cloud.asset", "google.cloud.orgpolicy"),
}
"""The modules that an extra of the same name installs."""


def missing(cloud: ProviderName) -> str | None:
    """What to install to read a cloud; ``None`` if nothing is missing."""
    for module in SDKS[cloud]:
        try:
            found = find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return f"reading {cloud} needs its extra: pip install 'gapscan[{cloud}]'"
    return None


def quieten() -> None:
    """Silences the SDKs on standard error: gapscan reports each failure once itself."""
    import logging
    import os
    import warnings

    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def connectors(clouds: Sequence[ProviderName]) -> dict[ProviderName, Connect]:
    """The connect functions of the clouds; the SDKs are imported when one is called."""

    def connect(request: ConnectionRequest, limits: Limits) -> Provider:
        found: Connect = import_module(f"providers.{request.provider}.scopes").connect
        return found(request, limits)

    return dict.fromkeys(clouds, connect)
