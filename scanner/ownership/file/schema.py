"""The schema of the ownership file: a pydantic model for each part, and the JSON Schema for editors.

Checks that need the whole file (names must exist, ids must be unique) run when it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    model_validator,
)

from scanner.base.models import FrozenModel
from scanner.model.resources.base import ProviderName

INFERRED_DOMAINS = ("app", "data", "compute", "res")
"""The domains in which tags name owners by default."""

_DURATION = re.compile(r"(\d{1,5})([dw])")


def _many(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


def _day(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value} is not a valid date") from None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError(f"expected a date such as 2027-05-31, not {value}")
    return value


def _duration(value: Any) -> Any:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a number of days or weeks such as 180d or 26w, not {value}")
    return timedelta(days=int(match[1]) * (7 if match[2] == "w" else 1))


def _one_team(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        raise ValueError("must name exactly one team; list others as responsible, consulted or informed")
    return value


def _path(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "*" in value:
        raise ValueError(f"a path cannot contain patterns: {value}; it selects everything below it")
    if not value.startswith("/") or not value.strip("/"):
        raise ValueError(f"expected a path from the root such as /Root/Workloads, not {value!r}")
    return value


def _tag_value(value: Any) -> Any:
    if isinstance(value, str) and "*" in value:
        raise ValueError(f"a tag value cannot contain a pattern: {value}; list the values")
    return value


def _include(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.startswith(("/", "~")) or "\\" in value or ".." in value.split("/"):
        raise ValueError(f"expected files below this one, such as owners.d/*.yaml, not {value}")
    return value


_Json = dict[str, Any]
Provider = Literal["aws", "azure", "gcp", "entra"]
ContactKind = Literal["aws.alternate.security", "azure.security", "gcp.essential.security"]
"""The security contacts of a scope on each cloud."""
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[
    tuple[Name, ...], BeforeValidator(_many, json_schema_input_type=str | list[str]), Field(min_length=1)
]
"""One name or several."""
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=date)]
"""A calendar date; what expires on it expires at the end of the day, UTC."""
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=r"^\d{1,5}[dw]$")]),
]
"""``180d`` or ``26w``."""
OneTeam = Annotated[Name, BeforeValidator(_one_team, json_schema_input_type=str)]
Path = Annotated[Name, BeforeValidator(_path, json_schema_input_type=str)]
Include = Annotated[Name, BeforeValidator(_include, json_schema_input_type=str)]
TagValue = Annotated[Name, BeforeValidator(_tag_value, json_schema_input_type=str)]


class Where(FrozenModel):
    """Selects resources: every key given must match, each by any of its values.

    Resource ids and names are case-sensitive (except on Azure); everything else ignores case.
    """

    provider: Annotated[
        tuple[Provider, ...] | None,
        BeforeValidator(_many, json_schema_input_type=Provider | list[Provider]),
    ] = None
    """A cloud. ``entra`` selects the directories behind Azure subscriptions, which ``azure`` does not."""
    path: Annotated[
        tuple[Path, ...] | None, BeforeValidator(_many, json_schema_input_type=str | list[str])
    ] = None
    """An OU, management group or folder, with everything below it."""
    account: Names | None = None
    """Account, subscription or project ids, in quotes; ``*`` and ``?`` are wildcards."""
    region: Names | None = None
    service: Names | None = None
    """The cloud's service, such as s3."""
    kind: Names | None = None
    """Kinds of resource, such as bucket."""
    tags: Annotated[
        Mapping[
            Name,
            Annotated[
                tuple[TagValue, ...],
                BeforeValidator(_many, json_schema_input_type=str | list[str]),
            ],
        ]
        | None,
        Field(min_length=1),
    ] = None
    """Tags or labels, each with the values that match."""
    resource: Names | None = None
    """Full ids, or their last parts; for owners also names, and patterns with ``*`` and ``?``."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("is empty: remove it, or say what it selects")
        for name in self.model_fields_set:
            if getattr(self, name) in (None, ()):
                raise ValueError(f"{name} is empty: remove it, or say what it selects")
        return self


class AnyOf(FrozenModel):
    """Resources that any of several selections selects."""

    any: Annotated[tuple[Where, ...], Field(min_length=1)]


def _form(value: Any) -> str:
    if isinstance(value, str):
        return "name"
    return "any" if isinstance(value, dict) and "any" in value else "where"


Inline = Annotated[
    Annotated[Where, Tag("where")] | Annotated[AnyOf, Tag("any")],
    Discriminator(lambda value: "any" if _form(value) == "any" else "where"),
]
Selection = Annotated[
    Annotated[Name, Tag("name")] | Annotated[Where, Tag("where")] | Annotated[AnyOf, Tag("any")],
    Discriminator(_form),
]
"""The name of an entry of ``scopes``, or an inline selection."""


class Team(FrozenModel):
    """A team of the customer."""

    name: Name | None = None
    contact: Name | None = None
    slack: Name | None = None
    jira: Name | None = None
    oncall: Name | None = None
    aliases: Names = Field(default=())
    """Other names of the team, as used in tags."""
    status: Literal["active", "disbanded"] = "active"
    disbanded_on: Day | None = None
    """Its last day."""
    proposed: Name | None = None
    """Drafted: what the guess rests on. Until a person removes it, the team owns nothing."""


class ProvidedBy(FrozenModel):
    """The scope of the organisation that provides a common control for others."""

    provider: ProviderName
    account: Name
    """Account, subscription or project id, in quotes."""


class OwnerText(FrozenModel):
    """A line of ``owners``: who is accountable for which controls, and where."""

    id: Name | None = None
    controls: Names
    """Control ids, patterns, domains, or ``*``."""
    where: Selection | None = None
    accountable: OneTeam | None = None
    """The one accountable team."""
    responsible: Names = Field(default=())
    """Who does the work: teams, or parties to contracts."""
    consulted: Names = Field(default=())
    informed: Names = Field(default=())
    claim: Literal["customer", "provider", "third_party"] = "customer"
    """The party that the line makes responsible."""
    contract: Names = Field(default=())
    """The contracts that the line relies on."""
    provided_by: ProvidedBy | None = None
    """Common control: another scope provides it, and the state there is the state here."""
    reviewed: Day | None = None
    approval: Name | None = None
    """Approval of the last review, such as a ticket or a pull request."""
    overrides: Names = Field(default=())
    """Ids of lines that have no effect wherever this one fits."""
    proposed: Name | None = None
    """Drafted: what the guess rests on. Until a person removes it, the line owns nothing."""


class Contract(FrozenModel):
    """A contract with another party."""

    party: Name
    type: Literal["certificate", "managed_service"]
    """A certificate attests the provider's part; a managed service takes over the customer's."""
    ref: Name | None = None
    covers: Names
    sla: Name | None = None
    expires: Day


class AttestationText(FrozenModel):
    """An attestation: what only a person can assert, dated."""

    controls: Names
    where: Selection | None = None
    by: Name
    """The team that attests."""
    made: Day
    expires: Day
    evidence: Name | None = None


class DocumentText(FrozenModel):
    """The provider's documentation of shared responsibility, reviewed for some of its services."""

    provider: ProviderName
    services: Names
    """The cloud's services, such as s3; ``*`` for all."""
    reviewed: Day
    by: Name
    """The team that reviewed it."""
    ref: Name | None = None


