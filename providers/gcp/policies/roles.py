"""Google's predefined roles: which allow granting rights, which do not, and all others.

Google adds roles every week, so a role that is not listed here is unknown, never harmless. Sources:
https://cloud.google.com/iam/docs/roles-permissions (the permissions of each role), as of October 2026. Roles
of Google's service agents are not listed: their holders do not count as roles, and for anyone else they are
unusual.
"""

from __future__ import annotations

from collections.abc import Mapping

from scanner.model.evidence import Observed, Unknown

OWNER = frozenset({"roles/owner", "roles/admin"})
"""Basic roles that allow everything: https://cloud.google.com/iam/docs/roles-overview#basic."""

SET_POLICY = frozenset(
    {
        "resourcemanager.projects.setIamPolicy",
        "resourcemanager.folders.setIamPolicy",
        "resourcemanager.organizations.setIamPolicy",
    }
)
"""Permissions to give oneself any role in a project, where they are held on it or above it."""

IMPERSONATION = frozenset(
    {
        "iam.serviceAccountApiKeyBindings.create",
        "iam.serviceAccountKeys.create",
        "iam.serviceAccounts.actAs",
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
        "iam.serviceAccounts.implicitDelegation",
        "iam.serviceAccounts.setIamPolicy",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
        "storage.hmacKeys.create",
    }
)
"""Permissions to act with the rights of a service account: to run something as it, or to have a token, a key
or a signature of it: https://cloud.google.com/iam/docs/best-practices-service-accounts and, for HMAC keys,
https://cloud.google.com/storage/docs/authentication/hmackeys."""

GRANTING = (
    SET_POLICY
    | IMPERSONATION
    | {
        "deploymentmanager.deployments.create",
        "deploymentmanager.deployments.update",
        "iam.googleapis.com/workforcePoolProviders.create",
        "iam.googleapis.com/workforcePoolProviders.update",
        "iam.roles.update",
        "iam.workloadIdentityPoolProviders.create",
        "iam.workloadIdentityPoolProviders.update",
    }
)
"""Permissions to grant rights to others or to oneself. A deployment is made with the rights of Google's own
service account, which is an editor: https://cloud.google.com/deployment-manager/docs/access-control.
Providers decide who signs in through a pool."""

MAY_GRANT = frozenset(
    {
        "cloudbuild.builds.create",
        "iam.denypolicies.delete",
        "iam.denypolicies.update",
        "privilegedaccessmanager.entitlements.create",
        "privilegedaccessmanager.entitlements.update",
    }
)
"""Permissions that grant rights depending on what is not read: which account builds run as, what a deny
policy denies, and what an entitlement may give."""

