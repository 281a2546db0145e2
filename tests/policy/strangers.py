"""Strangers who try policies of AWS: an evaluator that shares nothing with the product's reasoning.

It decides single requests, as IAM does, and plays out many of them: without credentials, or with those of an
account and organisation of the stranger's own; from any address, or through a VPC endpoint of his own;
himself, or through a service that passes on his credentials; with names, tags, sessions, devices and external
ids as he likes, and with tokens of his own tenant at an identity provider. He is let in if one of them
succeeds. Where he is not, a cleverer one might be: the evaluator finds false passes, and proves nothing
closed.

Sources: "Policy evaluation logic", "Condition operators" and "AWS global condition context keys" (IAM user
guide).
"""

from __future__ import annotations

import fnmatch
import ipaddress
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

Context = Mapping[str, Any]
OWN = "111122223333"
STRANGER = "900000000009"
ADDRESSES = ("11.22.33.44", "77.1.2.3", "140.9.8.7", "199.200.201.202", "2600:1f00::1", "2a00:1450::5")
COMBINATIONS = 64
"""Ways of choosing what he chooses that a stranger tries from each place."""


def let_in(
    policy: Mapping[str, Any], action: str, resource: str | None, kinds: Sequence[str]
) -> Context | None:
    """The context of a request that a stranger gets through; ``None`` if he finds none."""
    for kind in kinds:
        for principal, context in requests(policy, kind):
            if allowed(policy, principal, action, resource, context):
                return context
    return None


# One request


