"""What is asked of Google Cloud, and about what: the project, its resources, and the one type of call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scanner.model.evidence import Observed

Operation = Literal["ListAssets", "SearchAllResources", "GetEffectivePolicy"]

METHODS: Mapping[Operation, str] = {
    "ListAssets": "/google.cloud.asset.v1.AssetService/ListAssets",
    "SearchAllResources": "/google.cloud.asset.v1.AssetService/SearchAllResources",
    "GetEffectivePolicy": "/google.cloud.orgpolicy.v2.OrgPolicy/GetEffectivePolicy",
}
"""The gRPC method of each operation. Calls of any other method are refused before they are sent."""

RESOURCE_MANAGER = "//cloudresourcemanager.googleapis.com/"
"""The start of the full resource names of projects, folders and organisations."""


_PLACE = re.compile(r"([a-z]+(?:-[a-z]+)+[0-9]+)(?:-[a-z][a-z0-9]*)?")


def to_region(location: str) -> str | None:
    """The region of a location: itself, or the zone's. ``None`` for ``global`` and for multi-regions
    (``us``, ``eur4``), which are none: https://cloud.google.com/docs/geography-and-regions."""
    match = _PLACE.fullmatch(location.lower())
    return match[1] if match else None


@dataclass(frozen=True)
class Project:
    """A Google Cloud project, as its own asset tells it."""

    id: str
    number: str
    name: str
    labels: Mapping[str, str] = field(hash=False)
    ancestors: Observed[tuple[str, ...]]
    """Folders and organisation above the project, nearest first: ``folders/1``, ``organizations/2``."""
    organisation: Observed[str | None]
    """Number of the organisation; ``None`` when the project belongs to none."""


@dataclass(frozen=True)
class Item:
    """What a facet is about: an asset of a project, a region of it, or the project alone."""

    project: Project
    asset: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The asset in the JSON form of the API; numbers of ``resource.data`` are floats."""
    region: str | None = None

    @property
    def data(self) -> Mapping[str, Any]:
        """The configuration that the asset tells, in the form of the service's own REST API.

        Raises :class:`LookupError` or :class:`TypeError` for an asset of another form.
        """
        data: Mapping[str, Any] = self.asset["resource"]["data"]
        return data


@dataclass(frozen=True)
class GcpCall:
    """One read operation. The names of asset calls tell type, content and where the listing starts."""

    operation: Operation
    about: tuple[str, ...]
    """Asset types of a listing, or the constraint of an organisation policy."""
    content: Literal["RESOURCE", "IAM_POLICY"] = "RESOURCE"
    parent: Literal["project", "organization"] = "project"
    project: Project | None = field(default=None, compare=False)
    """Whose resources a listing pages through."""
    regions: frozenset[str] = field(default=frozenset(), compare=False)
    """Where set, a listing leaves out what lies in another region; what spans regions stays."""
    split: Callable[[Item], Iterable[Item]] | None = field(default=None, compare=False)
    """Where set, what each asset of a listing holds of the kind: several items, itself, or nothing."""
    shared: bool = field(default=False, compare=False)
    """A small listing that is needed as items and as an answer: it is made once."""

    @property
    def name(self) -> str:
        """The operation, e.g. ``cloudasset:ListAssets(storage.Bucket IAM_POLICY)``."""
        if self.operation == "SearchAllResources":
            return "cloudasset:SearchAllResources"
        if self.operation == "GetEffectivePolicy":
            return f"orgpolicy:GetEffectivePolicy({self.about[0]})"
        words = ["+".join(kind.replace(".googleapis.com/", ".") for kind in self.about)]
        words += [self.content] if self.content != "RESOURCE" else []
        words += [self.parent] if self.parent != "project" else []
        return f"cloudasset:ListAssets({' '.join(words)})"

    @property
    def permission(self) -> str:
        """The permission: https://cloud.google.com/asset-inventory/docs/access-control and, for policies,
        https://cloud.google.com/resource-manager/docs/organization-policy/access-control."""
        if self.operation == "SearchAllResources":
            return "cloudasset.assets.searchAllResources"
        if self.operation == "GetEffectivePolicy":
            return "orgpolicy.policy.get"
        if self.content == "IAM_POLICY":
            return "cloudasset.assets.listIamPolicy"
        return "cloudasset.assets.listResource"
