"""Drafts a first ownership file from a scan: every line and team is a proposal, which owns nothing.

A guess must not make a gate pass: whoever removes the mark `proposed` of a line says that it is right.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from scanner.base.counts import many
from scanner.base.terminal import printable
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from scanner.model.resources.account import Account
from scanner.model.resources.base import Resource
from scanner.model.resources.identity import Tenant
from scanner.ownership.file.schema import INFERRED_DOMAINS, Settings

_MAJORITY = 0.5
"""The share of an account's tagged resources that must name the same owner for it to be the guess."""
_MAX_COMMENT = 60


@dataclass
class _Scope:
    """A scope, and the owner tags of its resources."""

    resource: Account | Tenant
    owners: Counter[str] = field(default_factory=Counter)
    """Number of resources by owner tag, as written."""
    untagged: int = 0
    unread: int = 0


@dataclass
class _Teams:
    """Teams found in tags and names, by id."""

    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    why: dict[str, str] = field(default_factory=dict)

    def of(self, name: str, why: str) -> str:
        """The id of the team with this name."""
        id = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "team"
        self.names[id].add(name)
        self.why.setdefault(id, why)
        return id


def draft(inventory: Inventory, domains: Sequence[str], today: date) -> str:
    """The text of the file. It is valid as it is, and each proposal says what it rests on."""
    scopes = _scopes(inventory)
    teams = _Teams()
    for _, scope in sorted(scopes.items()):
        for name, number in sorted(scope.owners.items()):
            teams.of(name, f"the owner tag of {many(number, 'resource')} in {scope.resource.name}")
    lines = [line for _, scope in sorted(scopes.items()) for line in _owner(scope, teams, domains)]
    return "\n".join([*_header(today), *_team_lines(teams), "owners:", *lines, *_EXAMPLES, ""])


def _scopes(inventory: Inventory) -> dict[tuple[str, str], _Scope]:
    found: dict[tuple[str, str], _Scope] = {
        (one.provider, one.scope): _Scope(one)
        for one in inventory.of(Account.kind, Tenant.kind)
        if isinstance(one, Account | Tenant)
    }
    keys = [key for source in Settings().inferred if source.from_ == "resource_tag" for key in source.keys]
    for resource in inventory.resources:
        scope = found.get((resource.provider, resource.scope))
        if scope is None or isinstance(resource, Account | Tenant):
            continue
        if isinstance(resource.tags, Unknown):
            scope.unread += 1
        elif (name := _tag(resource, keys)) is not None:
            scope.owners[name] += 1
        else:
            scope.untagged += 1
    return found


def _tag(resource: Resource, keys: Sequence[str]) -> str | None:
    """The first owner tag, as written."""
    if isinstance(resource.tags, Unknown):
        return None
    folded = {key.lower(): value.strip() for key, value in resource.tags.items()}
    return next((folded[key] for key in keys if folded.get(key)), None)


def _header(today: date) -> list[str]:
    return [
        "# Draft: which team is accountable for which controls. Every team and line is a proposal, and says",
        "# what it rests on. A proposal owns nothing: correct it, then remove `proposed` to accept it. Check",
        "# the file with: gapscan ownership lint ownership.yaml",
        "version: 1",
        f"reviewed: {today.isoformat()}",
    ]


_EXAMPLES = [
    "# Controls that another team owns everywhere:",
    "#  - {controls: [log], accountable: TEAM}",
    "# The provider's controls, backed by its certificate:",
    '#  - {controls: ["plat.*"], claim: provider, contract: aws-soc2, accountable: TEAM}',
    "# contracts:",
    "#   aws-soc2: {party: aws, type: certificate, covers: [plat], expires: YYYY-MM-DD}",
]


def _team_lines(teams: _Teams) -> Iterator[str]:
    yield "teams:"
    for id, names in sorted(teams.names.items()):
        aliases = sorted(name for name in names if name.strip().lower() != id)
        fields = [f"aliases: [{', '.join(map(json.dumps, aliases))}]"] if aliases else []
        fields.append(f"proposed: {_quoted(teams.why[id])}")
        yield f"  {json.dumps(id)}: {{{', '.join(fields)}}}  # add its contact"


def _owner(scope: _Scope, teams: _Teams, domains: Sequence[str]) -> Iterator[str]:
    account = scope.resource
    if isinstance(account, Tenant):
        team = teams.of("identity", "placeholder: the directory needs an owner")
        where, controls = "{provider: entra}", "[iam]"
        why = f"the directory {account.name} has no owner tag"
    else:
        name, why = _best(scope)
        team = teams.of(name, why)
        where = f"{{provider: {account.provider}, account: {json.dumps(account.scope)}}}"
        # A line takes precedence over tags, so domains that owner tags cover are left to the tags.
        listed = [domain for domain in domains if not scope.owners or domain not in INFERRED_DOMAINS]
        controls = f"[{', '.join(listed)}]"
    yield f"  # {_comment(account.name)}:"
    if scope.owners:
        yield f"  # {', '.join(INFERRED_DOMAINS)} are left to the owner tags of its resources."
    if scope.unread:
        yield f"  # The tags of {many(scope.unread, 'resource')} could not be read."
    if isinstance(account, Account) and isinstance(account.security_contacts, tuple):
        for contact in account.security_contacts[:3]:
            yield f"  # Security contact: {_comment(contact)}."
    line = f"controls: {controls}, where: {where}, accountable: {json.dumps(team)}"
    yield f"  - {{{line}, proposed: {_quoted(why)}}}"


def _best(scope: _Scope) -> tuple[str, str]:
    """The most likely team of an account, and why."""
    keys = [key for source in Settings().inferred if source.from_ == "account_tag" for key in source.keys]
    if (tagged := _tag(scope.resource, [*keys, "team"])) is not None:
        return tagged, "the account's owner tag"
    if scope.owners:
        name, number = min(scope.owners.items(), key=lambda pair: (-pair[1], pair[0]))
        every = sum(scope.owners.values())
        if number > _MAJORITY * every:
            return name, f"{number} of {many(every, 'tagged resource')} name it"
    return scope.resource.name, "the account's name, as nothing names an owner"


def _quoted(why: str) -> str:
    """What a proposal rests on, as a YAML scalar."""
    return json.dumps(_comment(why), ensure_ascii=False)


def _comment(text: str) -> str:
    """Text from the cloud on one line, shortened."""
    shown = printable(text)
    return shown if len(shown) <= _MAX_COMMENT else shown[:_MAX_COMMENT] + "…"
