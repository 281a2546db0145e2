"""The statements of an S3 bucket policy: to whom each applies, and what it grants or denies.

Evaluates the policy text alone. The result is "not everyone" only where the text proves it; whatever cannot
be evaluated is undecided.

Sources: "The meaning of public" in "Blocking public access to your Amazon S3 storage" (S3 user guide);
IAM JSON policy elements: Principal, NotPrincipal, Condition operators and missing keys (IAM user guide).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Part = Literal["read", "write", "other"]
"""``read``: list or read objects. ``write``: create, change or delete objects, or change permissions.
``other``: anything else, such as reading the bucket's settings."""
Reach = Literal["everyone", "undecided", "named"]

READING = frozenset(
    {
        "s3:getobject",
        "s3:getobjecttorrent",
        "s3:getobjectversion",
        "s3:getobjectversiontorrent",
        "s3:listbucket",
        "s3:listbucketversions",
    }
)
WRITING = frozenset(
    {
        "s3:deletebucket",
        "s3:deletebucketpolicy",
        "s3:deleteobject",
        "s3:deleteobjectversion",
        "s3:putbucketacl",
        "s3:putbucketownershipcontrols",
        "s3:putbucketpolicy",
        "s3:putbucketpublicaccessblock",
        "s3:putlifecycleconfiguration",
        "s3:putobject",
        "s3:putobjectacl",
        "s3:putobjectversionacl",
        "s3:putreplicationconfiguration",
        "s3:replicatedelete",
        "s3:replicateobject",
    }
)

RESTRICTING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpcarn",
        "aws:sourcevpce",
        "aws:userid",
        "aws:vpceaccount",
        "aws:vpceorgid",
        "aws:vpceorgpaths",
    }
)
"""Condition keys whose fixed value identifies a principal or a location: the public cannot meet it."""
DELEGATING = frozenset({"s3:dataaccesspointaccount", "s3:dataaccesspointarn"})
"""Condition keys that delegate access control to access points and their policies."""
ENCRYPTION_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
"""Anyone can name the key in a request; the key policy decides who may use it."""
ANYONE_CAN = frozenset(
    {
        "aws:referer",
        "aws:securetransport",
        "aws:useragent",
        "s3:authtype",
        "s3:delimiter",
        "s3:max-keys",
        "s3:prefix",
        "s3:signatureversion",
        "s3:tlsversion",
    }
)
"""Condition keys that the sender of a request chooses, besides those with a prefix in ``SENT``."""
SENT = ("s3:requestobjecttag", "s3:x-amz-")
"""Condition keys of a request's headers and tags (Service Authorization Reference, Amazon S3)."""

