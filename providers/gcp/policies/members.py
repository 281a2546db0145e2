"""Members of IAM policies: their type, and whether they belong to the organisation.

https://cloud.google.com/iam/docs/principal-identifiers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from providers.gcp.client.calls import RESOURCE_MANAGER, GcpCall, Item, Project
from providers.gcp.policies.policies import FOLDER, ORGANIZATION, PROJECT
from scanner.model.evidence import Observed, Unknown, any_of, lift

HIERARCHY = GcpCall("ListAssets", (ORGANIZATION, FOLDER), parent="organization")
PROJECTS = GcpCall("ListAssets", (PROJECT,), parent="organization")
"""All projects of the organisation: they show whether a service account belongs to it."""

PrincipalType = Literal["user", "group", "workload", "account", "public"]

_TYPES: Mapping[str, PrincipalType] = {
    "allUsers": "public",
    "allAuthenticatedUsers": "public",
    "user": "user",
    "group": "group",
    "domain": "group",
    "projectOwner": "group",
    "projectEditor": "group",
    "projectViewer": "group",
    "principal": "account",
    "principalSet": "account",
}
_CONSUMER = frozenset({"gmail.com", "googlemail.com", "googlegroups.com"})
"""Domains where anyone can create an account or a group."""

_AGENT_DOMAINS = frozenset(
    {
        "bigquery-encryption",
        "cloud-filer",
        "cloud-memcache-sa",
        "cloud-ml.google.com",
        "cloud-redis",
        "cloud-tpu",
        "cloudcomposer-accounts",
        "compute-system",
        "container-analysis",
        "container-engine-robot",
        "containerregistry",
        "dataflow-service-producer-prod",
        "dataproc-accounts",
        "dlp-api",
        "endpoints-portal",
        "firebase-rules",
        "gae-api-prod.google.com",
        "gcf-admin-robot",
        "gcp-gae-service",
        "genomics-api.google.com",
        "gs-project-accounts",
        "remotebuildexecution",
        "security-center-api",
        "serverless-robot-prod",
        "service-consumer-management",
        "service-networking",
        "sourcerepo-service-accounts",
        "storage-transfer-service",
        "trifacta-gcloud-prod",
    }
)
"""Google's own projects of service agents, besides ``gcp-sa-…``:
https://cloud.google.com/iam/docs/service-agents."""

_ACCOUNTS = ".iam.gserviceaccount.com"
_NUMBERED = re.compile(r"(?:service-|bq-|project-|p)?p?(\d+)")
_NUMBERED_DOMAINS = frozenset(
    {"cloudservices.gserviceaccount.com", "cloudbuild.gserviceaccount.com", "developer.gserviceaccount.com"}
)
_ABOVE = re.compile(r"service-(org|folder)-(\d+)")
_OF_ONE = re.compile(r"([pfo])(\d+)-[0-9a-z]+")
"""An agent of one log sink or database: the project, folder or organisation by letter and number."""
_LETTERS: Mapping[str, str] = {"f": "folders", "o": "organizations"}
_POOL = re.compile(
    r"principal(?:Set)?://iam\.googleapis\.com/projects/(\d+)/locations/global/workloadIdentityPools/(\S+)"
)
_CLUSTER = re.compile(r"^[^/]+\.svc\.id\.goog(?:/|$)")
_WORKFORCE = re.compile(r"principal(?:Set)?://iam\.googleapis\.com/locations/global/workforcePools/\S+")
_CONTAINER = re.compile(
    r"principalSet://cloudresourcemanager\.googleapis\.com/(projects|folders|organizations)/([^/]+)(?:/\S+)?"
)


@dataclass(frozen=True)
class MemberHome:
    """The domain or project that a member belongs to."""

    outside: Observed[bool] | None = None
    """Set if the member's name and the project alone determine it."""
    domain: str | None = None
    """The domain of an account or group."""
    project: str | None = None
    """ID or number of the project of a service account or pool."""
    outside_regardless: Observed[bool] = False
    """Whether it is outside even if the domain or project is the organisation's."""


