"""The project itself and its regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from providers.gcp.audit import TRAIL_NAMES, nearest, parent_of
from providers.gcp.client.calls import RESOURCE_MANAGER, GcpCall, Item, Project
from providers.gcp.policies.members import HIERARCHY
from providers.gcp.policies.policies import PROJECT
from providers.gcp.storage import PREVENTION, to_enforced
from scanner.collect.table import Facet, FacetRead, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, lift
from scanner.model.resources.account import Account, Region

_CONTACT = "essentialcontacts.googleapis.com/Contact"

IDENTIFY = GcpCall("ListAssets", (PROJECT,))
"""Called once while connecting: the project's own asset."""
CONTACTS = GcpCall("ListAssets", (_CONTACT,))
CONTACTS_ABOVE = GcpCall("ListAssets", (_CONTACT,), parent="organization")
LOCATIONS = GcpCall("SearchAllResources", ())
"""The locations of all resources of the project, of every type: one request per 500 resources."""


def to_project(asset: Mapping[str, Any]) -> Project:
    """The project from its asset: https://cloud.google.com/resource-manager/reference/rest/v1/projects.

    Raises :class:`LookupError`, :class:`TypeError` or :class:`ValueError` for an unexpected answer.
    """
    data = asset["resource"]["data"]
    number = data["projectNumber"]
    name = data.get("displayName") or data["name"]
    ancestors = _ancestors(asset)
    return Project(
        id=str(data["projectId"]),
        number=str(int(number)),
        name=str(name),
        labels=dict(data.get("labels", {})),
        ancestors=ancestors,
        organisation=lift(_organisation, ancestors),
    )


def _ancestors(asset: Mapping[str, Any]) -> Observed[tuple[str, ...]]:
    chain = asset.get("ancestors", ())
    if not chain:
        return Unknown.because("error", IDENTIFY.name, None, "the project's asset has no ancestors")
    above = tuple(place for place in chain if not place.startswith("projects/"))
    if above and not above[-1].startswith("organizations/"):
        return Unknown.because("error", IDENTIFY.name, None, "the project's ancestors lack an organisation")
    return above


def _organisation(ancestors: tuple[str, ...]) -> str | None:
    found = [
        place.removeprefix("organizations/") for place in ancestors if place.startswith("organizations/")
    ]
    return found[0] if found else None


def to_path(item: Item, names: Mapping[str, Any]) -> Observed[str | None]:
    """Display names from the organisation down: ``/org/prod``.

    Raises :class:`LookupError` when a folder is not among the listed ones.
    """
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    if not ancestors:
        return None
    data = [names[RESOURCE_MANAGER + place]["resource"]["data"] for place in reversed(ancestors)]
    return "".join(f"/{each['displayName']}" for each in data)


def to_own_contacts(_: Item, contacts: Mapping[str, Any]) -> tuple[str, ...]:
    """Confirmed contacts (``validationState`` VALID) of the project for SECURITY or ALL:
    https://cloud.google.com/resource-manager/docs/reference/essentialcontacts/rest/v1/projects.contacts."""
    return _security(contacts.values())


def to_contacts_above(item: Item, contacts: Mapping[str, Any]) -> Observed[tuple[str, ...]]:
    """Contacts of the folders and the organisation: they are notified about the projects below as well."""
    ancestors = item.project.ancestors
    if isinstance(ancestors, Unknown):
        return ancestors
    return _security(asset for name, asset in contacts.items() if parent_of(name) in ancestors)


def _security(contacts: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    mails = set()
    for asset in contacts:
        data = asset["resource"]["data"]
        wanted = {"SECURITY", "ALL"}.intersection(data.get("notificationCategorySubscriptions", ()))
        if wanted and data.get("validationState") == "VALID":
            mails.add(str(data["email"]))
    return tuple(sorted(mails))


def account_header(item: Item) -> Mapping[str, Any]:
    """From the project's asset; the ID contains the project's number, as in all assets."""
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": None,
        "id": f"{RESOURCE_MANAGER}projects/{item.project.number}",
        "name": item.project.name,
        "type": "gcp.cloudresourcemanager.project",
    }


def region_header(item: Item) -> Mapping[str, Any]:
    """The region, identified as Compute Engine identifies it in the project."""
    return {
        "provider": "gcp",
        "partition": "gcp",
        "scope": item.project.id,
        "region": item.region,
        "id": f"//compute.googleapis.com/projects/{item.project.id}/regions/{item.region}",
        "name": item.region,
        "type": "gcp.compute.region",
    }


def to_tags(item: Item) -> Mapping[str, str]:
    """``labels`` of the project. Resource Manager tags are a different feature."""
    return dict(item.project.labels)


def to_organisation(item: Item) -> Observed[str | None]:
    """The organisation among the asset's ``ancestors``."""
    return item.project.organisation


def no_policy(_: Item) -> None:
    """Projects have no passwords: people sign in with Cloud Identity or Google Workspace accounts."""


def no_tags(_: Item) -> Mapping[str, str]:
    """Regions cannot be labelled."""
    return {}


ACCOUNTS = Table(
    kind=Account,
    list=None,
    header=account_header,
    facets={
        "tags": from_list(to_tags),
        "organisation": from_list(to_organisation),
        "path": asked(HIERARCHY, to_path),
        "security_contacts": Facet(
            (FacetRead(CONTACTS, to_own_contacts), FacetRead(CONTACTS_ABOVE, to_contacts_above)), nearest
        ),
        "public_access_block": asked(PREVENTION, to_enforced),
        "password_policy": from_list(no_policy),
        "audit_trails": TRAIL_NAMES,
    },
)
"""The project. The item is passed in: it was read while connecting."""

REGIONS = Table(
    kind=Region,
    list=None,
    header=region_header,
    facets={"tags": from_list(no_tags), "audit_trails": TRAIL_NAMES},
)
"""The regions with resources of the project. The items are passed in, from :data:`LOCATIONS`."""