POSITIVE = frozenset(
    {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
)
NEGATED = frozenset(
    {
        "stringnotequals",
        "stringnotequalsignorecase",
        "stringnotlike",
        "arnnotequals",
        "arnnotlike",
        "notipaddress",
    }
)
ELEMENTS = frozenset(
    {
        "sid",
        "effect",
        "principal",
        "notprincipal",
        "action",
        "notaction",
        "resource",
        "notresource",
        "condition",
    }
)
WIDEST_IPV4 = 8
WIDEST_IPV6 = 32
"""Shorter prefixes count as the internet, not as a set of known addresses."""


@dataclass(frozen=True)
class Condition:
    """One operator with a key and its values; all conditions of a statement must hold."""

    operator: str
    """Lower case, without qualifier and ``IfExists``."""
    qualifier: str
    """``foranyvalue``, ``forallvalues`` or empty."""
    if_exists: bool
    key: str
    """Lower case."""
    values: tuple[str, ...]

    @property
    def fixed(self) -> bool:
        """Whether the values identify specific principals or locations, rather than match by a pattern."""
        names = self.key in RESTRICTING | DELEGATING
        return names and bool(self.values) and all(map(self._fixed, self.values))

    @property
    def chosen(self) -> bool:
        """Whether the sender of a request chooses the key's value."""
        return self.key in ANYONE_CAN or self.key.startswith(SENT)

    @property
    def delegates(self) -> bool:
        """Whether it gives access through certain access points."""
        return self.key in DELEGATING and self.operator in POSITIVE and self.fixed

    def _fixed(self, value: str) -> bool:
        if "${" in value:
            return False
        if self.key == "aws:sourceip":
            network = ipaddress.ip_network(value, strict=False)
            return network.prefixlen >= (WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6)
        if self.key == "s3:dataaccesspointarn":
            # S3 accepts a wildcard for the access point's name, as long as the account is fixed.
            return re.fullmatch(r"arn:[\w-]+:s3:[^:]*:\d{12}:.+", value) is not None
        if self.key.endswith("orgpaths"):
            return re.match(r"o-[a-z0-9]+/", value) is not None
        return not set(value) & set("*?")

    @property
    def reach(self) -> Reach:
        """Who can meet the condition of an Allow statement."""
        # Every request has a source address; an anonymous request lacks the other keys.
        optional = self.if_exists and self.key != "aws:sourceip"
        if self.chosen and self.key != ENCRYPTION_KEY:
            return "everyone"
        if self.key not in RESTRICTING | DELEGATING or self.qualifier == "forallvalues":
            return "undecided"
        if self.operator in NEGATED or (self.operator in POSITIVE and optional):
            return "everyone"
        if self.operator not in POSITIVE:
            return "undecided"
        if self.key == "aws:sourceip" and not self.fixed:
            return "everyone"
        return "named" if self.fixed and self.key in RESTRICTING else "undecided"

    @property
    def met_by_public(self) -> bool:
        """Whether a request from the public always meets the condition of a Deny statement.

        Not where the sender chooses the value, nor for keys of access points.
        """
        if self.operator == "bool":
            # Anonymous requests lack these keys, so only IfExists meets them.
            service = self.key in ("aws:principalisawsservice", "aws:viaawsservice")
            return service and self.if_exists and self.values == ("false",)
        names = self.key in RESTRICTING and self.fixed
        return self.operator in NEGATED and not self.qualifier and names


@dataclass(frozen=True)
class BucketStatement:
    """One statement of a bucket, key or queue policy."""

    allow: bool
    principal: Reach
    principals: tuple[tuple[str, str], ...]
    """The principals by type in lower case and name; for everyone ``("aws", "*")``."""
    all_but_principals: bool
    """It applies to everyone except the principals (NotPrincipal)."""
    actions: tuple[str, ...]
    """Patterns in lower case."""
    all_but: bool
    """It applies to every action except these (NotAction)."""
    resources: tuple[str, ...]
    """Patterns; empty for NotResource."""
    conditions: tuple[Condition, ...]

    @property
    def reach(self) -> Reach:
        """To whom an Allow statement applies."""
        reaches = {self.principal, *(condition.reach for condition in self.conditions)}
        if "named" in reaches:
            return "named"
        return "undecided" if "undecided" in reaches else "everyone"

    @property
    def parts(self) -> frozenset[Part]:
        """What an Allow statement grants, or a Deny statement restricts."""
        if self.all_but:
            return frozenset({"other", *self._not_excluded({"read": READING, "write": WRITING})})
        return frozenset(part for action in self.actions for part in _parts(action))

    @property
    def delegates(self) -> bool:
        """Whether an Allow statement delegates to the policies of access points."""
        return self.reach == "undecided" and any(condition.delegates for condition in self.conditions)

    @property
    def may_deny_public(self) -> bool:
        """Whether a Deny statement may deny something to the public, whatever they send."""
        avoidable = any(condition.chosen for condition in self.conditions)
        return not self.allow and not avoidable and (self.principal != "named" or self.all_but_principals)

    def _not_excluded(self, groups: Mapping[Part, frozenset[str]]) -> Iterator[Part]:
        for part, names in groups.items():
            if not all(any(matches(pattern, name) for pattern in self.actions) for name in names):
                yield part

    @property
    def denies_all_actions(self) -> bool:
        """Whether it denies everyone every S3 action when its conditions hold."""
        everything = not self.all_but and bool({"*", "s3:*"} & set(self.actions))
        return not self.allow and self.principal == "everyone" and everything

    def covers(self, *arns: str) -> bool:
        """Whether the resources include each ARN."""
        return all(any(matches(pattern, arn) for pattern in self.resources) for arn in arns)


def parse(policy: str) -> tuple[BucketStatement, ...]:
    """The statements of a policy. Raises :class:`ValueError` for anything that is not a policy."""
    document = json.loads(policy, object_pairs_hook=_once)
    if not isinstance(document, dict) or "statement" not in document:
        raise ValueError("a policy without statements")
    statements = document["statement"]
    return tuple(map(_statement, statements if isinstance(statements, list) else [statements]))


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Element names, operators and condition keys are case-insensitive and may occur only once."""
    found = {key.lower(): value for key, value in pairs}
    if len(found) != len(pairs):
        raise ValueError("an element occurs twice")
    return found


def _statement(value: Any) -> BucketStatement:
    if not isinstance(value, dict) or value.keys() - ELEMENTS:
        raise ValueError("a statement with unknown elements")
    effect = value.get("effect")
    if effect not in ("Allow", "Deny"):
        raise ValueError("a statement without effect")
    allow = effect == "Allow"
    if ("action" in value) == ("notaction" in value) or ("resource" in value) == ("notresource" in value):
        raise ValueError("a statement without actions or resources")
    actions = texts(value["action"] if "action" in value else value["notaction"])
    return BucketStatement(
        allow=allow,
        principal=_principal(value, allow),
        principals=_principals(value),
        all_but_principals="notprincipal" in value,
        actions=tuple(action.lower() for action in actions),
        all_but="notaction" in value,
        resources=texts(value["resource"]) if "resource" in value else (),
        conditions=tuple(conditions(value.get("condition", {}))),
    )


def _principal(value: Mapping[str, Any], allow: bool) -> Reach:
    if ("principal" in value) == ("notprincipal" in value):
        raise ValueError("a statement without principal")
    if "notprincipal" in value:
        # For an Allow, NotPrincipal reaches everyone; for a Deny, it does not reach all of them.
        return "everyone" if allow else "named"
    principal = value["principal"]
    if principal == "*":
        return "everyone"
    if not isinstance(principal, dict) or not principal:
        raise ValueError("a principal with an unknown format")
    reaches = {_named(kind, name) for kind, names in principal.items() for name in texts(names)}
    for reach in ("everyone", "undecided"):
        if reach in reaches:
            return reach
    return "named"


def _principals(value: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    principals = value["notprincipal" if "notprincipal" in value else "principal"]
    if principals == "*":
        return (("aws", "*"),)
    if not isinstance(principals, dict) or not principals:
        raise ValueError("a principal with an unknown format")
    return tuple((kind, name) for kind, names in principals.items() for name in texts(names))


def _named(kind: str, name: str) -> Reach:
    if kind == "aws" and name == "*":
        return "everyone"
    # An identity provider can be open to everyone; which of its users are meant is defined elsewhere.
    return "undecided" if "*" in name or kind not in ("aws", "service", "canonicaluser") else "named"


def conditions(value: Any) -> Iterator[Condition]:
    """The conditions of a statement, with all names in lower case. Raises :class:`ValueError`."""
    if not isinstance(value, dict):
        raise ValueError("a condition with an unknown format")
    for operator, keys in value.items():
        if not isinstance(keys, dict):
            raise ValueError("a condition with an unknown format")
        qualifier, _, name = operator.rpartition(":")
        for key, values in keys.items():
            yield Condition(
                operator=name.removesuffix("ifexists"),
                qualifier=qualifier,
                if_exists=name.endswith("ifexists"),
                key=key,
                values=tuple(map(_text, values if isinstance(values, list) else [values])),
            )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("a value with an unknown format")


def texts(value: Any) -> tuple[str, ...]:
    """One string or a list of strings. Raises :class:`ValueError` for anything else."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise ValueError("a value with an unknown format")
    return tuple(values)


def _parts(pattern: str) -> Iterator[Part]:
    """What an action pattern grants. An unlisted action is classified by its verb."""
    reads = any(matches(pattern, name) for name in READING)
    writes = any(matches(pattern, name) for name in WRITING)
    if reads:
        yield "read"
    if writes:
        yield "write"
    if not reads and not writes:
        yield "other" if re.match(r"s3:(get|list|head|describe)", pattern) else "write"
    elif "*" in pattern or "?" in pattern:
        yield "other"


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of ``*`` and ``?`` matches the whole text, in O(pattern × text) time."""
    at = place = 0
    star = resume = -1
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")
