"""Redaction of recorded answers: secrets and people are replaced before anything is kept.

The same text is always replaced by the same one, so that a recording remains consistent: a request that
repeats part of an answer is found again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

SECRET = "REDACTED"


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = words(
    "authorization cookie credential credentials passcode passphrase passwd password passwords pwd sas "
    "secret secrets signature token tokens"
)
_SECRET_PAIRS = frozenset(
    {
        *(
            (owner, "key")
            for owner in words(
                "access account api license master primary private secondary shared signing ssh storage"
            )
        ),
        *((owner, "keys") for owner in words("access account api private shared ssh windows")),
        *((owner, "data") for owner in ("custom", "user")),
        *((owner, "script") for owner in ("shutdown", "startup")),
        ("connection", "string"),
        ("kube", "env"),
        ("secret", "id"),
    }
)
_DESCRIBING = words(
    "age algorithm allowed arn arns changed class configuration count created date days disabled enabled "
    "endpoint expiration expires expiry id ids issuer kind last length lifetime limit location method "
    "methods mode modified name names policies policy present provider ref reference region required rotated "
    "scope settings size source spec state status supported time type updated uri url used validity version"
)
"""The last word of keys that describe a secret and do not hold it: ``PasswordLastUsed``, ``SecretArn``."""
_KEPT_KEYS = frozenset({"httptokens"})
"""``HttpTokens`` of EC2 is ``required`` or ``optional``."""
_KEPT_TEXT = re.compile(
    r"|true|false|none|null|\d{4}-\d\d-\d\d(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?|arn:aws[a-z-]*:\S+"
    r"|/subscriptions/\S+|/?(?://[a-z.]+/)?projects/[^/\s]+/\S+|(?:REDACTED|REDACTED-\d+|A[A-Z]{3}REDACTED\d{8})",
    re.IGNORECASE,
)
"""Texts that are no secrets even under the key of one: empty, switches, dates and references."""

NAMES_OF_PAIRS = ("name", "Name", "key", "Key", "ParameterName", "ParameterKey", "OutputKey")
VALUES_OF_PAIRS = ("value", "Value", "ParameterValue", "OutputValue", "StringValue", "stringValue")
_ENVIRONMENTS = frozenset(
    {"appsettings", "buildenvironmentvariables", "env", "environment", "environmentvariables", "secretenv"}
)

_ASSIGNED = (
    "access[_-]?key|account[_-]?key|api[_-]?key|client[_-]?secret|connection[_-]?string|credentials?|pass"
    "|passphrase|passwd|password|private[_-]?key|pwd|secret|secret[_-]?access[_-]?key|shared[_-]?access[_-]?key"
    "|shared[_-]?key|sig|signature|token|x-amz-credential|x-goog-credential"
)
_NAMED = (
    "access[_-]?key|account[_-]?key|api[_-]?key|client[_-]?assertion|client[_-]?secret|connection[_-]?string"
    "|private[_-]?key|secret[_-]?access[_-]?key|secret[_-]?key|shared[_-]?key"
    "|(?:access|id|refresh|session)[_-]?token"
)
_VALUE = r"[^\s\"'&;,<>(){}\[\]\\]+"
PATTERNS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r".*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z))",
        r"(?<![\w-])(eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*)",  # JSON Web Tokens
        r"(?i:\b(?:bearer|basic|sharedaccesssignature|sharedkey)\s+)(?=\S*[0-9=])([\w.~+/=&%:-]{8,})",
        r"(?i:encoded authorization failure message:\s*)(\S+)",
        # User name and password of a URL, not a port.
        r"//([^\s/@:\"']{0,99}:(?!\d{1,5}/)[^\s\"']{0,300}?)@(?=[\w.\[-]+(?:[:/?#\"'\s]|\Z))",
        rf"(?i:(?<![a-z])(?:{_ASSIGNED})\s?=\s?\"?)({_VALUE})",
        rf"(?i:[a-z_-](?:{_ASSIGNED})=\"?)({_VALUE})",
        rf"(?i:[?&]code=)({_VALUE})",
        r"(?i:(?<![a-z])(?:password|passwd|pwd)\s?:\s*\"?)([^\s\"',;]+)",
        # Written as in YAML, alone or as a part of a name: "client_secret: x", "secretKey: x".
        rf"(?i:[a-z_-]?(?:{_NAMED})\s?:\s+\"?)([^\s\"',;{{}}\[\]]+)",
        # Parsers' messages have tokens too: "unclosed token: line 1".
        r"(?i:(?<![a-z])(?:password|passwd|pwd|secret|token(?=:\s+\S*\d)):\s+\"?)([^\s\"',;]+)",
        rf"(?i:(?<![a-z])(?:{_ASSIGNED})\\?[\"']\s*:\s*\\?[\"'])([^\"'\\]+)",
        r"(?<![\w+/])((?:IQoJ|FwoG|FQoG|AQoD)[\w+/=%-]{60,})",  # AWS session tokens
        r"(?<![\w+/])([\w+/]{86}==)",  # keys of Azure storage accounts
        r"(?<![\w~.-])([\w~.-]{3}[78]Q~[\w~.-]{31,34})(?![\w~.-])",  # client secrets of Entra ID
        r"(?<![\w-])(AIza[\w-]{35})(?![\w-])",  # Google API keys
        r"(?<![\w-])(ya29\.[\w.-]{10,}|1//0[\w-]{20,}|GOCSPX-[\w-]{20,})",  # Google OAuth
        r"(?<!\w)(gh[opsur]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|[rs]k_live_\w{16,}"
        r"|npm_\w{30,}|SG\.[\w-]{16,}\.[\w-]{16,})",
        r"(?<=hooks\.slack\.com/services/)([\w/]+)",
    )
)
"""Secrets that are recognised by their form; the group is what is replaced."""
_KEY_ID = re.compile(r"\b(AKIA|ASIA|ABIA|ACCA)(?!REDACTED)[A-Z0-9]{12,}\b")
"""An AWS access key ID. It is replaced by one: AWS itself uses them as names, which are to be recognised."""
_RANDOM = re.compile(r"(?<![\w+/-])([A-Za-z0-9+/]{40})(?![\w+/=-])")
"""Perhaps an AWS secret access key: see :func:`_looks_random`."""
_MAIL = re.compile(
    r"(?:(?<![\w.%+#'-])|(?<=%3A)|(?<=%3a)|(?<=%2F)|(?<=%2f)|(?<=%2[02C]))"
    r"(\w(?:[\w.+#'-]|%2[BbDd])*)(@|%40)((?:[\w-]+\.)+[^\W\d_]{2,})(?![\w-])"
)
_SHORTEST = 6
"""Texts with fewer characters match no pattern."""

_EXAMPLES = ("example.com", "example.net", "example.org", "gserviceaccount.com")
_PUBLIC_DOMAINS = words(
    "amazon.com amazonaws.com azure.com github.com gmail.com google.com googleapis.com googlegroups.com "
    "googlemail.com hotmail.com icloud.com live.com microsoft.com outlook.com windows.net yahoo.com"
)
"""Domains of nobody's own: they are kept, since what is inside a company and outside depends on them."""