def type_of(member: str, project: Project) -> PrincipalType:
    """The type by prefix. Service accounts of another project count as that project: an account. Identities
    of a Google Kubernetes Engine cluster are workloads; those of other pools come from another identity
    provider. Raises :class:`LookupError` or :class:`ValueError` for a member of an unknown form."""
    kind, _, name = member.partition(":")
    if kind == "serviceAccount":
        return "workload" if _of_service_account(name, project).outside is False else "account"
    pool = _POOL.fullmatch(member)
    return "workload" if pool and _CLUSTER.search(pool[2]) else _TYPES[kind]


def is_agent(member: str, project: Project) -> bool:
    """Whether the member is Google's service agent of this project, or of a folder or organisation above it.
    An agent of another project does not count: whoever controls that project can make it act."""
    kind, _, mail = member.partition(":")
    name, _, domain = mail.partition("@")
    if kind != "serviceAccount":
        return False
    known = domain == "cloudservices.gserviceaccount.com"
    if domain.endswith(_ACCOUNTS):
        service = domain.removesuffix(_ACCOUNTS)
        known = service in _AGENT_DOMAINS or service.startswith("gcp-sa-")
    if not known:
        return False
    above = _ABOVE.fullmatch(name)
    if above:
        return _is_foreign(above, project) is False
    number = _NUMBERED.fullmatch(name)
    return bool(number and number[1] == project.number)


def home_of(member: str, project: Project) -> MemberHome:
    """Where the member belongs. Raises :class:`ValueError` for a member of an unknown form.

    A project without an organisation has no domain and no other projects: everybody else is outside. Who
    signs in through a workload identity pool depends on its providers, which are not read; only a cluster's
    pool is limited to the cluster's own identities.
    """
    kind, _, name = member.partition(":")
    if kind in ("allUsers", "allAuthenticatedUsers"):
        return MemberHome(outside=True)
    if kind in ("user", "group", "domain"):
        return _of_domain(name.rpartition("@")[2].lower(), project)
    if kind in ("projectOwner", "projectEditor", "projectViewer"):
        return _of_project(name, project)
    if kind == "serviceAccount":
        return _of_service_account(name, project)
    pool, container = _POOL.fullmatch(member), _CONTAINER.fullmatch(member)
    if pool:
        home = _of_project(pool[1], project)
        if _CLUSTER.search(pool[2]) or home.outside is True:
            return home
        unknown = _unsupported(f"who signs in as {member}")
        if home.project is None:
            return MemberHome(outside=unknown)
        return replace(home, outside_regardless=unknown)
    if container and container[1] == "projects":
        return _of_project(container[2], project)
    if container and container[1] == "organizations":
        return MemberHome(outside=container[2] != project.organisation)
    if container and f"folders/{container[2]}" in _known(project.ancestors):
        return MemberHome(outside=False)
    if container or _WORKFORCE.fullmatch(member):
        return MemberHome(outside=_unsupported(f"which organisation {member} belongs to"))
    raise ValueError(f"{member} is a member of an unknown form")


def _unsupported(what: str) -> Unknown:
    return Unknown.because("unsupported", PROJECTS.name, None, f"no asset shows {what}")


def _of_domain(domain: str, project: Project) -> MemberHome:
    if not domain:
        raise ValueError("the member has no domain")
    if domain in _CONSUMER or project.organisation is None:
        return MemberHome(outside=True)
    return MemberHome(domain=domain)


def _of_project(name: str, project: Project) -> MemberHome:
    if name in (project.id, project.number):
        return MemberHome(outside=False)
    return MemberHome(outside=True) if project.organisation is None else MemberHome(project=name)


