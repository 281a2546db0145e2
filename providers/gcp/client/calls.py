"""The type of every call to Google Cloud, and what a call is about: a project and its resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from scanner.model.evidence import Observed, Unknown

JsonOperation = Literal["projects.hmacKeys.list", "buckets.get"]
Operation = Literal["ListAssets", "SearchAllResources", "GetEffectivePolicy"] | JsonOperation

METHODS: Mapping[str, str] = {
    "ListAssets": "/google.cloud.asset.v1.AssetService/ListAssets",
    "SearchAllResources": "/google.cloud.asset.v1.AssetService/SearchAllResources",
    "GetEffectivePolicy": "/google.cloud.orgpolicy.v2.OrgPolicy/GetEffectivePolicy",
}
"""The gRPC method of each operation. Calls of any other method are rejected before they are sent."""

PATHS: Mapping[str, str] = {
    "projects.hmacKeys.list": "/storage/v1/projects/{projectId}/hmacKeys",
    "buckets.get": "/storage/v1/b/{bucket}",
}
"""The path of each operation of the Cloud Storage JSON API, which is called by GET:
https://cloud.google.com/storage/docs/json_api/v1. Any other request is rejected before it is sent."""

_PERMISSIONS: Mapping[str, str] = {
    "SearchAllResources": "cloudasset.assets.searchAllResources",
    "GetEffectivePolicy": "orgpolicy.policy.get",
    "projects.hmacKeys.list": "storage.hmacKeys.list",
    "buckets.get": "storage.buckets.get",
}

RESOURCE_MANAGER = "//cloudresourcemanager.googleapis.com/"
"""The start of the full resource names of projects, folders and organisations."""


READ_TIME = "readTime"
"""Where an asset of a listing has the time that the listing shows."""

_PLACE = re.compile(r"([a-z]+(?:-[a-z]+)+[0-9]+)(?:-[a-z][a-z0-9]*)?")


def to_region(location: str) -> str | None:
    """The region of a location: the location itself, or the zone's region. ``None`` for ``global`` and for
    multi-regions (``us``, ``eur4``): https://cloud.google.com/docs/geography-and-regions."""
    match = _PLACE.fullmatch(location.lower())
    return match[1] if match else None


@dataclass(frozen=True)
class Project:
    """A Google Cloud project, as described by its own asset."""

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
    """What a facet describes: an asset of a project, a region of it, or the project itself."""

    project: Project
    asset: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The asset in the JSON form of the API; numbers of ``resource.data`` are floats."""
    region: str | None = None

    @property
    def read_at(self) -> datetime:
        """The time that the listing shows (``readTime``), so that a recording keeps its facts; else the
        present.

        Raises :class:`ValueError` for an invalid time.
        """
        time = self.asset.get(READ_TIME)
        return datetime.now(UTC) if time is None else datetime.fromisoformat(time)

    @property
    def data(self) -> Mapping[str, Any]:
        """The configuration in the asset, in the form of the service's own REST API.

        Raises :class:`LookupError` or :class:`TypeError` for an unexpected asset.
        """
        data: Mapping[str, Any] = self.asset["resource"]["data"]
        return data


@dataclass(frozen=True)
class JsonRequest:
    """A request to the Cloud Storage JSON API."""

    operation: str
    """A key of :data:`PATHS`."""
    parameters: Mapping[str, str]
    """Those of the path and of the query, by the API's names."""


Found = tuple[list[Item], Unknown | None]
"""Items, and why there may be more."""


@dataclass(frozen=True)
class GcpCall:
    """One read operation. The names of asset calls contain type, content and parent."""

    operation: Operation
    about: tuple[str, ...]
    """Asset types of a listing, or the constraint of an organisation policy; none for Cloud Storage."""
    content: Literal["RESOURCE", "IAM_POLICY"] = "RESOURCE"
    parent: Literal["project", "organization"] = "project"
    project: Project | None = field(default=None, compare=False)
    """The project whose resources a listing pages through."""
    regions: frozenset[str] = field(default=frozenset(), compare=False)
    """If set, a listing omits resources in other regions; those that span regions stay."""
    split: Callable[[Item], Iterable[Item]] | None = field(default=None, compare=False)
    """If set, the items of the kind in each asset of a listing: several, the asset itself, or none."""
    shared: bool = field(default=False, compare=False)
    """A small listing that is needed as items and as an answer: it is requested once."""
    needed: Callable[[Item], bool] | None = field(default=None, compare=False)
    """If set, the items that a call about one item is made for; for others the answer is ``None``."""
    also: str | None = None
    """Another permission, without which the answer lacks a part."""

    @property
    def about_item(self) -> bool:
        """Whether the call is made once per item."""
        return self.operation == "buckets.get"

    @property
    def name(self) -> str:
        """The operation, e.g. ``cloudasset:ListAssets(storage.Bucket IAM_POLICY)``."""
        if self.operation in PATHS:
            return f"storage:{self.operation}"
        if self.operation == "SearchAllResources":
            return "cloudasset:SearchAllResources"
        if self.operation == "GetEffectivePolicy":
            return f"orgpolicy:GetEffectivePolicy({self.about[0]})"
        parts = ["+".join(kind.replace(".googleapis.com/", ".") for kind in self.about)]
        parts += [self.content] if self.content != "RESOURCE" else []
        parts += [self.parent] if self.parent != "project" else []
        return f"cloudasset:ListAssets({' '.join(parts)})"

    @property
    def permission(self) -> str:
        """The permission: https://cloud.google.com/asset-inventory/docs/access-control, for policies
        https://cloud.google.com/resource-manager/docs/organization-policy/access-control, and for Cloud
        Storage https://cloud.google.com/storage/docs/access-control/iam-json."""
        if self.operation in _PERMISSIONS:
            return _PERMISSIONS[self.operation]
        if self.content == "IAM_POLICY":
            return "cloudasset.assets.listIamPolicy"
        return "cloudasset.assets.listResource"