def allowed(
    policy: Mapping[str, Any],
    principal: Mapping[str, str],
    action: str,
    resource: str | None,
    context: Context,
) -> bool:
    """Whether the policy allows one request."""
    effects = {
        statement["Effect"]
        for statement in _list(policy["Statement"])
        if _acts(statement, action)
        and (resource is None or _on(statement, resource))
        and _about(statement, principal)
        and all(
            _holds(operator, key.lower(), values, context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    }
    return "Allow" in effects and "Deny" not in effects


def _acts(statement: Mapping[str, Any], action: str) -> bool:
    if "Action" in statement:
        return any(_glob(each.lower(), action.lower()) for each in _list(statement["Action"]))
    return not any(_glob(each.lower(), action.lower()) for each in _list(statement["NotAction"]))


def _on(statement: Mapping[str, Any], resource: str) -> bool:
    if "Resource" in statement:
        return any(_glob(each, resource) for each in _list(statement["Resource"]))
    return not any(_glob(each, resource) for each in _list(statement["NotResource"]))


def _about(statement: Mapping[str, Any], principal: Mapping[str, str]) -> bool:
    if "Principal" in statement:
        return _named(statement["Principal"], principal)
    return not _named(statement["NotPrincipal"], principal)


def _named(names: Any, principal: Mapping[str, str]) -> bool:
    if names == "*":
        return True
    for kind, each in names.items():
        for name in _list(each):
            if kind == "AWS" and (name == "*" or principal.get("account", "-") in name.split(":")):
                return True
            if kind == "Federated" and name == principal.get("provider"):
                return True
    return False


def _holds(operator: str, key: str, values: Any, context: Context) -> bool:
    name = operator.lower()
    qualifier, _, name = name.rpartition(":")
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    found = context.get(key)
    given = [str(value).lower() if isinstance(value, bool) else str(value) for value in _list(values)]
    if name == "null":
        return (found is None) == (given[0].lower() == "true")
    if found is None:
        if if_exists or qualifier == "forallvalues":
            return True
        return qualifier != "foranyvalue" and "not" in name
    each = [_compare(name, value, [_filled(one, context) for one in given]) for value in _list(found)]
    return any(each) if qualifier == "foranyvalue" else all(each)


def _compare(name: str, value: str, given: Sequence[str | None]) -> bool:
    negated = "not" in name
    positive = name.replace("not", "")
    known = [one for one in given if one is not None]
    if positive in ("stringequals", "stringequalsignorecase"):
        same = any(one.lower() == value.lower() if "ignore" in positive else one == value for one in known)
    elif positive == "stringlike":
        same = any(_glob(one, value) for one in known)
    elif positive in ("arnlike", "arnequals"):
        same = any(_arn(one, value) for one in known)
    elif positive == "ipaddress":
        same = any(ipaddress.ip_address(value) in ipaddress.ip_network(one, strict=False) for one in known)
    elif positive == "bool":
        same = any(one.lower() == value.lower() for one in known)
    elif positive == "numericlessthan":
        same = any(float(value) < float(one) for one in known)
    else:
        raise NotImplementedError(name)
    return same != negated


def _filled(value: str, context: Context) -> str | None:
    for variable in re.findall(r"\$\{([^}]*)\}", value):
        found = context.get(variable.lower())
        if not isinstance(found, str):
            return None
        value = value.replace("${" + variable + "}", found)
    return value


def _arn(pattern: str, value: str) -> bool:
    these, those = pattern.split(":", 5), value.split(":", 5)
    return len(these) == len(those) == 6 and all(map(_glob, these, those))


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _glob(pattern: str, value: str) -> bool:
    return _expression(pattern).match(value) is not None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


# Many requests

CHOSEN = (
    "aws:principaltag/", "aws:referer", "aws:useragent", "aws:username", "aws:sourceidentity",
    "sts:externalid",
    "sts:rolesessionname", "s3:x-amz-acl", "s3:prefix", "s3:requestobjecttag/", "aws:requesttag/",
    "kms:encryptioncontext:", "aws:federatedprovider", "aws:principaltype", "aws:vpcsourceip",
)  # fmt: skip
"""Keys, or beginnings of keys, whose values the stranger chooses or leaves out."""
OF_RESOURCE = ("s3:existingobjecttag/", "aws:resourcetag/", "iam:resourcetag/")
"""Keys that the owner of the resource sets, one way or the other."""
FLAGS = ("aws:securetransport", "aws:multifactorauthpresent")
KINDS = ("anonymous", "user", "role")
TOKENS = {
    "token.actions.githubusercontent.com": (
        re.compile(r"repo:([^/:*]+)/[^/:*]+:\S+"), ["repo:stranger/x:ref:refs/heads/main"],
    ),
    "gitlab.com": (
        re.compile(r"project_path:([^/:*]+)/[^:*]+:ref_type:\S+"),
        ["project_path:stranger/x:ref_type:branch:ref:main"],
    ),
    "app.terraform.io": (
        re.compile(r"organization:([^/:*]+):project:\S+"),
        ["organization:stranger:project:p:workspace:w:run_phase:apply"],
    ),
}  # fmt: skip
"""By issuer: the form of a subject, whose first group is the tenant, and a stranger's own."""
TENANT = "acme"
"""The only tenant that the generated policies name."""


def requests(policy: Mapping[str, Any], kind: str) -> Iterator[tuple[Mapping[str, str], Context]]:
    """Requests of one kind of stranger: with an account of his own, without credentials, or with a token."""
    conditions = [
        (operator.lower(), key.lower(), [str(value) for value in _list(values)])
        for statement in _list(policy["Statement"])
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    named = {value for _, _, values in conditions for value in values}
    keys: dict[str, list[str]] = {}
    for _, key, values in conditions:
        keys.setdefault(key, []).extend(values)
    texts = str(policy)
    if kind in TOKENS:
        principal: Mapping[str, str] = {"provider": f"arn:aws:iam::{OWN}:oidc-provider/{kind}"}
        bases: Iterator[dict[str, Any]] = iter([{}])
        choices = dict(_claims(kind, keys))
    else:
        account = next(each for each in _accounts(keys) if each not in texts)
        principal = {} if kind == "anonymous" else {"account": account}
        bases = _identities(kind, account, keys, named)
        choices = {}
    choices |= dict(_choices(keys))
    for base in bases:
        for place in _places(keys, kind != "anonymous" and kind not in TOKENS):
            combined = itertools.product(*choices.values())
            for chosen in itertools.islice(combined, COMBINATIONS):
                context = {**base, **place, "aws:requestedregion": "eu-west-1", "aws:resourceaccount": OWN}
                context |= {
                    key: value for key, value in zip(choices, chosen, strict=True) if value is not None
                }
                yield principal, context


def _identities(
    kind: str, account: str, keys: Mapping[str, Sequence[str]], named: set[str]
) -> Iterator[dict[str, Any]]:
    if kind == "anonymous":
        yield {
            "aws:principalaccount": "anonymous", "aws:userid": "anonymous", "aws:principaltype": "Anonymous",
        }  # fmt: skip
        return
    names = {"x"}
    for value in keys.get("aws:principalarn", ()):
        names.add(_instance(value.rpartition("/")[2], "x"))
    sessions = {"x"} | {_instance(value.partition(":")[2], "x") for value in keys.get("aws:userid", ())}
    mentioned = any("org" in key for key in keys)
    organisations = [None, *(each for each in _organisations(keys) if mentioned and each not in named)]
    for name, session, organisation in itertools.product(
        sorted(names)[:3], sorted(sessions)[:3], organisations[:3]
    ):
        found: dict[str, Any] = {
            "aws:principalaccount": account,
            "kms:calleraccount": account,
            "aws:principalisawsservice": "false",
            "aws:principalarn": f"arn:aws:iam::{account}:{kind}/{name}",
            "aws:userid": "AIDASTRANGER90000009" if kind == "user" else f"AROASTRANGER90000009:{session}",
        }
        if organisation:
            found |= {
                "aws:principalorgid": organisation,
                "aws:principalorgpaths": [f"{organisation}/r-zz99/ou-zz99-99999999/"],
            }
        yield found


def _places(keys: Mapping[str, Sequence[str]], signed: bool) -> Iterator[dict[str, Any]]:
    networks = {
        "aws:sourcevpc": _free(keys.get("aws:sourcevpc", ()), "vpc-0stranger"),
        "aws:sourcevpce": _free(keys.get("aws:sourcevpce", ()), "vpce-0stranger"),
    }
    addresses = ADDRESSES if "aws:sourceip" in keys else ADDRESSES[:1]
    places: list[dict[str, Any]] = [{"aws:sourceip": address} for address in addresses]
    if any(key.startswith(("aws:source", "aws:vpc")) for key in keys):
        places += [
            {"aws:sourcevpc": vpc, "aws:sourcevpce": endpoint, "aws:vpceaccount": STRANGER}
            for vpc, endpoint in itertools.product(*networks.values())
        ]
    services = keys.get("kms:viaservice", ("athena.eu-west-1.amazonaws.com",))
    signed = signed and any("via" in key for key in keys)
    for place in places:
        yield {**place, "aws:viaawsservice": "false"}
        if signed:
            for service in services:
                yield {
                    **place,
                    "aws:viaawsservice": "true",
                    "aws:calledvia": [*keys.get("aws:calledvia", ("athena.amazonaws.com",))],
                    "kms:viaservice": _instance(service, "s3"),
                }


def _choices(keys: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[str | None]]]:
    for key, values in keys.items():
        if key in FLAGS:
            yield key, ["true", "false", *([None] if "multi" in key else [])]
        elif key == "aws:multifactorauthage":
            yield key, ["1", None]
        elif key.startswith((*CHOSEN, *OF_RESOURCE)):
            found = dict.fromkeys(_instance(value, "x") for value in values)
            yield key, [*list(found)[:3], "something else", None]


def _claims(issuer: str, keys: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[str | None]]]:
    form, own = TOKENS[issuer]
    subjects = list(own)
    for value in keys.get(f"{issuer}:sub", ()):
        for star in (
            "",
            "x",
            "-evil/x:y",
            "/x:environment:prod",
            "repo:stranger/x",
            "stranger/x",
            "stranger",
            "x:y",
        ):
            subjects.append(_instance(value, star))
    stranger = [each for each in dict.fromkeys(subjects) if (m := form.fullmatch(each)) and m[1] != TENANT]
    yield f"{issuer}:sub", list(stranger)
    audiences = [_instance(value, "x") for value in keys.get(f"{issuer}:aud", ())]
    yield f"{issuer}:aud", [*dict.fromkeys([*audiences, "sts.amazonaws.com", "other"])]
    for claim in ("ref", "environment"):
        if f"{issuer}:{claim}" in keys:
            yield f"{issuer}:{claim}", [_instance(keys[f"{issuer}:{claim}"][0], "x"), None]


def _instance(pattern: str, star: str) -> str:
    """A text that the pattern matches."""
    return pattern.replace("*", star).replace("?", "q")


def _free(values: Sequence[str], own: str) -> list[str]:
    """Networks of his own, those with a name that a pattern matches among them."""
    return [*(_instance(each, "0stranger") for each in values if "*" in each or "?" in each), own]


def _accounts(keys: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for key in ("aws:principalaccount", "kms:calleraccount"):
        for value in keys.get(key, ()):
            if "*" in value:
                yield value.replace("*", "9" * (13 - len(value)))
    yield STRANGER


def _organisations(keys: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield "o-stranger99"
    for key in ("aws:principalorgid", "aws:principalorgpaths"):
        for value in keys.get(key, ()):
            first = value.split("/")[0]
            if "*" in first and first.startswith("o-"):
                yield first.replace("*", "stranger99")
