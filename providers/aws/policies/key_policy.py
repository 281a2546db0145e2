"""Key policies and grants: whether one allows principals outside the organisation to use or manage the key.

Evaluates the text alone, for each outside principal that it could allow: anyone that it does not name, and
each other account that it names.

Sources: "Key policies in AWS KMS", "Condition keys for AWS KMS" and "Grants in AWS KMS" (KMS developer
guide).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from providers.aws.policies.documents import parse
from providers.aws.policies.identifiers import DELETED, account_of
from providers.aws.policies.requesters import (
    WITH_CREDENTIALS,
    Stranger,
    account_named,
    anyone_named,
    named_accounts,
    named_organisations,
    names_by_id,
    of_account,
)
from scanner.model.evidence import Observed, Unknown, all_of, any_of, lift
from scanner.policy.admission import Request, Statement, admission, first_of
from scanner.policy.conditions import Truth
from scanner.policy.patterns import examples, matches

READS = re.compile(r"kms:(describe|get|list)[\w*?]*")
"""Actions that neither use nor manage a key."""
USING = frozenset(
    f"kms:{action}".lower()
    for action in [
        "CancelKeyDeletion",
        "CreateAlias",
        "CreateGrant",
        "Decrypt",
        "DeleteAlias",
        "DeleteImportedKeyMaterial",
        "DeriveSharedSecret",
        "DisableKey",
        "DisableKeyRotation",
        "EnableKey",
        "EnableKeyRotation",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "ImportKeyMaterial",
        "PutKeyPolicy",
        "ReEncryptFrom",
        "ReEncryptTo",
        "ReplicateKey",
        "RetireGrant",
        "RevokeGrant",
        "RotateKeyOnDemand",
        "ScheduleKeyDeletion",
        "Sign",
        "SynchronizeMultiRegionKey",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
        "UpdatePrimaryRegion",
        "Verify",
        "VerifyMac",
    ]
)
"""All other actions on keys (Service Authorization Reference, AWS KMS)."""
WITHOUT_USE = frozenset({"DescribeKey", "GetPublicKey"})
"""Operations of grants that neither use nor manage a key (API reference, CreateGrant)."""
SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|aws\.internal)")


@dataclass(frozen=True)
class OutsideAccess:
    """The access that a key policy gives outside the organisation."""

    anyone: Observed[bool]
    """Whether anyone has access, or principals whose account is not part of their name in the policy."""
    accounts: tuple[tuple[str, Observed[bool]], ...]
    """Other accounts by id, and whether each has access if it is outside."""


def outside_access(policy: str, arn: str, account: str, organisation: Observed[str | None]) -> OutsideAccess:
    """The access that the policy of a key gives outside the organisation. Raises :class:`ValueError` if the
    policy cannot be read."""
    statements = parse(policy, "resource", account)
    others = sorted(set(named_accounts(statements)) - {account})
    organisations = sorted(set(named_organisations(statements)))

    def let_in(other: str | None) -> Observed[bool]:
        """Somebody in no organisation, or in one that is not the key's."""

        def of(strangers: Iterable[Stranger]) -> Observed[bool]:
            return _let_in(other, strangers, statements, arn)

        return any_of(
            of(WITH_CREDENTIALS if other is None else of_account(other, None, anywhere=False)),
            *(
                all_of(
                    of(of_account(other, each, anywhere=False)),
                    lift(lambda own, each=each: own != each, organisation),
                )
                for each in organisations
            ),
        )

    anyone = let_in(None)
    if anyone is False and names_by_id(statements):
        named = [replace(each, identified=True) for each in WITH_CREDENTIALS]
        if _let_in(None, named, statements, arn) is not False:
            anyone = _undetermined(
                "the key policy names a principal by its unique id, which tells no account"
            )
    return OutsideAccess(anyone, tuple((each, let_in(each)) for each in others))


def _let_in(
    other: str | None, strangers: Iterable[Stranger], statements: Sequence[Statement], arn: str
) -> Observed[bool]:
    def named(statement: Statement) -> Truth:
        return anyone_named(statement) if other is None else account_named(other)(statement)

    found = first_of(
        admission(each.requester(named), statements, lambda allow: _requests(allow, arn))
        for each in strangers
    )
    if found.let_in is not None:
        return found.let_in
    return _undetermined(f"who has access by the key policy cannot be determined: {found.reason}")


def _requests(allow: Statement, arn: str) -> Iterator[Request]:
    """What a statement allows that uses or manages the key. In a key policy, ``*`` is the key itself."""
    for action in USING:
        if allow.names(action):
            yield Request(action, arn)
    if not allow.all_but:
        for pattern in allow.actions:
            listed = any(matches(pattern, action) for action in USING)
            if pattern.startswith("kms:") and not listed and READS.fullmatch(pattern) is None:
                yield Request(examples(pattern)[0], arn)


def grantee(grant: Mapping[str, Any]) -> Observed[str | None]:
    """The account of the principal that a grant of ListGrants lets use the key; ``None`` for a service of
    AWS, a deleted principal, and a grant that uses nothing.

    Raises :class:`KeyError` for a grant without operations or grantee.
    """
    if set(grant["Operations"]) <= WITHOUT_USE or "GranteeServicePrincipal" in grant:
        return None
    name = str(grant["GranteePrincipal"])
    account = account_of(name)
    if account is not None or DELETED.fullmatch(name) or SERVICE.fullmatch(name):
        return account
    return Unknown.because("error", "kms:ListGrants", None, f"who the grantee {name} is cannot be determined")


def _undetermined(message: str) -> Unknown:
    return Unknown.because("error", "kms:GetKeyPolicy", None, message)
