"""The sample company on Google Cloud: one organisation, one folder, one production project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.sandbox.gcp.asset import Asset, asset
from providers.sandbox.recorded import states

ORGANISATION = "123456789012"
FOLDER = "345678901234"
PROJECT = "batch-prod"
NUMBER = "210987654321"
KEY = f"projects/{PROJECT}/locations/us-central1/keyRings/batch/cryptoKeys/storage"


@dataclass
class Company:
    """The contents of the simulated cloud: assets with their ancestors, and enforced constraints."""

    assets: list[Asset] = field(default_factory=list)
    """In the JSON form of the API, with ``resource`` and ``iamPolicy`` side by side."""
    enforced: set[tuple[str, str]] = field(default_factory=set)
    """Project number and boolean constraint of each enforcement."""
    hmac_keys: list[Mapping[str, Any]] = field(default_factory=list)
    """As the JSON API of Cloud Storage lists them."""
    default_lists: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    """By bucket: the access list for new objects, which no asset shows. Others have one of their owners."""

    def within(self, parent: str) -> list[Asset]:
        """The assets at or below ``projects/ID``, ``projects/NUMBER``, ``folders/N``, ``organizations/N``."""
        places = {parent, self.numbered(parent)}
        return [one for one in self.assets if places & set(one["ancestors"])]

    def bucket(self, name: str) -> Mapping[str, Any] | None:
        """The bucket with its access lists, if it has any; ``None`` if it does not exist."""
        for one in self.assets:
            if one["name"] == f"//storage.googleapis.com/{name}":
                data = {key: value for key, value in one["resource"]["data"].items() if value not in ([], {})}
                if data["iamConfiguration"]["uniformBucketLevelAccess"]:
                    return data
                owners = [{"entity": f"project-owners-{data['projectNumber']}", "role": "OWNER"}]
                return {**data, "acl": owners, "defaultObjectAcl": self.default_lists.get(name, owners)}
        return None

    def numbered(self, parent: str) -> str:
        """The parent by number, if it is a project by ID."""
        for one in self.assets:
            data = one.get("resource", {}).get("data", {})
            if parent.startswith("projects/") and f"projects/{data.get('projectId')}" == parent:
                return f"projects/{data['projectNumber']}"
        return parent


def project(
    identifier: str,
    number: str,
    name: str,
    labels: Mapping[str, str],
    above: Sequence[str],
    policy: Mapping[str, Any] | None = None,
) -> Asset:
    """A project's own asset. The default policy makes a group its owner."""
    data = {
        "projectId": identifier,
        "projectNumber": number,
        "name": name,
        "labels": labels,
        "lifecycleState": "ACTIVE",
        "createTime": "2022-03-14T09:26:53.589Z",
    }
    full = f"//cloudresourcemanager.googleapis.com/projects/{number}"
    chain = (f"projects/{number}", *above)
    default = {"bindings": [{"role": "roles/owner", "members": ["group:cloud-admins@example.com"]}]}
    chosen = policy if policy is not None else default
    return asset("cloudresourcemanager.googleapis.com/Project", full, data, chain, iamPolicy=chosen)


