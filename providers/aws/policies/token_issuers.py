"""Issuers of tokens with which roles are assumed, as data: whose tokens they are, and which claim says so.

A shared issuer serves everybody. One of its claims names the tenant, and up to one separator it must be
literal; anybody else has tokens with all other claims. Who asks for a token mostly chooses its audience.

Sources: the row's own documentation, and "Identity-provider controls for shared OIDC providers" (IAM user
guide), which lists the shared issuers that IAM knows and the claims that it requires of new trust policies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Literal

from scanner.policy.conditions import (
    Anything,
    Condition,
    Identifier,
    Reach,
    Unclear,
    Value,
    has_variable,
    literal,
)
from scanner.policy.patterns import is_pattern

Ownership = Literal["shared", "tenant", "unknown"]
"""``shared``: everybody's tokens. ``tenant``: those of one tenant, whose name is part of the issuer; whether
that is the organisation itself, no API shows. ``unknown``: an issuer that this table does not have."""


@dataclass(frozen=True)
class Tenancy:
    """How a claim names the tenant: what it begins with, and what ends the tenant's name."""

    prefix: str = ""
    separator: str = ""
    """Empty: the whole value names him."""


WHOLE = Tenancy()


@dataclass(frozen=True)
class SharedIssuer:
    """An issuer that serves many tenants."""

    tenant: Mapping[str, tuple[Tenancy, ...]]
    """The claims that name the tenant, in lower case, and the ways in which each does."""
    circumstance: frozenset[str] = field(default=frozenset({"aud"}))
    """Claims that anybody's token can have. What is in neither is not understood."""
    guests: tuple[str, str] | None = None
    """A claim, and its value in tokens that anybody gets without signing in."""
    tags: frozenset[str] = frozenset()
    """Session tags of its tokens that are claims with the same name (``aws:RequestTag/…``)."""
    source: str = ""


