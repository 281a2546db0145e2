"""gapscan.yaml: what to scan, with which files, and how strictly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr

from scanner.assess.expected_unknowns import ExpectedUnknown
from scanner.base.models import FrozenModel
from scanner.base.yaml import Document, DocumentError, Problem, read
from scanner.collect.provider import ConnectionRequest
from scanner.ownership.file.schema import Inline


class AwsTarget(FrozenModel):
    """One AWS account."""

    provider: Literal["aws"]
    account: str | None = Field(default=None, pattern=r"^\d{12}$")
    """The account that the credentials must belong to; otherwise the target is not reached."""
    profile: str | None = None
    role: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")
    """A role to assume first."""
    regions: tuple[str, ...] = ()


class AzureTarget(FrozenModel):
    """Azure subscriptions that one identity can read."""

    provider: Literal["azure"]
    subscriptions: tuple[str, ...] = ()
    """Ids; empty: every subscription that the identity can see."""
    regions: tuple[str, ...] = ()


class GcpTarget(FrozenModel):
    """Google Cloud projects that one identity can read."""

    provider: Literal["gcp"]
    projects: tuple[str, ...] = ()
    """Project ids; empty: the project that the credentials name."""
    regions: tuple[str, ...] = ()


Target = Annotated[Union[AwsTarget, AzureTarget, GcpTarget], Field(discriminator="provider")]  # noqa: UP007


class ScopeText(FrozenModel):
    """A scope's path and tags as stated by the user; ownership lines select by them if unread."""

    path: str | None = Field(default=None, pattern="^/")
    tags: Mapping[str, str] | None = None


def _gate(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, dict) and value):
        return value
    raise ValueError("expected a gate such as ownership, or gates by scope such as {default: ownership}")


class Config(FrozenModel):
    """The configuration file. Paths in it are relative to the file; options of the command line win."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="gapscan configuration")

    version: Literal[1]
    targets: tuple[Target, ...] = ()
    ownership: str | None = None
    rules: tuple[str, ...] = ()
    """Rule packs: folders, or ``builtin``."""
    gate: Annotated[
        str | Annotated[Mapping[str, str], Field(min_length=1)] | None, BeforeValidator(_gate)
    ] = None
    """``ownership``, ``posture``, ``strict`` or ``none``; or one of these, or a gate spelled out, for each
    named scope. The first scope that matches decides, ``default`` where none does."""
    selections: Mapping[str, Inline] = {}
    """Named scopes for ``gate`` and ``--where``, as under ``scopes`` of the ownership file. Names from
    there may be used too."""
    fail_on: str | None = None
    max_unknown: int | None = Field(default=None, ge=0)
    baseline: str | None = None
    scopes: Mapping[str, ScopeText] = {}
    """By account, subscription or project id."""
    expected_unknowns: tuple[ExpectedUnknown, ...] = ()
    """What cannot be read and why, each with an owner and an expiry: outside the budget, always printed."""
    report: tuple[str, ...] = ()
    """``FORMAT`` or ``FORMAT=PATH``."""
    timeout: float | None = Field(default=None, gt=0)
    """The maximum time to wait for an answer, in seconds."""
    _document: Document | None = PrivateAttr(default=None)

    def mistake(self, message: str, *loc: str | int) -> DocumentError:
        """A mistake at a location in the file, to raise."""
        if self._document is None:
            return DocumentError([Problem("gapscan.yaml", 1, message)])
        return self._document.error(message, *loc)


def load_config(path: Path) -> Config:
    """Reads gapscan.yaml, with its paths made absolute. Raises :class:`DocumentError`."""
    document = read(path)
    config = document.validate(Config)
    folder = path.absolute().parent
    changed: dict[str, Any] = {
        "rules": tuple(rule if rule == "builtin" else str(folder / rule) for rule in config.rules),
        "report": tuple(_beside(folder, entry) for entry in config.report),
    }
    for name in ("ownership", "baseline"):
        if (value := getattr(config, name)) is not None:
            changed[name] = str(folder / value)
    loaded = config.model_copy(update=changed)
    loaded._document = document
    return loaded


def _beside(folder: Path, report: str) -> str:
    form, sign, path = report.partition("=")
    return f"{form}={folder / path}" if sign and path else report


def connections(config: Config) -> Iterator[ConnectionRequest]:
    """What the targets of the file ask to connect to."""
    for target in config.targets:
        if isinstance(target, AwsTarget):
            scopes = (target.account,) if target.account is not None else ()
            yield ConnectionRequest("aws", scopes, target.profile, target.role, target.regions)
        elif isinstance(target, AzureTarget):
            yield ConnectionRequest("azure", target.subscriptions, regions=target.regions)
        else:
            yield ConnectionRequest("gcp", target.projects, regions=target.regions)