def bucket(
    name: str,
    above: Sequence[str],
    *,
    location: str = "US-CENTRAL1",
    labels: Mapping[str, str] | None = None,
    public: Sequence[tuple[str, str]] = (),
    customer_key: bool = False,
    versioned: bool = False,
    logs_to: str | None = None,
    uniform: bool = True,
    prevention: str = "inherited",
) -> Asset:
    """A bucket as in Cloud Asset Inventory: unset parts are empty, false booleans are omitted."""
    number = above[0].removeprefix("projects/")
    switch = {"enabled": True} if uniform else {}
    data = {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "projectNumber": int(number),
        "location": location,
        "locationType": "region" if "-" in location else "multi-region",
        "storageClass": "STANDARD",
        "metageneration": 2,
        "etag": "CAI=",
        "timeCreated": "2023-05-02T10:11:12.131Z",
        "updated": "2024-01-15T08:00:00.000Z",
        "acl": [],
        "defaultObjectAcl": [],
        "labels": dict(labels or {}),
        "iamConfiguration": {
            "bucketPolicyOnly": switch,
            "uniformBucketLevelAccess": switch,
            "publicAccessPrevention": prevention,
        },
        "encryption": {"defaultKmsKeyName": KEY} if customer_key else {},
        "versioning": {"enabled": True} if versioned else {},
        "logging": {"logBucket": logs_to, "logObjectPrefix": name} if logs_to else {},
        "retentionPolicy": {},
        "website": {},
    }
    bindings = [
        {
            "role": "roles/storage.legacyBucketOwner",
            "members": [f"projectEditor:{PROJECT}", f"projectOwner:{PROJECT}"],
        },
        {"role": "roles/storage.legacyBucketReader", "members": [f"projectViewer:{PROJECT}"]},
        *({"role": role, "members": [member]} for role, member in public),
    ]
    full = f"//storage.googleapis.com/{name}"
    policy = {"version": 1, "etag": "CAI=", "bindings": bindings}
    return asset("storage.googleapis.com/Bucket", full, data, above, iamPolicy=policy)


def sink(name: str, above: Sequence[str], destination: str, **more: Any) -> Asset:
    """A log sink of the nearest of ``above``."""
    data = {"name": name, "destination": destination, "createTime": "2022-03-14T10:00:00Z", **more}
    full = f"//logging.googleapis.com/{above[0]}/sinks/{name}"
    return asset("logging.googleapis.com/LogSink", full, data, above)


def contact(number: int, above: Sequence[str], mail: str, *categories: str) -> Asset:
    """A confirmed essential contact of the nearest of ``above``."""
    data = {
        "name": f"{above[0]}/contacts/{number}",
        "email": mail,
        "notificationCategorySubscriptions": list(categories),
        "languageTag": "en-US",
        "validationState": "VALID",
    }
    full = f"//essentialcontacts.googleapis.com/{above[0]}/contacts/{number}"
    return asset("essentialcontacts.googleapis.com/Contact", full, data, above)


def built_in_sinks(identifier: str, above: Sequence[str]) -> list[Asset]:
    """The two sinks that every project has."""
    logs = f"logging.googleapis.com/projects/{identifier}/locations/global/buckets"
    kept = 'LOG_ID("cloudaudit.googleapis.com/activity") OR LOG_ID("cloudaudit.googleapis.com/system_event")'
    rest = (
        'NOT LOG_ID("cloudaudit.googleapis.com/activity") '
        'AND NOT LOG_ID("cloudaudit.googleapis.com/system_event")'
    )
    return [
        sink("_Required", above, f"{logs}/_Required", filter=kept),
        sink("_Default", above, f"{logs}/_Default", filter=rest),
    ]


