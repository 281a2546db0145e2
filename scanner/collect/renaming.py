"""Renaming in recorded answers: the domains of people and, if wanted, the names of resources.

Done at the end of a recording, since a name may occur before it is known to be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from scanner.collect.redaction import VALUES_OF_PAIRS, WORDS, words


class Renaming:
    """Replaces domains of people and, if wanted, names of resources, wherever they occur in a recording.

    The domain with the most addresses becomes ``example.com``, the others ``domain-2.example.com`` …, since
    who is inside a company and who is outside is evidence. Names become ``name-1`` …; one that is also a word
    of the cloud's API, such as ``default``, remains.
    """

    def __init__(self, values: Iterable[Any], domains: Mapping[str, int], names: bool) -> None:
        self._whole: dict[str, list[tuple[str, str]]] = {}
        """By the first word, in lower case: what begins with it and its replacement, the longest first."""
        self._exact: frozenset[str] = frozenset()
        found: dict[str, str] = {}
        everything = list(values)
        ranked = sorted(domains, key=lambda one: (-domains[one], one))
        taken = any(_has_example(value) for value in everything)
        for number, domain in enumerate(ranked, start=1):
            new = "example.com" if number == 1 and not taken else f"domain-{number}.example.com"
            found[domain] = new
            found[domain.replace(".", "_")] = new.replace(".", "_")
        if names:
            vocabulary = set(_STOP)
            for value in everything:
                vocabulary.update(_words_of(value))
            known = {name for value in everything for name in (*_names_in(value), *_names_in_ids(value))}
            chosen = sorted({name.lower() for name in known} - vocabulary - found.keys())
            self._exact = frozenset(name for name in known if name.isalpha())
            for number, name in enumerate(chosen, start=1):
                found[name] = found[quote(name, safe="").lower()] = f"name-{number}"
        for text, new in sorted(found.items(), key=lambda pair: -len(pair[0])):
            first = _RUNS.search(text)
            if first is not None:
                self._whole.setdefault(first[0], []).append((text[first.start() :], new))

    def apply(self, value: Any) -> Any:
        """A copy of the JSON value with the replacements; keys are names of fields unless they are ids."""
        if not self._whole:
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {
                (self._text(key) if "/" in key or "@" in key else key): self.apply(each)
                for key, each in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.apply(each) for each in value]
        return value

    def _text(self, text: str) -> str:
        lower = text.lower()
        if len(lower) != len(text):
            return text  # some capital letters have two small ones; no cloud allows them in names
        parts: list[str] = []
        end = 0
        for run in _RUNS.finditer(lower):
            start = run.start()
            if start < end or run[0].startswith("%"):
                continue
            for old, new in self._whole.get(run[0], ()):
                after = start + len(old)
                if not lower.startswith(old, start) or (after < len(lower) and lower[after].isalnum()):
                    continue
                if (
                    old.isalpha()
                    and not any(sign in text for sign in "/:@")
                    and text[start:after] not in self._exact
                ):
                    continue  # a word like Standard, which is also a name in small letters
                parts += text[end:start], new
                end = after
                break
        return "".join((*parts, text[end:])) if parts else text


_REFERENCE = re.compile("/|[a-z]+://|projects/|arn:")
_ALPHABETIC = re.compile("[a-z]+")
_RUNS = re.compile(r"%[0-9a-f]{2}|[^\W_]+")
_STOP = words(
    "account accounts admin alias all allow any arn assumed-role aws azure bucket cluster current custom "
    "database deny disk ecs eks enabled event false function gapscan gcp global group groups iam image "
    "instance key kms lambda log-group main master microsoft name network none null organizations owner "
    "person policy private project projects providers public queue rds redacted region resource "
    "resourcegroups role root secret security-group service snapshot sts subnet subscription subscriptions "
    "system table target topic trail true unknown user users value volume vpc"
)
_NAME_LISTS = frozenset({"accountaliases", "clusters"})
_NO_NAMES = tuple(
    words(
        "attributename categoryname dbname devicename dnsname domainname enginename eventname fieldname "
        "hostname imagename keyname masterusername methodname metricname operationname optionname "
        "parametername productname recordname regionname resourcename servicename settingname skuname "
        "tiername typename userprincipalname zonename"
    )
)
"""Ends of keys."""
_SETTINGS = frozenset({"filter", "filters", "parameters", "plan", "sku", "databaseflags"})
"""Parents of entries whose names are those of settings."""
_CATEGORIES = words(
    "action algorithm category class effect engine family format kind level location mode origin platform "
    "protocol region runtime schema sku spec state status tier type usage version zone"
)
"""The last word of keys whose values are words of the cloud's API."""
_OWN = re.compile(
    r".*(?:\.googleapis\.com|\.amazonaws\.com)|(?:.*/)?(?:policies|constraints|roles|alias/aws|aws)/.*|aws-.*|default.*|_.*|AWS(?:Reserved|Service|SSO_).*"
    r"|[a-z]+://.*|.*@.*|[0-9a-f]{8}-[0-9a-f-]{27}|[a-z]+-[0-9a-f]{8,17}|.*[*?$].*|(?:name|person|REDACTED)-\d+",
    re.IGNORECASE | re.DOTALL,
)
"""Names that the cloud itself gave, and texts that are no names."""
_LONGEST_NAME = 256
_LONGEST_ID = 2048
_ARN = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):[a-z0-9-]*:(\d{12}|):([^\s\"',;\]})]+)")
_AZURE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourcegroups/([^/\s\"',?]+)(?:/providers/([^\s\"',?]+))?", re.IGNORECASE
)


def _names_in(value: Any, parent: str = "") -> Iterator[str]:
    """The names of resources in an answer, found by the names of the fields."""
    if isinstance(value, (list, tuple)):
        for each in value:
            if isinstance(each, str):
                if parent.lower() in _NAME_LISTS or (
                    parent.lower().endswith("names") and _is_name(parent.lower()[:-1])
                ):
                    yield from _name(each)
            else:
                yield from _names_in(each, parent)
    elif isinstance(value, Mapping):
        pair = any(key in value for key in VALUES_OF_PAIRS) or "Values" in value
        category = parent in _SETTINGS or _last_word(parent) in _CATEGORIES
        if pair and value.get("Key", value.get("key")) == "Name":
            yield from _name(value.get("Value", value.get("value")))
        resource = not pair and not category and not _is_own(value)
        for key, each in value.items():
            if not isinstance(each, str):
                yield from _names_in(each, key)
            elif resource and _is_name(key.lower()):
                yield from _name(each)


def _is_name(key: str) -> bool:
    """Whether a key in lower case is that of a resource's name."""
    return key == "bucket" or (key.endswith(("name", "identifier")) and not key.endswith(_NO_NAMES))


def _last_word(key: str) -> str:
    parts = WORDS.findall(key)
    return parts[-1].lower() if parts else ""


def _names_in_ids(value: Any) -> Iterator[str]:
    """The names in the ids of resources: those of AWS and Azure consist of them."""
    if isinstance(value, str):
        for service, account, path in _ARN.findall(value):
            steps = re.split("[/:]", path)
            if service == "s3":
                yield from _name(steps[0])
            elif account and service != "organizations" and not _OWN.fullmatch(path):
                for step in steps[1:] or steps:
                    if "." not in step:  # not the host of an identity provider
                        yield from _name(step)
        for group, kinds in _AZURE.findall(value):
            yield from _name(group)
            for resource in re.split("/providers/", kinds, flags=re.IGNORECASE):
                for name in resource.split("/")[2::2]:
                    yield from _name(name)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _names_in_ids(each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _names_in_ids(key)
            yield from _names_in_ids(each)


def _is_own(value: Mapping[str, Any]) -> bool:
    """Whether the cloud itself defines what the mapping describes."""
    properties = value.get("properties")
    if isinstance(properties, Mapping) and ("value" in properties or _is_own(properties)):
        return True
    if value.get("isBuiltIn") is True or "BuiltInRole" in (value.get("type"), value.get("roleType")):
        return True
    return any(isinstance(each, str) and ":iam::aws:" in each for each in value.values())


def _name(value: Any) -> Iterator[str]:
    if not isinstance(value, str) or len(value) > _LONGEST_ID or _OWN.fullmatch(value):
        return
    last = value if " " in value else value.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    if _OWN.fullmatch(last):
        return
    last = last.strip("-._$ ")
    if 3 <= len(last) <= _LONGEST_NAME and any(sign.isalpha() for sign in last):
        yield last


def _words_of(value: Any, key: str = "") -> Iterator[str]:
    """The words of the cloud's API in an answer, in lower case."""
    if isinstance(value, str):
        lower = value.lower()
        if key == "path":
            yield from _kinds_in(lower)
        elif key in ("call", "query"):
            yield from _ALPHABETIC.findall(lower)
        elif _last_word(key).removesuffix("s") in _CATEGORIES and not _REFERENCE.match(lower):
            yield lower
            yield from re.split("[/.:]", lower)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _words_of(each, key)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield name.lower()
            # {State: {Name: running}}
            yield from _words_of(each, key if name.lower() == "name" else name)


def _kinds_in(path: str) -> Iterator[str]:
    """The kinds of resources in a path, where kinds and names alternate, and the services before them."""
    for number, steps in enumerate(path.strip("/").split("/providers/")):
        parts = steps.removeprefix("providers/").split("/")
        if number or steps.startswith("providers/"):
            yield from (parts[0], *parts[0].split("."))
            parts = parts[1:]
        yield from parts[::2]


def _has_example(value: Any) -> bool:
    """Whether an address of ``example.com`` occurs."""
    if isinstance(value, str):
        return "@example.com" in value.lower()
    if isinstance(value, Mapping):
        return any(_has_example(each) for each in value.values())
    return isinstance(value, (list, tuple)) and any(_has_example(each) for each in value)
