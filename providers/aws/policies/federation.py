"""Roles that users of an identity provider may assume: whether conditions leave only a tenant's own.

Sources: "Available keys for AWS OIDC federation" and "Available keys for SAML-based federation" (IAM user
guide,
"IAM and AWS STS condition context keys").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from providers.aws.policies.requesters import ABSENT, WITH_A_TOKEN, Stranger, hurdle
from providers.aws.policies.token_issuers import (
    DEFAULT_AUDIENCES,
    SHARED,
    Ownership,
    SharedIssuer,
    claim,
    issuer_of,
    ownership,
    value_of_claim,
    value_of_tag,
)
from scanner.model.evidence import Observed, Unknown, any_of
from scanner.policy.admission import Admission, Request, Requester, Statement, by_statement, first_of
from scanner.policy.conditions import (
    Anything,
    Condition,
    OneOf,
    Possibilities,
    Possibility,
    Truth,
    has_variable,
    literal,
)

IDENTITY_CENTER = re.compile(r"saml-provider/AWSSSO_[0-9a-f]+_DO_NOT_DELETE$")
TAG = "aws:requesttag/"
"""Session tags, which a token of an issuer brings (IAM user guide, "Pass session tags in AWS STS")."""
SAML_OF_EVERYBODY = frozenset({"saml:aud", "saml:doc", "saml:iss", "saml:namequalifier", "saml:sub_type"})
"""Keys that are the same for all users of a SAML provider: they repeat it, or name AWS's sign-in."""


@dataclass(frozen=True)
class Federation:
    """The users of an identity provider, as one Allow statement of a trust policy names them."""

    provider: str
    """The ARN of the provider, or the host of one that is built in."""
    allow: Statement
    statements: tuple[Statement, ...]
    requests: tuple[Request, ...]

    @property
    def issuer(self) -> str:
        """The issuer of the tokens; empty for a SAML provider."""
        return issuer_of(self.provider) or ("" if self.provider.startswith("arn:") else self.provider)

    @property
    def ownership(self) -> Ownership:
        """Whose users they are."""
        return ownership(self.issuer)

    @property
    def _shared(self) -> SharedIssuer | None:
        return SHARED.get(self.issuer)

    @property
    def guests(self) -> bool:
        """Whether they include guests, who need not sign in, for certain: a condition mentions them."""
        shared = self._shared
        if shared is None or shared.guests is None:
            return False
        return self._admits_guests and any(
            claim(self.issuer, condition.key) == shared.guests[0]
            for statement in self.statements
            for condition in statement.conditions
        )

    @property
    def _admits_guests(self) -> bool:
        """Whether guests would be let in, if there are any."""
        shared = self._shared
        if shared is None or shared.guests is None:
            return False
        name, value = shared.guests

        def attribute(stranger: Stranger, key: str) -> Possibilities | None:
            found = claim(self.issuer, key)
            if found is None:
                return stranger.attribute(key)
            if found == name:
                return (Possibility(OneOf((value,))),)
            # Guests have tokens of the tenant that the policy names, too.
            return (Possibility(Anything() if found == "aud" else value_of_claim(shared, found)),)

        return bool(self._let_in(attribute).let_in is not False)

    @property
    def narrowed(self) -> Observed[bool]:
        """Whether conditions leave only some of them: for a shared issuer, those of one tenant."""
        shared = self._shared
        if shared is None:
            return any_of(*(_observed(self._narrows(each)) for each in self.allow.conditions))

        def attribute(stranger: Stranger, key: str) -> Possibilities | None:
            found = claim(self.issuer, key)
            if key.startswith(TAG):
                return (ABSENT, Possibility(value_of_tag(shared, key.removeprefix(TAG))))
            if found is None:
                return stranger.attribute(key)
            return (ABSENT, Possibility(value_of_claim(shared, found)))

        let_in = self._let_in(attribute).let_in
        if let_in is False and self._admits_guests:
            return False if self.guests else GUESTS
        return UNDECIDED if let_in is None else not let_in

    def _let_in(self, attribute: Callable[[Stranger, str], Possibilities | None]) -> Admission:
        return first_of(
            by_statement(
                Requester(self._named_by, partial(attribute, stranger)),
                self.allow,
                self.statements,
                self.requests,
            )
            for stranger in WITH_A_TOKEN
        )

    def _named_by(self, statement: Statement) -> Truth:
        if statement.allow:
            return True
        listed = bool({("aws", "*"), ("federated", self.provider)} & set(statement.principals))
        return listed != statement.all_but_principals

    def _narrows(self, condition: Condition) -> Truth:
        """For an issuer of one tenant, an unknown one, or a SAML provider."""
        if condition.key.startswith("saml:"):
            if condition.key in SAML_OF_EVERYBODY or not condition.required:
                return False
            return None if condition.test == "other" else _specific(condition)
        name = condition.key.rpartition(":")[2]
        if condition.key.partition(":")[0] in ("aws", "sts", "iam"):
            return hurdle(condition, None)
        if claim(self.issuer, condition.key) is None:
            return None
        if name == "amr" or not condition.required:
            return False
        if condition.test == "other":
            return None
        if name == "aud" and DEFAULT_AUDIENCES & set(condition.values):
            return False
        if self.ownership == "tenant":
            return _specific(condition)
        if not _specific(condition):
            return False
        # Others may have tokens with the same audience, or with names that a pattern means, too.
        certain = name != "aud" and all(literal(condition, value) for value in condition.values)
        return True if certain and not any(map(has_variable, condition.values)) else None


def _specific(condition: Condition) -> bool:
    """Whether the values exclude somebody."""
    return all(condition.test != "like" or value.strip("*?:/") for value in condition.values)


def _observed(truth: Truth) -> Observed[bool]:
    return UNDECIDED if truth is None else truth


UNDECIDED = Unknown.because(
    "error",
    "iam:GetAccountAuthorizationDetails",
    None,
    "whether the trust policy leaves only one tenant of the identity provider cannot be determined",
)
GUESTS = Unknown.because(
    "unsupported",
    "iam:GetAccountAuthorizationDetails",
    None,
    "the trust policy does not exclude guests of the identity pool, and whether it has any is not read",
)