def example_shop() -> Company:
    """The sample company's batch platform."""
    from providers.sandbox.gcp import compute, identity, keys, network

    root = (f"organizations/{ORGANISATION}",)
    folder = (f"folders/{FOLDER}", *root)
    here = (f"projects/{NUMBER}", *folder)
    manager = "//cloudresourcemanager.googleapis.com/"
    viewer, anyone = "roles/storage.objectViewer", "allUsers"
    company = Company(
        enforced={(NUMBER, "storage.secureHttpTransport")},
        hmac_keys=[key for answer in _answers() for key in answer.get("items", ())],
        default_lists={"supplier-dropbox": [{"entity": anyone, "role": "READER"}]},
    )
    company.assets += [
        asset(
            "cloudresourcemanager.googleapis.com/Organization",
            manager + root[0],
            {"name": root[0], "displayName": "example.com", "lifecycleState": "ACTIVE"},
            root,
            iamPolicy={
                "bindings": [
                    {
                        "role": "roles/resourcemanager.organizationAdmin",
                        "members": ["user:break-glass@example.com"],
                    }
                ]
            },
        ),
        asset(
            "cloudresourcemanager.googleapis.com/Folder",
            manager + folder[0],
            {"name": folder[0], "displayName": "prod", "parent": root[0], "lifecycleState": "ACTIVE"},
            folder,
            iamPolicy={"bindings": [{"role": "roles/viewer", "members": ["group:auditors@example.com"]}]},
        ),
        project(
            PROJECT,
            NUMBER,
            "Batch production",
            {"env": "prod", "owner": "data"},
            folder,
            identity.policy(PROJECT, NUMBER),
        ),
        project("security-logs", "432109876543", "Security logs", {"env": "prod"}, root),
        bucket("exports-2019", here, location="US", public=[(viewer, anyone)]),
        bucket(
            "supplier-dropbox",
            here,
            public=[("roles/storage.objectCreator", anyone)],
            uniform=False,
        ),
        bucket(
            "product-media",
            here,
            location="EUROPE-WEST1",
            labels={"owner": "product", "env": "prod"},
            public=[(viewer, anyone)],
            versioned=True,
            logs_to="batch-audit-logs",
        ),
        bucket(
            "press-kit",
            here,
            location="EU",
            labels={"owner": "product"},
            public=[(viewer, anyone)],
        ),
        bucket(
            "batch-results",
            here,
            labels={"owner": "data", "data-class": "internal", "env": "prod"},
            customer_key=True,
            versioned=True,
            logs_to="batch-audit-logs",
            prevention="enforced",
        ),
        bucket(
            "ledger-archive",
            here,
            location="EUROPE-WEST1",
            labels={"owner": "pay", "data-class": "pci", "env": "prod"},
            public=[(viewer, "allAuthenticatedUsers")],
            customer_key=True,
            versioned=True,
            prevention="enforced",
        ),
        bucket("ml-scratch", here, labels={"owner": "ghost", "env": "prod"}),
        bucket(
            "batch-audit-logs",
            here,
            labels={"owner": "platform", "data-class": "internal", "env": "prod"},
            versioned=True,
            uniform=False,
            prevention="enforced",
        ),
        *compute.assets(PROJECT, here, KEY),
        *identity.assets(PROJECT, here),
        *keys.assets(PROJECT, here),
        *network.assets(PROJECT, here, root),
        *_recorded(),
        *built_in_sinks(PROJECT, here),
        sink(
            "admin-activity",
            here,
            "storage.googleapis.com/batch-audit-logs",
            filter='logName:"cloudaudit.googleapis.com"',
        ),
        sink(
            "errors",
            here,
            f"bigquery.googleapis.com/projects/{PROJECT}/datasets/errors",
            filter="severity>=ERROR",
        ),
        sink(
            "audit-2019",
            here,
            "storage.googleapis.com/exports-2019",
            filter='logName:"cloudaudit.googleapis.com" AND severity>=ERROR',
            disabled=True,
        ),
        sink(
            "org-audit",
            root,
            "bigquery.googleapis.com/projects/security-logs/datasets/audit",
            filter='LOG_ID("cloudaudit.googleapis.com/activity")',
            includeChildren=True,
        ),
        contact(1, here, "batch-oncall@example.com", "TECHNICAL"),
        contact(1, root, "security@example.com", "SECURITY", "LEGAL"),
    ]
    return company


def _recorded() -> list[Asset]:
    """The assets of the company's recorded states, with their policies."""
    found: dict[str, dict[str, Any]] = {}
    for answer in _answers():
        for each in answer.get("assets", ()):
            found.setdefault(each["name"], {}).update(each)
    return list(found.values())


def _answers() -> Iterator[Mapping[str, Any]]:
    for state in states("gcp"):
        for exchange in state.answers:
            yield exchange.answer or {}
