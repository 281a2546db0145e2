"""Identities: users, long-lived credentials, grants, and the tenant where users sign in."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class User(Resource):
    """A person's identity: an IAM user or the root user of AWS, an Entra user, a user named in Google Cloud
    bindings."""

    kind: ClassVar[str] = "user"

    root: Observed[bool]
    """The one identity of an account that its own policies do not restrict (AWS root user)."""
    created: Observed[datetime | None]
    """When it was created; ``None`` if it is older than the cloud's records."""
    enabled: Observed[bool]
    """It can be used now."""
    password: Observed[bool]
    """It can sign in to the cloud itself with a password: AWS console password, non-federated Entra
    password."""
    mfa: Observed[bool]
    """MFA is registered, and the cloud itself requires it at sign-in. Unknown if only an external identity
    provider may require it."""
    access_keys: Observed[int]
    """Number of its active long-lived access keys."""
    last_used: Observed[datetime | None]
    """The last sign-in or use of a key; ``None`` if never, within the cloud's retention period."""
    external: Observed[bool]
    """It is a guest, or belongs to a domain or tenant outside the organisation."""
    administrator: Observed[bool]
    """It has full rights in the scope, directly or through a group, or can give them to itself: AWS
    administrator policies and those that allow such an escalation, Entra Global Administrator or subscription
    Owner, Google Cloud owner, or who can make himself one, such as by activating a role, or act as one."""


class AccessKey(Resource):
    """A long-lived credential of a user or workload: access key, service-account key, client secret."""

    kind: ClassVar[str] = "access_key"

    holder: Observed[str]
    """Name of the user, service account or application that it belongs to."""
    active: Observed[bool]
    """It can be used now."""
    created: Observed[datetime]
    """When it was created or last replaced."""
    last_used: Observed[datetime | None]
    """``None`` if never used; unknown where the cloud does not record it."""
    expires: Observed[datetime | None]
    """``None`` if it never expires."""


class Role(Resource):
    """A grant of rights: an IAM role, policy attachment, role assignment or IAM binding.

    One for each principal and grant; grants to the cloud's own service agents are excluded. The policies of
    an IAM user or group are grants if they allow everything or to grant rights: each one, and all together
    where none does alone.
    """

    kind: ClassVar[str] = "role"

    principal: Observed[str]
    """The principal: ARN, object id, ``user:someone@example.com``, ``allUsers``."""
    principal_type: Observed[Literal["user", "group", "workload", "account", "public"]]
    """``account``: another account, tenant or federated identity source can assume it; ``public``: anyone."""
    everything: Observed[bool]
    """It allows all actions on all resources of the scope (administrator, Owner, ``*`` on ``*``)."""
    grants_rights: Observed[bool]
    """It allows granting rights to others or to itself: IAM writes, role assignment writes, setIamPolicy."""
    external: Observed[bool]
    """The principal is outside the organisation (or, without one, outside the account): another account,
    a guest, a foreign domain."""
    standing: Observed[bool]
    """It is in force without activation; false for one that its holder must activate first (eligible)."""
    conditioned: Observed[bool]
    """A condition restricts who can use it: external id, source account or organisation, IAM condition."""
    created: Observed[datetime | None]
    """When it was created; ``None`` where the cloud does not record it."""
    last_used: Observed[datetime | None]
    """``None`` if never; unknown where the cloud does not record it."""


class Tenant(Resource):
    """The directory where users sign in: an Entra tenant. Its scope is the tenant's id."""

    kind: ClassVar[str] = "tenant"

    administrators: Observed[int]
    """Number of enabled users with an active Global Administrator assignment (Entra)."""
    administrators_mfa: Observed[bool]
    """MFA is required for administrators by security defaults, or by enabled conditional access policies that
    together leave out at most two emergency accounts."""
    everyone_mfa: Observed[bool]
    """The same for all users."""
    legacy_sign_in_blocked: Observed[bool]
    """Legacy authentication protocols, which do not support MFA, are blocked."""
    guests_invited_by: Observed[Literal["nobody", "administrators", "members", "everyone"]]
    """Who may invite guests."""
    users_register_apps: Observed[bool]
    """Non-administrator users may register applications."""
