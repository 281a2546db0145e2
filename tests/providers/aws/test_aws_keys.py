from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.aws import keys
from providers.aws.account import DESCRIBE_ORGANISATION
from providers.aws.identity import MEMBERS as MEMBERS_CHAIN
from providers.aws.keys import KEYS
from providers.aws.policies.identifiers import account_of
from providers.aws.policies.key_policy import outside_access
from providers.sandbox.aws.server import AwsSandbox
from scanner.model.evidence import Unknown
from scanner.model.inventory import Inventory
from tests.providers.aws.aws_scan import WHOLE, Scan, known, named

WANTED = {"key": frozenset(KEYS.facets)}
SAMPLE: dict[str, dict[str, object]] = {
    "pay-data": {
        "enabled": True,
        "rotates": True,
        "rotation_days": 180,
        "pending_deletion": False,
        "open_to_others": False,
        "tags": {"owner": "payments", "data-class": "pci", "env": "prod"},
    },
    "partner-exports": {
        "enabled": True,
        "rotates": False,
        "rotation_days": None,
        "pending_deletion": False,
        "open_to_others": True,
        "tags": {"env": "prod"},
    },
    "token-signing": {
        "enabled": True,
        "rotates": None,
        "rotation_days": None,
        "pending_deletion": False,
        "open_to_others": False,
        "tags": {"owner": "product"},
    },
    "backups-2019": {
        "enabled": False,
        "rotates": False,
        "rotation_days": None,
        "pending_deletion": True,
        "open_to_others": False,
        "tags": {"owner": "ghost"},
    },
    "www-old": {
        "enabled": False,
        "rotates": False,
        "rotation_days": None,
        "pending_deletion": False,
        "open_to_others": False,
        "tags": {},
    },
}
ARN = "arn:aws:kms:eu-west-1:111122223333:key/7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11"
ITEM = {
    "KeyArn": ARN,
    "KeyId": "7d0f3f9a-1f3c-4c55-9b0a-9c1f7a2f4e11",
    "account": "111122223333",
    "partition": "aws",
    "region": "eu-west-1",
}
US, THEM, ORG = "111122223333", "444455556666", "o-example123"
ROOT, THEIRS = f"arn:aws:iam::{US}:root", f"arn:aws:iam::{THEM}:root"


def test_keys_are_as_the_company_created_them(whole: Inventory) -> None:
    found = named(whole, "key")
    assert {name: known(key) for name, key in found.items()} == {
        name: {**facts, "deletion_delayed": True} for name, facts in SAMPLE.items()
    }
    assert whole.blind_spots == ()


def test_a_key_is_named_by_its_arn_and_its_alias(whole: Inventory) -> None:
    key = named(whole, "key")["pay-data"]
    assert (key.id, key.region, key.type) == (ARN, "eu-west-1", "aws.kms.key")
    assert named(whole, "key")["www-old"].region == "us-east-1"


def test_aws_managed_keys_are_skipped(scan: Scan, sandbox: AwsSandbox, whole: Inventory) -> None:
    scan(wanted=WANTED)
    # A key with an alias of AWS is AWS managed and need not be described.
    assert sandbox.calls["kms:DescribeKey"] == len(SAMPLE)
    sandbox.calls.clear()
    sandbox.fault = lambda name: "denied" if name == "kms:ListAliases" else None
    found = scan(wanted=WANTED)
    assert sandbox.calls["kms:DescribeKey"] == len(SAMPLE) + 1
    assert [key.id for key in found.resources] == [key.id for key in whole.resources]