class WaiverText(FrozenModel):
    """An exception, or a declaration that controls do not apply.

    Cannot select by tags: anyone who can set tags could waive a control.
    """

    id: Name
    controls: Names
    where: Selection | None = None
    owner: Name
    """The team that bears the risk."""
    approver: Name
    """The team that approved; must differ from the owner."""
    reason: Name
    ticket: Name
    created: Day | None = None
    expires: Day
    compensating: Names = Field(default=())
    """Compensating controls."""


class Sensitive(FrozenModel):
    """The tags that mark sensitive resources."""

    tags: Mapping[Name, Names]


class InferenceSource(FrozenModel):
    """A source of owners where no line of the file names one."""

    from_: Literal["resource_tag", "account_tag", "backstage", "contact"] = Field(alias="from")
    """A tag of the resource or its account, an entity of a Backstage catalog, or the security contacts
    of an account, which are only informed."""
    keys: Names = Field(default=())
    """Tag keys; the first one present decides."""
    domains: Names = INFERRED_DOMAINS
    files: Annotated[tuple[Include, ...], BeforeValidator(_many, json_schema_input_type=str | list[str])] = ()
    """Backstage: the catalog's files, as patterns below this file's folder."""
    annotation: Name = "gapscan/resource"
    """Backstage: the annotation that lists resource ids or names, separated by commas."""
    kinds: Annotated[
        tuple[ContactKind, ...],
        BeforeValidator(_many, json_schema_input_type=ContactKind | list[ContactKind]),
    ] = ()
    """Contact: the kinds of contact."""
    role: Literal["informed"] = "informed"

    @model_validator(mode="after")
    def _keys_match_source(self) -> Self:
        takes = {"backstage": {"files", "annotation"}, "contact": {"kinds", "role"}}.get(self.from_, {"keys"})
        for name in sorted(self.model_fields_set - {"from_", "domains"} - takes):
            raise ValueError(f"{name} does not apply to {self.from_}, which takes {', '.join(sorted(takes))}")
        needed = {"backstage": "files", "contact": "kinds"}.get(self.from_, "keys")
        if not getattr(self, needed):
            raise ValueError(f"{needed} is missing: {self.from_} needs it")
        return self