def _claims(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _sub(*tenancies: Tenancy, **more: Tenancy) -> Mapping[str, tuple[Tenancy, ...]]:
    return {"sub": tenancies, **{name: (tenancy,) for name, tenancy in more.items()}}


_ACTIONS = SharedIssuer(
    _sub(
        Tenancy("repo:", "/"),
        Tenancy("repository:", "/"),
        Tenancy("repository_owner:", ":"),
        Tenancy("repository_owner_id:", ":"),
        Tenancy("repository_id:", ":"),
        repository=Tenancy("", "/"),
        repository_id=WHOLE,
        repository_owner=WHOLE,
        repository_owner_id=WHOLE,
        enterprise=WHOLE,
        enterprise_id=WHOLE,
        workflow_ref=Tenancy("", "/"),
    ),
    circumstance=_claims(
            "aud ref ref_type ref_protected environment actor actor_id base_ref head_ref "
            "event_name repository_visibility runner_environment run_id run_number "
            "run_attempt sha workflow workflow_sha"
        ),
    source="GitHub, 'OpenID Connect reference'; job_workflow_ref names the workflow that others may call",
)  # fmt: skip

SHARED: Mapping[str, SharedIssuer] = {
    "token.actions.githubusercontent.com": _ACTIONS,
    "vstoken.actions.githubusercontent.com": _ACTIONS,
    "oidc-configuration.audit-log.githubusercontent.com": SharedIssuer(
        _sub(WHOLE), source="GitHub, 'Streaming the audit log for your enterprise'"
    ),
    "gitlab.com": SharedIssuer(
        _sub(
            Tenancy("project_path:", "/"),
            namespace_id=WHOLE,
            namespace_path=WHOLE,
            project_id=WHOLE,
            project_path=Tenancy("", "/"),
        ),
        circumstance=_claims(
            "aud ref ref_type ref_protected environment environment_protected user_login "
            "user_email user_id pipeline_source deployment_tier runner_environment "
            "project_visibility"
        ),
        source="GitLab, 'Configure OpenID Connect in AWS'",
    ),
    "app.terraform.io": SharedIssuer(
        _sub(
            Tenancy("organization:", ":"),
            terraform_organization_id=WHOLE,
            terraform_organization_name=WHOLE,
            terraform_workspace_id=WHOLE,
            terraform_project_id=WHOLE,
        ),
        circumstance=_claims(
            "aud terraform_run_phase terraform_workspace_name terraform_project_name"
        ),
        source="HCP Terraform, 'Workload identity token specification'",
    ),
    "agent.buildkite.com": SharedIssuer(
        _sub(
            Tenancy("organization:", ":"), organization_slug=WHOLE, organization_id=WHOLE, pipeline_id=WHOLE
        ),
        circumstance=_claims(
            "aud pipeline_slug build_branch build_tag build_source step_key build_number "
            "runner_environment"
        ),
        tags=_claims("organization_slug organization_id pipeline_id pipeline_slug build_branch"),
        source="Buildkite, 'OIDC with AWS' and 'buildkite-agent oidc'",
    ),
    "accounts.google.com": SharedIssuer(
        {"sub": (WHOLE,), "aud": (WHOLE,)},
        # aud is the authorised party (azp), to which the token was issued; oaud the audience asked for.
        circumstance=_claims("oaud"),
        source="IAM user guide, 'Available keys for AWS OIDC federation'",
    ),
    "cognito-identity.amazonaws.com": SharedIssuer(
        {"aud": (WHOLE,), "sub": (WHOLE,)},
        circumstance=_claims("amr"),
        guests=("amr", "unauthenticated"),
        source="Cognito developer guide, 'Role trust and permissions': aud is the identity pool",
    ),
    "graph.facebook.com": SharedIssuer(
        {"app_id": (WHOLE,), "id": (WHOLE,)},
        source="IAM user guide, 'Available keys for AWS OIDC federation'",
    ),
    "www.amazon.com": SharedIssuer(
        {"app_id": (WHOLE,), "user_id": (WHOLE,)},
        source="IAM user guide, 'Available keys for AWS OIDC federation'",
    ),
    "oidc.vercel.com": SharedIssuer(
        {"aud": (Tenancy("https://vercel.com/"),), "sub": (Tenancy("owner:", ":"),), "owner_id": (WHOLE,)},
        circumstance=_claims("environment project"),
        source="Vercel, 'OIDC Federation Reference' (the global issuer)",
    ),
    "api.pulumi.com/oidc": SharedIssuer(
        {
            "aud": (WHOLE,),
            "sub": (
                Tenancy("pulumi:deploy:org:", ":"),
                Tenancy("pulumi:environments:org:", ":"),
                Tenancy("pulumi:insights:org:", ":"),
            ),
        },
        circumstance=_claims(""),
        source="Pulumi, 'Configuring OpenID Connect for AWS': the audience is the organisation's",
    ),
    "oidc.codefresh.io": SharedIssuer(
        _sub(Tenancy("account:", ":")), source="Codefresh, 'OpenID Connect for Pipelines'"
    ),
    "scalr.io": SharedIssuer(
        _sub(Tenancy("account:", ":")), source="Scalr, 'AWS OIDC provider configuration'"
    ),
}  # fmt: skip
"""By the issuer's address, without ``https://``."""

OF_TENANTS = tuple(
    map(
        re.compile,
        (
            # GitHub, "Customizing the issuer value for an enterprise".
            r"token\.actions\.githubusercontent\.com/[^/]+",
            # CircleCI, "Using OpenID Connect tokens in jobs": the organisation's id.
            r"oidc\.circleci\.com/org/[^/]+",
            # Bitbucket, "Deploy on AWS using Bitbucket Pipelines OpenID Connect": the workspace.
            r"api\.bitbucket\.org/2\.0/workspaces/[^/]+/pipelines-config/identity/oidc",
            # Azure DevOps, "AWS Toolkit … OIDC": the organisation's id.
            r"vstoken\.dev\.azure\.com/[^/]+",
            # Vercel, "OIDC Federation Reference": the team's issuer.
            r"oidc\.vercel\.com/[^/]+",
            # Entra ID, "OpenID Connect on the Microsoft identity platform": the tenant.
            r"sts\.windows\.net/[0-9a-f-]{36}/?",
            r"login\.microsoftonline\.com/[0-9a-f-]{36}/v2\.0",
            # Cognito developer guide, "User pool endpoints": the user pool.
            r"cognito-idp\.[a-z0-9-]+\.amazonaws\.com/[\w-]+",
            # EKS user guide, "IAM roles for service accounts": the cluster.
            r"oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/id/[0-9A-Za-z]+",
            # Fly.io, Spacelift, Okta and Auth0: the customer's own address.
            r"oidc\.fly\.io/[^/]+",
            r"[\w-]+\.app\.spacelift\.io",
            r"[\w-]+\.(?:okta|oktapreview|okta-emea)\.com(?:/oauth2/\w+)?",
            r"[\w-]+(?:\.(?:us|eu|au|jp|uk))?\.auth0\.com/?",
        ),
    )
)
"""Issuers whose address names one tenant."""


DEFAULT_AUDIENCES = frozenset({"sts.amazonaws.com", "sts.amazonaws.com.cn", "aws.workload.identity"})
"""What tokens for AWS have as audience unless somebody chooses another."""


def issuer_of(provider: str) -> str:
    """The issuer of an OIDC identity provider, named by its ARN or, if it is built in, by its host."""
    return provider.rpartition(":oidc-provider/")[2]


def ownership(issuer: str) -> Ownership:
    """Whose tokens an issuer's are."""
    if issuer in SHARED:
        return "shared"
    return "tenant" if any(pattern.fullmatch(issuer) for pattern in OF_TENANTS) else "unknown"


def claim(issuer: str, key: str) -> str | None:
    """The claim that a condition key is about; ``None`` if it is no claim of the issuer's tokens."""
    name, separator, found = key.rpartition(":")
    return found if separator and name == issuer.lower() else None


def value_of_tag(shared: SharedIssuer, name: str) -> Value:
    """What a session tag can be in the tokens of a stranger. Most issuers do not say whether he chooses
    it."""
    return value_of_claim(shared, name) if name in shared.tags else Unclear()


def value_of_claim(shared: SharedIssuer, name: str) -> Value:
    """What a claim can be in the tokens of a stranger."""
    if name in shared.tenant:
        return Identifier(_reach(shared.tenant[name]))
    return Anything() if name in shared.circumstance else Unclear()


@cache
def _reach(tenancies: tuple[Tenancy, ...]) -> partial[Reach]:
    return partial(_tenant, tenancies)


def _tenant(tenancies: tuple[Tenancy, ...], condition: Condition, value: str) -> Reach:
    """Whose tokens have the value: nobody else's than the tenant's, if it names him literally.

    A literal value that names no tenant is not understood: some issuers let a tenant choose what a claim
    contains.
    """
    if condition.test == "like" and not value.strip("*"):
        return "everyone"
    if has_variable(value):
        return "unclear"
    if value in DEFAULT_AUDIENCES:
        return "some"
    exact = literal(condition, value)
    if any(_names(each, value, exact) for each in tenancies):
        return "nobody else"
    return "unclear" if exact else "some"


def _names(tenancy: Tenancy, value: str, exact: bool) -> bool:
    """Whether a value names one tenant. A question mark may stand for a character of the prefix."""
    start, rest = value[: len(tenancy.prefix)], value[len(tenancy.prefix) :]
    if len(start) < len(tenancy.prefix) or any(
        here != there and (exact or here != "?") for here, there in zip(start, tenancy.prefix, strict=True)
    ):
        return False
    name, found, _ = rest.partition(tenancy.separator) if tenancy.separator else (rest, "", "")
    whole = found or exact or not tenancy.separator
    return bool(name and whole) and (exact or not is_pattern(name))