def test_without_aliases_keys_are_named_by_id_and_nothing_is_unknown(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "denied" if name == "kms:ListAliases" else None
    found = scan(wanted=WANTED)
    assert ITEM["KeyId"] in named(found, "key")
    assert all(not key.unknowns() for key in found.resources)
    assert found.blind_spots == ()


def test_a_key_with_an_unknown_manager_is_a_blind_spot(scan: Scan, sandbox: AwsSandbox) -> None:
    sandbox.fault = lambda name: "denied" if name in ("kms:DescribeKey", "kms:ListAliases") else None
    found = scan(wanted=WANTED)
    assert tuple(found.resources) == ()
    assert {spot.cause.call for spot in found.blind_spots} == {"kms:DescribeKey", "kms:ListAliases"}


def test_aliases_are_listed_once_per_region(scan: Scan, sandbox: AwsSandbox) -> None:
    scan(WHOLE, wanted=WANTED)
    assert sandbox.calls["kms:ListAliases"] == sandbox.calls["kms:ListKeys"] == len(sandbox.enabled)
    assert sandbox.calls["kms:GetKeyRotationStatus"] == len(SAMPLE) - 1
    assert sandbox.calls["organizations:ListAccounts"] == 1


@pytest.mark.parametrize("call", ["organizations:DescribeOrganization", "organizations:ListAccounts"])
def test_the_organisation_matters_only_to_keys_that_name_other_accounts(
    scan: Scan, sandbox: AwsSandbox, call: str
) -> None:
    sandbox.fault = lambda name: "denied" if name == call else None
    found = named(scan(wanted=WANTED), "key")
    assert {name for name, key in found.items() if key.unknowns()} == {"partner-exports"}


@pytest.mark.parametrize(
    ("state", "enabled", "pending"),
    [
        ("Enabled", True, False),
        ("Updating", True, False),
        ("Disabled", False, False),
        ("PendingImport", False, False),
        ("Unavailable", False, False),
        ("Creating", False, False),
        ("PendingDeletion", False, True),
        ("PendingReplicaDeletion", False, True),
    ],
)
def test_states(state: str, enabled: bool, pending: bool) -> None:
    assert keys.to_enabled(ITEM, {"KeyState": state}) is enabled
    assert keys.to_pending_deletion(ITEM, {"KeyState": state}) is pending


@pytest.mark.parametrize(
    ("answer", "rotates", "days"),
    [
        (None, None, None),
        ({"KeyRotationEnabled": False}, False, None),
        ({"KeyRotationEnabled": False, "RotationPeriodInDays": 90}, False, None),
        ({"KeyRotationEnabled": True, "RotationPeriodInDays": 90}, True, 90),
        ({"KeyRotationEnabled": True}, True, 365),
    ],
)
def test_rotation(answer: Any, rotates: bool | None, days: int | None) -> None:
    assert keys.to_rotates(ITEM, answer) is rotates
    assert keys.to_rotation_days(ITEM, answer) == days


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        (keys.to_enabled, {"KeyState": "Melted"}),
        (keys.to_enabled, {}),
        (keys.to_pending_deletion, {"KeyState": "Melted"}),
        (keys.to_rotates, {}),
        (keys.to_rotates, {"KeyRotationEnabled": "yes"}),
        (keys.to_tags, {"Tags": []}),
        (keys.to_tags, {"Tags": [], "Truncated": True}),
    ],
)
def test_a_response_with_another_format_is_an_error(function: Any, answer: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        function(ITEM, answer)


class Fixed:
    """A caller with fixed answers that records its calls."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def once(self, key: Any, question: Any) -> Any:
        return question()

    def item(self) -> Any:
        return {"region": "eu-west-1"}

    def read(self, call: Any, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    def answer(self, call: Any, item: Any) -> Any:
        name = "members" if call is MEMBERS_CHAIN else call.operation
        self.asked.append(name)
        return self.answers[name]

    whole = answer


METADATA = {"KeyState": "Enabled", "Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT"}


@pytest.mark.parametrize(
    ("metadata", "asked"),
    [
        (METADATA, True),
        ({"KeyState": "Enabled", "Origin": "AWS_KMS"}, True),
        ({**METADATA, "KeySpec": "RSA_2048"}, False),
        ({**METADATA, "KeySpec": "HMAC_256"}, False),
        ({"Origin": "AWS_KMS", "CustomerMasterKeySpec": "ECC_NIST_P256"}, False),
        ({**METADATA, "Origin": "EXTERNAL"}, False),
        ({**METADATA, "Origin": "AWS_CLOUDHSM"}, False),
        ({**METADATA, "Origin": "EXTERNAL_KEY_STORE"}, False),
    ],
)
def test_rotation_is_read_only_for_keys_that_support_it(metadata: Any, asked: bool) -> None:
    status = {"KeyRotationEnabled": True}
    caller = Fixed(DescribeKey={"KeyMetadata": metadata}, GetKeyRotationStatus=status)
    assert keys.rotation(caller, ITEM) == (status if asked else None)  # type: ignore[arg-type]
    assert ("GetKeyRotationStatus" in caller.asked) is asked


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any, action: Any = "kms:Decrypt", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


def deny(**more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", **more}


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


OWN = allow({"AWS": ROOT}, "kms:*")
ANY = {"AWS": "*"}
ORGANISATION = {"Organization": {"Id": ORG, "MasterAccountId": "777788889999"}}
MEMBERS = frozenset({US, "222233334444"})
DENIED = Unknown.because("denied", DESCRIBE_ORGANISATION.name, DESCRIBE_ORGANISATION.permission, "no")


def open_to_others(*statements: Any, organisation: Any = ORGANISATION, members: Any = MEMBERS) -> Any:
    caller = Fixed(
        GetKeyPolicy={"Policy": policy(OWN, *statements)},
        ListGrants=[],
        DescribeOrganization=organisation,
        members=members,
    )
    found = keys.exposure(caller, ITEM)  # type: ignore[arg-type]
    return "?" if isinstance(found, Unknown) else found


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], False),
        ([allow("*")], True),
        ([allow(ANY)], True),
        ([allow({"AWS": THEIRS})], True),
        ([allow({"AWS": THEM})], True),
        ([allow({"AWS": f"arn:aws:iam::{THEM}:role/reader"})], True),
        ([allow({"AWS": [f"arn:aws:iam::{US}:role/r", "arn:aws:iam::222233334444:root"]})], False),
        # The management account belongs to the organisation, even if it is not listed.
        ([allow({"AWS": "arn:aws:iam::777788889999:root"})], False),
        ([allow({"Service": "cloudtrail.amazonaws.com"}, "kms:GenerateDataKey*")], False),
        ([allow({"AWS": "AROAEXAMPLEEXAMPLE12"})], False),
        ([allow({"Federated": "cognito-identity.amazonaws.com"})], "?"),
        ([allow({"Federated": f"arn:aws:iam::{US}:saml-provider/sso"})], False),
        # Reading about a key neither uses nor manages it.
        ([allow(ANY, ["kms:DescribeKey", "kms:List*"])], False),
        ([allow(ANY, "kms:*")], True),
        ([allow(ANY, "*")], True),
        ([allow(ANY, "s3:*")], False),
        ([allow(ANY, "kms:CreateGrant")], True),
        ([{**allow(ANY), "Action": "kms:PutKeyPolicy"}], True),
        ([{"Effect": "Allow", "NotPrincipal": {"AWS": THEIRS}, "Action": "kms:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "Principal": "*", "NotAction": "kms:*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Principal": "*", "NotAction": "kms:Decrypt", "Resource": "*"}], True),
    ],
)
def test_statements_that_give_access(statements: list[Any], expected: object) -> None:
    assert open_to_others(*statements) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (when("StringEquals", "kms:CallerAccount", US), False),
        (when("StringEquals", "kms:CallerAccount", THEM), True),
        (when("StringEquals", "kms:CallerAccount", "222233334444"), False),
        (when("StringEqualsIfExists", "kms:CallerAccount", US), False),
        (when("StringLike", "kms:CallerAccount", "*"), True),
        (when("StringNotEquals", "kms:CallerAccount", THEM), True),
        (when("StringEquals", "aws:PrincipalAccount", US), False),
        (when("ForAnyValue:StringEquals", "aws:PrincipalAccount", US), False),
        (when("ForAllValues:StringEquals", "aws:PrincipalAccount", US), False),
        (when("StringEquals", "aws:PrincipalOrgID", ORG), False),
        (when("StringEquals", "aws:PrincipalOrgID", ORG, "o-somebody"), True),
        (when("StringLike", "aws:PrincipalOrgID", "o-*"), True),
        (when("StringEqualsIfExists", "aws:PrincipalOrgID", ORG), True),
        (when("ForAllValues:StringEquals", "aws:PrincipalOrgID", ORG), True),
        (when("StringNotEquals", "aws:PrincipalOrgID", ORG), True),
        (when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", f"{ORG}/r-1/ou-1/*"), False),
        (when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-somebody/*"), True),
        (when("ArnEquals", "aws:PrincipalArn", f"arn:aws:iam::{US}:role/r"), False),
        (when("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{THEM}:role/*"), True),
        (when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/r"), True),
        (when("StringEquals", "aws:PrincipalArn", "${aws:username}"), "?"),
        (when("ArnLike", "aws:SourceArn", "arn:aws:s3:::pay-receipts"), False),
        (when("StringEquals", "aws:SourceAccount", US), False),
        (when("StringEquals", "aws:SourceAccount", THEM), True),
        (when("StringEquals", "aws:SourceVpce", "vpce-0a1b2c3d"), False),
        (when("StringEqualsIfExists", "aws:SourceVpce", "vpce-0a1b2c3d"), True),
        (when("IpAddress", "aws:SourceIp", "203.0.113.0/24"), False),
        (when("IpAddress", "aws:SourceIp", "0.0.0.0/0"), True),
        (when("Bool", "aws:PrincipalIsAWSService", "true"), False),
        (when("StringEquals", "aws:PrincipalServiceName", "s3.amazonaws.com"), False),
        # These restrict how the key is used, not by whom.
        (when("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com"), True),
        (when("StringEquals", "kms:EncryptionContext:app", "shop"), True),
        (when("Bool", "kms:GrantIsForAWSResource", "true"), True),
        (when("Bool", "aws:SecureTransport", "true"), True),
        (when("Bool", "aws:MultiFactorAuthPresent", "true"), True),
        (when("StringEquals", "aws:PrincipalTag/team", "pay"), True),
        (when("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z"), "?"),
        (when("Null", "aws:PrincipalOrgID", "false"), True),
        (when("StringEqualsIgnoreCase", "kms:RecipientAttestation:ImageSha384", "ab"), "?"),
    ],
)
def test_conditions_that_narrow_access(condition: dict[str, Any], expected: object) -> None:
    assert open_to_others(allow(ANY, **condition)) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (when("StringEquals", "aws:PrincipalOrgID", ORG), False),
        (when("StringEquals", "kms:CallerAccount", US), False),
        (when("StringEquals", "kms:CallerAccount", THEM), True),
        (when("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com"), True),
    ],
)
def test_conditions_on_an_account_that_is_named(condition: dict[str, Any], expected: object) -> None:
    assert open_to_others(allow({"AWS": THEIRS}, **condition)) == expected


OUTSIDE = when("StringNotEquals", "aws:PrincipalOrgID", ORG)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([allow(ANY), deny(**OUTSIDE)], False),
        ([allow(ANY), deny(**when("StringNotEquals", "aws:PrincipalOrgID", ORG, "o-somebody"))], True),
        ([allow(ANY), deny(**when("StringNotEquals", "kms:CallerAccount", US))], False),
        ([allow(ANY), deny(**when("StringNotEquals", "kms:CallerAccount", US, THEM))], True),
        ([allow(ANY), deny(**when("StringNotEquals", "kms:CallerAccount", US, "222233334444"))], False),
        ([allow(ANY), deny(**when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"))], False),
        ([allow(ANY), deny(**when("Bool", "aws:SecureTransport", "false"))], True),
        ([allow(ANY), deny(**OUTSIDE, Action="kms:Encrypt")], True),
        ([allow(ANY), deny(**OUTSIDE, Action=["kms:Encrypt", "kms:De*"])], False),
        ([allow(ANY, "kms:*"), deny(**OUTSIDE, Action="kms:De*")], True),
        ([allow({"AWS": THEIRS}), deny(Principal={"AWS": THEIRS})], False),
        ([allow({"AWS": THEIRS}), deny(Principal={"AWS": f"arn:aws:iam::{THEM}:user/u"})], True),
        ([allow(ANY), {**deny(), "NotAction": "kms:Encrypt", "Action": None}], "error"),
        ([allow(ANY), deny()], False),
    ],
)
def test_denials(statements: list[Any], expected: object) -> None:
    if expected == "error":
        with pytest.raises(ValueError):
            open_to_others(*statements)
    else:
        assert open_to_others(*statements) == expected


def test_a_denial_with_not_principal_excludes_all_others() -> None:
    but_us = {"Effect": "Deny", "NotPrincipal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
    assert open_to_others(allow(ANY), but_us) is False
    but_them = {**but_us, "NotPrincipal": {"AWS": [ROOT, THEIRS]}}
    assert open_to_others(allow(ANY), but_them) is True


def test_what_depends_on_an_unknown_organisation_is_unknown() -> None:
    of_org = allow(ANY, **when("StringEquals", "aws:PrincipalOrgID", ORG))
    assert open_to_others(of_org, organisation=DENIED) == "?"
    assert open_to_others(allow({"AWS": THEIRS}), organisation=DENIED) == "?"
    assert open_to_others(allow({"AWS": THEIRS}), members=DENIED) == "?"
    assert open_to_others(allow({"AWS": "777788889999"}), members=DENIED) is False
    assert open_to_others(allow(ANY), deny(**OUTSIDE), organisation=DENIED) == "?"
    assert open_to_others(allow(ANY), organisation=DENIED, members=DENIED) is True


def test_without_an_organisation_all_other_accounts_are_outside() -> None:
    assert open_to_others(allow({"AWS": THEIRS}), organisation=None) is True
    of_org = allow(ANY, **when("StringEquals", "aws:PrincipalOrgID", ORG))
    assert open_to_others(of_org, organisation=None) is True


@pytest.mark.parametrize(
    "statements", [[], [allow(ANY)], [allow(ANY, **when("StringEquals", "kms:CallerAccount", US))]]
)
def test_the_organisation_is_read_only_if_it_matters(statements: list[Any]) -> None:
    caller = Fixed(GetKeyPolicy={"Policy": policy(OWN, *statements)}, ListGrants=[])
    found = keys.exposure(caller, ITEM)  # type: ignore[arg-type]
    assert caller.asked == (["GetKeyPolicy"] if found else ["GetKeyPolicy", "ListGrants"])


@pytest.mark.parametrize(
    ("name", "account"),
    [
        (US, US),
        (ROOT, US),
        (f"arn:aws:sts::{US}:assumed-role/r/s", US),
        ("*", None),
        ("arn:aws:iam::*:role/r", None),
        ("arn:aws:s3:::pay-receipts", None),
        ("12345", None),
        ("AROAEXAMPLEEXAMPLE12", None),
    ],
)
def test_the_account_in_a_name(name: str, account: str | None) -> None:
    assert account_of(name) == account


def recorded(recordings: Path, operation: str) -> list[dict[str, Any]]:
    lines = (recordings / "kms.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["response"] for row in rows if row["operation"] == operation and row["status"] < 300]


def test_every_recorded_key_is_understood(recordings: Path) -> None:
    shortened = 0
    for answer in recorded(recordings, "DescribeKey"):
        caller = Fixed(DescribeKey=answer, GetKeyRotationStatus={"KeyRotationEnabled": True})
        metadata = keys.described(caller, ITEM)  # type: ignore[arg-type]
        assert not isinstance(metadata, Unknown)
        if "KeyState" in metadata:
            assert keys.to_enabled(ITEM, metadata) is metadata["Enabled"] is True
            assert keys.to_pending_deletion(ITEM, metadata) is False
            keys.rotation(caller, ITEM)  # type: ignore[arg-type]
        else:
            # Recordings reduced by hand to three fields, without the state.
            shortened += 1
            with pytest.raises(KeyError):
                keys.to_enabled(ITEM, metadata)
    assert shortened == 3


def test_every_recorded_alias_and_tag_is_understood(recordings: Path) -> None:
    named_keys: dict[str, tuple[str, ...]] = {}
    for answer in recorded(recordings, "ListAliases"):
        found = keys.names(Fixed(ListAliases=answer["Aliases"]), ITEM)  # type: ignore[arg-type]
        assert not isinstance(found, Unknown)
        named_keys |= found
    assert named_keys["36812ccf-daaf-49b1-a24b-0eef254ffe41"] == ("alias/skunk/trails",)
    tags = [keys.to_tags(ITEM, answer) for answer in recorded(recordings, "ListResourceTags")]
    assert {"RequisiteKey": "Required"} in tags


def test_every_recorded_policy_is_understood(recordings: Path) -> None:
    found = [
        outside_access(answer["Policy"], ARN, "644160558196", ORG).anyone
        for answer in recorded(recordings, "GetKeyPolicy")
    ]
    assert sorted(map(str, found)) == ["False"] * 3 + ["True"] * 5