class Settings(FrozenModel):
    """Settings of the ownership file."""

    review_every: Duration = timedelta(days=180)
    review_grace: Duration = timedelta(days=30)
    max_exception: Duration = timedelta(days=365)
    """The longest time from an exception's creation to its expiry."""
    catch_all_confers_ownership: StrictBool = False
    """Whether ``*`` without ``where`` assigns an owner; otherwise it only names a contact."""
    sensitive: Sensitive | None = None
    inferred: tuple[InferenceSource, ...] = (
        InferenceSource.model_validate({"from": "resource_tag", "keys": ("owner", "team", "app:owner")}),
        InferenceSource.model_validate({"from": "account_tag", "keys": ("owner",)}),
    )


class IncludedText(FrozenModel):
    """An included file: any part of an ownership file except the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="included file of gapscan ownership")

    version: Literal[1] = 1
    include: Annotated[
        tuple[Include, ...], BeforeValidator(_many, json_schema_input_type=str | list[str])
    ] = ()
    """Files that are part of this one, as patterns below its folder, such as ``owners.d/*.yaml``."""
    teams: Mapping[Name, Team] = Field(default={})
    scopes: Mapping[Name, Inline] = Field(default={})
    """Named selections, for use in any ``where``."""
    owners: tuple[OwnerText, ...] = ()
    contracts: Mapping[Name, Contract] = Field(default={})
    documents: tuple[DocumentText, ...] = ()
    """The provider's documents that were reviewed, by service."""
    attestations: tuple[AttestationText, ...] = ()
    exceptions: tuple[WaiverText, ...] = ()
    not_applicable: tuple[WaiverText, ...] = ()
    reviewed: Day | None = None
    """The review date of all lines of this file that have none of their own."""


class OwnershipText(IncludedText):
    """An ownership file: which team is accountable for which controls."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="gapscan ownership file")

    version: Literal[1]
    settings: Settings = Settings()


def schema_json() -> _Json:
    """The JSON Schema of the ownership file, for editors."""
    schema = OwnershipText.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
