"""Who can do what: people, long-lived credentials, grants, and the tenant that people sign in at."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from scanner.model.evidence import Observed
from scanner.model.resources.base import Resource


class User(Resource):
    """A person's identity: an IAM user or the root user of AWS, an Entra user, a person that Google Cloud
    bindings name."""

    kind: ClassVar[str] = "user"

    root: Observed[bool]
    """The one identity of an account that no policy binds (AWS root user)."""
    enabled: Observed[bool]
    """It can be used now."""
    password: Observed[bool]
    """It can sign in by a password at the cloud itself: AWS console password, Entra password that is not
    federated."""
    mfa: Observed[bool]
    """A second factor is registered and asked for at sign-in by the cloud itself. A second factor that only
    an identity provider elsewhere asks for cannot be told here: unknown."""
    access_keys: Observed[int]
    """Active long-lived access keys of its own."""
    last_used: Observed[datetime | None]
    """The last sign-in or use of a key; ``None`` when never, as far as the cloud keeps it."""
    external: Observed[bool]
    """A guest, or of a domain or tenant that is not the organisation's own."""
    administrator: Observed[bool]
    """Holds rights to everything in the scope, directly or through a group: AWS administrator policies, Entra
    Global Administrator or subscription Owner, Google Cloud owner or organisation administrator."""


class AccessKey(Resource):
    """A long-lived credential of a user or workload: access key, service-account key, client secret."""

    kind: ClassVar[str] = "access_key"

    holder: Observed[str]
    """Name of the user, service account or application that it belongs to."""
    active: Observed[bool]
    """It can be used now."""
    created: Observed[datetime]
    """When it was made or last replaced."""
    last_used: Observed[datetime | None]
    """``None`` when never used; unknown where the cloud does not keep it."""
    expires: Observed[datetime | None]
    """``None`` when it never does."""


class Role(Resource):
    """A way in which rights are held here: an IAM role, policy attachment, role assignment or IAM binding.

    One for each principal and grant; grants to a cloud's own service agents are left out.
    """

    kind: ClassVar[str] = "role"

    principal: Observed[str]
    """Who holds it: ARN, object id, ``user:someone@example.com``, ``allUsers``."""
    principal_type: Observed[Literal["user", "group", "workload", "account", "public"]]
    """``account``: another account, tenant or federated identity source may take it; ``public``: anyone."""
    everything: Observed[bool]
    """It allows every action on everything in the scope (administrator, Owner, ``*`` on ``*``)."""
    grants_rights: Observed[bool]
    """It allows giving rights to others or to itself: IAM writes, role assignment writes, setIamPolicy."""
    external: Observed[bool]
    """The principal is outside the organisation (or, without one, outside the account): another account,
    a guest, a foreign domain."""
    conditioned: Observed[bool]
    """A condition narrows who may use it: external id, source account or organisation, IAM condition."""
    last_used: Observed[datetime | None]
    """``None`` when never; unknown where the cloud does not keep it."""


class Tenant(Resource):
    """The directory that people sign in at: an Entra tenant. Its scope is the tenant's id."""

    kind: ClassVar[str] = "tenant"

    administrators: Observed[int]
    """Users who are Global Administrator (Entra), active assignments."""
    administrators_mfa: Observed[bool]
    """Security defaults, or an enabled conditional access policy without exclusion of more than two
    emergency accounts, ask administrators for a second factor."""
    everyone_mfa: Observed[bool]
    """The same for all users."""
    legacy_sign_in_blocked: Observed[bool]
    """Protocols that cannot ask for a second factor are blocked."""
    guests_invited_by: Observed[Literal["nobody", "administrators", "members", "everyone"]]
    """Who may invite outsiders."""
    users_register_apps: Observed[bool]
    """Ordinary users may register applications."""