_GRANTING: Mapping[str, str] = {
    "deploymentmanager": "admin editor",
    "earthengine": "appsPublisher",
    "iam": "admin databasesAdmin dataScientist devOps editor organizationRoleAdmin roleAdmin securityAdmin"
    " serviceAccountAdmin serviceAccountApiKeyBindingAdmin serviceAccountKeyAdmin"
    " serviceAccountOpenIdTokenCreator serviceAccountTokenCreator serviceAccountUser workforcePoolAdmin"
    " workforcePoolEditor workloadIdentityPoolAdmin workloadIdentityUser",
    "resourcemanager": "folderAdmin folderIamAdmin organizationAdmin projectIamAdmin",
    "securitycenter": "admin",
    "storage": "editor hmacKeyAdmin",
    "backupdr": "computeEngineOperator",
    "dataproc": "hubAgent",
    "assuredoss": "admin",
}
_HARMLESS: Mapping[str, str] = {
    "accesscontextmanager": "policyReader",
    "aiplatform": "colabEnterpriseUser user viewer",
    "apigateway": "viewer",
    "apikeys": "viewer",
    "appengine": "appViewer codeViewer serviceAdmin",
    "artifactregistry": "admin createOnPushRepoAdmin createOnPushWriter reader repoAdmin writer",
    "autoscaling": "metricsWriter",
    "batch": "agentReporter jobsEditor jobsViewer",
    "bigquery": "admin connectionAdmin connectionUser dataEditor dataOwner dataViewer filteredDataViewer"
    " jobUser metadataViewer readSessionUser resourceAdmin resourceEditor resourceViewer user",
    "bigtable": "admin reader user viewer",
    "billing": "costsManager projectManager user viewer",
    "binaryauthorization": "attestorsViewer policyViewer",
    "certificatemanager": "editor owner viewer",
    "cloudasset": "owner viewer",
    "cloudbuild": "builds.viewer",
    "clouddebugger": "agent user",
    "cloudfunctions": "admin developer invoker viewer",
    "cloudkms": "admin cryptoKeyDecrypter cryptoKeyEncrypter cryptoKeyEncrypterDecrypter publicKeyViewer"
    " signer signerVerifier verifier viewer",
    "cloudprofiler": "agent user",
    "cloudscheduler": "admin jobRunner viewer",
    "cloudsql": "admin client editor instanceUser viewer",
    "cloudsupport": "techSupportEditor techSupportViewer viewer",
    "cloudtasks": "enqueuer queueAdmin taskDeleter taskRunner viewer",
    "cloudtrace": "admin agent user",
    "composer": "user",
    "compute": "admin imageUser instanceAdmin instanceAdmin.v1 loadBalancerAdmin loadBalancerServiceUser"
    " networkAdmin networkUser networkViewer osAdminLogin osLogin osLoginExternalUser publicIpAdmin"
    " securityAdmin storageAdmin viewer xpnAdmin",
    "container": "admin clusterAdmin clusterViewer defaultNodeServiceAccount developer"
    " nodeServiceAccount viewer",
    "containeranalysis": "notes.viewer occurrences.viewer",
    "datacatalog": "viewer",
    "dataflow": "viewer worker",
    "dataproc": "viewer worker",
    "datastore": "importExportAdmin indexAdmin owner user viewer",
    "dlp": "jobsReader reader user",
    "dns": "admin peer reader",
    "errorreporting": "admin user viewer writer",
    "essentialcontacts": "admin viewer",
    "eventarc": "eventReceiver viewer",
    "file": "editor viewer",
    "firebase": "viewer",
    "firebaserules": "viewer",
    "gkehub": "connect viewer",
    "iam": "organizationRoleViewer roleViewer securityReviewer serviceAccountViewer"
    " workloadIdentityPoolViewer",
    "iap": "httpsResourceAccessor tunnelResourceAccessor",
    "logging": "admin bucketWriter configWriter fieldAccessor logWriter privateLogViewer viewAccessor viewer",
    "memcache": "viewer",
    "monitoring": "admin alertPolicyEditor alertPolicyViewer dashboardEditor dashboardViewer editor"
    " metricWriter metricsScopesViewer notificationChannelEditor notificationChannelViewer viewer",
    "networkmanagement": "viewer",
    "opsconfigmonitoring": "resourceMetadata.viewer resourceMetadata.writer",
    "orgpolicy": "policyViewer",
    "osconfig": "inventoryViewer patchJobViewer vulnerabilityReportViewer",
    "policyanalyzer": "activityAnalysisViewer",
    "privateca": "auditor certificateRequester",
    "pubsub": "admin editor publisher subscriber viewer",
    "recommender": "computeViewer iamViewer viewer",
    "redis": "admin editor viewer",
    "resourcemanager": "folderCreator folderEditor folderMover folderViewer lienModifier organizationViewer"
    " projectCreator projectDeleter projectMover tagUser tagViewer",
    "run": "admin developer invoker jobsExecutor servicesInvoker viewer",
    "secretmanager": "admin secretAccessor secretVersionAdder secretVersionManager viewer",
    "securitycenter": "adminViewer findingsViewer",
    "servicedirectory": "editor viewer",
    "servicemanagement": "serviceController serviceConsumer",
    "servicenetworking": "networksAdmin",
    "serviceusage": "apiKeysViewer serviceUsageAdmin serviceUsageConsumer serviceUsageViewer",
    "source": "reader writer",
    "spanner": "admin backupAdmin backupWriter databaseAdmin databaseReader databaseUser viewer",
    "stackdriver": "accounts.viewer resourceMetadata.writer",
    "storage": "admin bucketViewer folderAdmin insightsCollectorService legacyBucketOwner legacyBucketReader"
    " legacyBucketWriter legacyObjectOwner legacyObjectReader objectAdmin objectCreator objectUser"
    " objectViewer",
    "storagetransfer": "user viewer",
    "vpcaccess": "user viewer",
    "workflows": "invoker viewer",
}


def _names(by_service: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        f"roles/{service}.{name}" for service, names in by_service.items() for name in names.split()
    )


GRANTING_ROLES = OWNER | {"roles/editor", "roles/writer"} | _names(_GRANTING)
"""Predefined roles with one of :data:`GRANTING`. An editor cannot change the project's policy, but can act as
every service account in it."""

HARMLESS_ROLES = frozenset({"roles/browser", "roles/reader", "roles/viewer"}) | _names(_HARMLESS)
"""Predefined roles with none of :data:`GRANTING` and :data:`MAY_GRANT`."""

SET_POLICY_ROLES = OWNER | {
    "roles/iam.securityAdmin",
    "roles/resourcemanager.folderAdmin",
    "roles/resourcemanager.organizationAdmin",
    "roles/resourcemanager.projectIamAdmin",
}
"""Predefined roles with ``resourcemanager.projects.setIamPolicy``."""

IMPERSONATING_ROLES = GRANTING_ROLES - {
    *("roles/iam.organizationRoleAdmin", "roles/iam.roleAdmin", "roles/iam.workloadIdentityPoolAdmin"),
    *("roles/iam.workforcePoolAdmin", "roles/iam.workforcePoolEditor", "roles/resourcemanager.folderAdmin"),
    *("roles/resourcemanager.folderIamAdmin", "roles/resourcemanager.organizationAdmin"),
    *(
        "roles/deploymentmanager.admin",
        "roles/deploymentmanager.editor",
        "roles/resourcemanager.projectIamAdmin",
    ),
}
"""Predefined roles with one of :data:`IMPERSONATION`."""


def grants_rights(role: str, call: str) -> Observed[bool]:
    """Whether a predefined role allows granting rights. ``call`` is the one that the role comes from."""
    if role in GRANTING_ROLES:
        return True
    if role in HARMLESS_ROLES:
        return False
    why = f"it is not known whether {role} allows granting rights"
    return Unknown.because("unsupported", call, None, why)


def held_grants_rights(role: str, held: frozenset[str], call: str) -> Observed[bool]:
    """Whether a custom role with these permissions allows granting rights."""
    if held & GRANTING:
        return True
    doubtful = sorted(held & MAY_GRANT)
    if not doubtful:
        return False
    why = f"what {', '.join(doubtful)} of {role} allows depends on settings that are not read"
    return Unknown.because("unsupported", call, None, why)