def _of_service_account(mail: str, project: Project) -> MemberHome:
    cluster, bracket, _ = mail.partition(".svc.id.goog[")
    if bracket:
        return _of_project(cluster, project)
    name, _, domain = mail.partition("@")
    above, number = _ABOVE.fullmatch(name), _NUMBERED.fullmatch(name.removesuffix("-compute"))
    service = domain.removesuffix(_ACCOUNTS)
    agent = domain.endswith(_ACCOUNTS) and (service in _AGENT_DOMAINS or service.startswith("gcp-sa-"))
    if agent and above:
        return MemberHome(outside=_is_foreign(above, project))
    if (agent or domain in _NUMBERED_DOMAINS) and number:
        return _of_project(number[1], project)
    of_one = _OF_ONE.fullmatch(name) if service.startswith("gcp-sa-") else None
    if of_one and of_one[1] == "p":
        return _of_project(of_one[2], project)
    if of_one:
        return MemberHome(outside=f"{_LETTERS[of_one[1]]}/{of_one[2]}" not in _known(project.ancestors))
    if domain == "appspot.gserviceaccount.com":
        return _of_project(_legacy(name), project)
    if domain.endswith(_ACCOUNTS) and not agent:
        return _of_project(_legacy(service), project)
    raise ValueError(f"{mail} is a service account of an unknown form")


def _legacy(name: str) -> str:
    """Domain-scoped projects are ``example.com:shop``, and ``shop.example.com`` in addresses."""
    identifier, _, domain = name.partition(".")
    return f"{domain}:{identifier}" if domain else identifier


def _is_foreign(match: re.Match[str], project: Project) -> bool:
    """Whether the folder or organisation is not one of those above the project."""
    kind, number = match[1], match[2]
    place = f"organizations/{number}" if kind == "org" else f"folders/{number}"
    return place not in _known(project.ancestors)


def _known(ancestors: Observed[tuple[str, ...]]) -> tuple[str, ...]:
    """Raises :class:`ValueError` when they are unknown."""
    if isinstance(ancestors, Unknown):
        raise ValueError("the project's ancestors are unknown")
    return ancestors


def to_domain(item: Item, names: Mapping[str, Any]) -> str | None:
    """The organisation's domain: ``displayName`` of
    https://cloud.google.com/resource-manager/reference/rest/v3/organizations. Other domains of the same
    Workspace account appear in no asset and count as foreign."""
    organisation = item.project.organisation
    if organisation is None or isinstance(organisation, Unknown):
        return None
    data = names[f"{RESOURCE_MANAGER}organizations/{organisation}"]["resource"]["data"]
    return str(data["displayName"]).lower()


def to_projects(_: Item, projects: Mapping[str, Any]) -> frozenset[str]:
    """IDs and numbers of all projects of the organisation."""
    found = set()
    for asset in projects.values():
        data = asset["resource"]["data"]
        found |= {str(data["projectId"]), str(int(data["projectNumber"]))}
    return frozenset(found)


def is_outside(
    home: Observed[MemberHome], domain: Observed[str | None], projects: Observed[frozenset[str]]
) -> Observed[bool]:
    """Whether a member is outside the organisation; arguments that do not affect it may be unknown."""
    if isinstance(home, Unknown):
        return home
    if home.outside is not None:
        return home.outside
    foreign: Observed[bool]
    if home.domain is not None:
        foreign = lift(lambda own: home.domain != own, domain)
    else:
        foreign = lift(lambda own: home.project not in own, projects)
    return any_of(foreign, home.outside_regardless)


def may_be_outside(
    member: str, project: Project, domain: Observed[str | None], projects: Observed[frozenset[str]]
) -> Observed[bool]:
    """Whether the member is outside the organisation, or may be whatever the organisation contains: a member
    of an unknown form, or of a pool. Unknown if that depends on a domain or projects that could not be read.
    """
    try:
        home = home_of(member, project)
    except (LookupError, ValueError):
        return True
    found = is_outside(home, domain, projects)
    if isinstance(found, Unknown) and not isinstance(is_outside(home, home.domain, _all_of(home)), Unknown):
        return found
    return found is not False


def _all_of(home: MemberHome) -> frozenset[str]:
    return frozenset() if home.project is None else frozenset({home.project})