@lru_cache(maxsize=100_000)
def is_secret_key(key: str) -> bool:
    """Whether the text under a key of this name is a secret: ``clientSecret``, but not ``SecretArn``.

    Keys with a colon are conditions of policies: ``token.actions.githubusercontent.com:sub``.
    """
    if ":" in key or key.lower() in _KEPT_KEYS:
        return False
    parts = [word.lower() for word in WORDS.findall(key.rpartition("/")[2])]
    pairs = set(pairwise(parts))
    if parts[-2:] == ["secret", "id"]:
        return True
    if not parts or parts[-1] in _DESCRIBING:
        return False
    return bool(_SECRET_WORDS.intersection(parts)) or bool(_SECRET_PAIRS & pairs)


class Redaction:
    """Replaces secrets by ``REDACTED-1`` … and people by ``person-1`` at their domain.

    Safe to use from many threads. Keeps no secret, only a keyed hash of it.
    """

    def __init__(self) -> None:
        self._salt = os.urandom(32)
        self._lock = threading.Lock()
        self._numbers: dict[tuple[str, bytes], int] = {}
        self._counts: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    @property
    def domains(self) -> Mapping[str, int]:
        """The domains of the people's addresses, each with the number of its occurrences."""
        with self._lock:
            return dict(self._seen)

    def redact(self, value: Any) -> Any:
        """A copy of the JSON value without secrets and people."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, (list, tuple)):
            return [self.redact(each) for each in value]
        return value

    def _mapping(self, value: Mapping[str, Any]) -> dict[str, Any]:
        named = next((value[key] for key in NAMES_OF_PAIRS if isinstance(value.get(key), str)), "")
        redacted: dict[str, Any] = {}
        for key, each in value.items():
            if is_secret_key(key) or (key in VALUES_OF_PAIRS and is_secret_key(named)):
                clean = self._secret(each)
            elif key.lower() in _ENVIRONMENTS and not isinstance(each, str):
                clean = self._environment(each)
            else:
                clean = self.redact(each)
            redacted[self._text(key)] = clean
        return redacted

    def _secret(self, value: Any) -> Any:
        """What stands under the key of a secret: texts are secrets, the rest is looked through."""
        if isinstance(value, str):
            return value if _KEPT_TEXT.fullmatch(value) else self._replaced(SECRET, value)
        if isinstance(value, (list, tuple)):
            return [self._secret(each) for each in value]
        return self.redact(value)

    def _environment(self, value: Any) -> Any:
        """Settings of programs: every text but the names."""
        if isinstance(value, str):
            return value if _KEPT_TEXT.fullmatch(value) else self._replaced(SECRET, value)
        if isinstance(value, (list, tuple)):
            return [self._environment(each) for each in value]
        if isinstance(value, Mapping):
            return {
                self._text(key): self._text(each)
                if key in NAMES_OF_PAIRS and isinstance(each, str)
                else self._environment(each)
                for key, each in value.items()
            }
        return value

    def _text(self, text: str) -> str:
        if len(text) < _SHORTEST:
            return text
        if text[0] in "{[" and (inner := self._document(text)) is not None:
            return inner
        for pattern in PATTERNS:
            text = pattern.sub(self._match, text)
        text = _KEY_ID.sub(self._key_id, text)
        text = _RANDOM.sub(lambda found: self._match(found) if _looks_random(found[1]) else found[0], text)
        return _MAIL.sub(self._person, text) if "@" in text or "%40" in text else text

    def _document(self, text: str) -> str | None:
        """JSON within a text, if anything in it is replaced because of its key."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        clean = self.redact(value)
        return None if clean == value else json.dumps(clean, ensure_ascii=False)

    def _match(self, found: re.Match[str]) -> str:
        start, end = found.span(1)
        whole, offset = found[0], found.start()
        secret = whole[start - offset : end - offset]
        if _KEPT_TEXT.fullmatch(secret):
            return whole
        return f"{whole[: start - offset]}{self._replaced(SECRET, secret)}{whole[end - offset :]}"

    def _key_id(self, found: re.Match[str]) -> str:
        return f"{found[1]}{SECRET}{self._number('key', found[0]):08}"

    def _person(self, found: re.Match[str]) -> str:
        local, at, domain = found.groups()
        domain = domain.lower()
        if is_within(domain, _EXAMPLES) or local.startswith(f"{SECRET}-"):
            return found[0]
        if domain not in _PUBLIC_DOMAINS:
            with self._lock:
                self._seen[domain] += 1
        # Entra ID marks the names of guests; who is a guest is evidence.
        mark = "#EXT#" if local.upper().endswith("#EXT#") else ""
        return f"{self._replaced('person', f'{unquote(local).lower()}@{domain}')}{mark}{at}{domain}"

    def _replaced(self, kind: str, text: str) -> str:
        return f"{kind}-{self._number(kind, text)}"

    def _number(self, kind: str, text: str) -> int:
        """The same number for the same text."""
        # A token may occur once as it is and once quoted in a link.
        canonical = unquote(text).replace(" ", "+").encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(canonical, key=self._salt).digest()
        with self._lock:
            number = self._numbers.get((kind, digest))
            if number is None:
                self._counts[kind] += 1
                number = self._numbers[kind, digest] = self._counts[kind]
        return number


def masked(text: str, mask: str = "***") -> str:
    """A message without what looks like a secret, for people: nobody has to find it again."""

    def replaced(found: re.Match[str]) -> str:
        start, end = (place - found.start() for place in found.span(1))
        secret = found[0][start:end]
        kept = secret == mask or _KEPT_TEXT.fullmatch(secret)
        return found[0] if kept else f"{found[0][:start]}{mask}{found[0][end:]}"

    for pattern in PATTERNS:
        text = pattern.sub(replaced, text)
    return text


def is_within(domain: str, domains: Iterable[str]) -> bool:
    """Whether the domain is one of the domains or below one."""
    return any(domain == one or domain.endswith(f".{one}") for one in domains)


def _looks_random(text: str) -> bool:
    """Whether 40 characters are more likely a key than a path, a name or a hash."""
    if not (re.search(r"[a-z]", text) and re.search(r"[A-Z]", text) and re.search(r"[0-9]", text)):
        return False
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
    return bits > 4.2
