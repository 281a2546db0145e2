"""The sample account's KMS keys, and KMS's responses about them that differ from moto's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OWNER = {"Sid": "Own", "Effect": "Allow", "Action": "kms:*", "Resource": "*"}
DAYS = 180
"""The rotation period of the key with a custom one."""


@dataclass(frozen=True)
class SampleKey:
    """One key and its settings."""

    alias: str
    tags: Mapping[str, str]
    region: str
    id: str | None = None
    """The id that other resources refer to; without it the simulated KMS picks one."""
    spec: str = "SYMMETRIC_DEFAULT"
    usage: str = "ENCRYPT_DECRYPT"
    rotates: bool = False
    days: int | None = None
    """A custom rotation period."""
    state: str = "enabled"
    allow: tuple[Mapping[str, Any], ...] = ()
    """Statements of the key policy besides the one for the account itself."""
    grantee: str | None = None
    """A principal that a grant lets decrypt with it."""


def _use(principal: Any, **more: Any) -> Mapping[str, Any]:
    actions = ["kms:Decrypt", "kms:GenerateDataKey*"]
    return {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*", **more}


def sample(account: str, main: str, key: str) -> tuple[SampleKey, ...]:
    """The keys; ``key`` is the ARN of the one that the buckets use."""
    own = {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": f"s3.{main}.amazonaws.com"}}
    partner = {"AWS": "arn:aws:iam::123456789012:root"}
    return (
        SampleKey(
            "pay-data",
            {"owner": "payments", "data-class": "pci", "env": "prod"},
            main,
            id=key.rpartition("/")[2],
            rotates=True,
            days=DAYS,
            allow=(_use({"AWS": "*"}, Sid="ThroughStorage", Condition=own),),
            grantee=f"arn:aws:iam::{account}:role/payments-api",
        ),
        SampleKey("partner-exports", {"env": "prod"}, main, allow=(_use(partner, Sid="Partner"),)),
        SampleKey("token-signing", {"owner": "product"}, main, spec="RSA_2048", usage="SIGN_VERIFY"),
        SampleKey("backups-2019", {"owner": "ghost"}, main, state="pending deletion"),
        SampleKey("www-old", {}, "us-east-1", state="disabled"),
    )


def seed(client: Callable[[str, str], Any], account: str, main: str, key: str) -> None:
    """Creates the keys, and has AWS create a managed one."""
    for each in sample(account, main, key):
        _key(client("kms", each.region), account, each)
    client("kms", main).describe_key(KeyId="alias/aws/ebs")
    _of_aws(account, main)


def rotation(account: str, region: str, key_id: str) -> bytes:
    """The response to GetKeyRotationStatus, with the period that moto omits."""
    from moto.kms.models import kms_backends

    backend = kms_backends[account][region]
    key = backend.keys[backend.get_key_id(key_id)]
    status = {"KeyId": key.arn, "KeyRotationEnabled": key.key_rotation_status}
    if key.key_rotation_status:
        status["RotationPeriodInDays"] = DAYS
    return json.dumps(status).encode()


def _key(client: Any, account: str, each: SampleKey) -> None:
    own = {**OWNER, "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    made = client.create_key(
        KeySpec=each.spec,
        KeyUsage=each.usage,
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [own, *each.allow]}),
    )["KeyMetadata"]["KeyId"]
    key_id = made if each.id is None else _rename(account, each.region, made, each.id)
    client.create_alias(AliasName=f"alias/{each.alias}", TargetKeyId=key_id)
    tags = [{"TagKey": name, "TagValue": value} for name, value in each.tags.items()]
    if tags:
        client.tag_resource(KeyId=key_id, Tags=tags)
    if each.grantee is not None:
        client.create_grant(KeyId=key_id, GranteePrincipal=each.grantee, Operations=["Decrypt"])
    if each.rotates:
        client.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=each.days)
    if each.state == "disabled":
        client.disable_key(KeyId=key_id)
    if each.state == "pending deletion":
        client.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=30)


def _rename(account: str, region: str, made: str, wanted: str) -> str:
    """Gives a key the id that the sample buckets refer to; no API call can."""
    from moto.kms.models import kms_backends

    keys = kms_backends[account][region].keys
    key = keys[wanted] = keys.pop(made)
    key.id, key.arn = wanted, key.arn.replace(made, wanted)
    return wanted


def _of_aws(account: str, region: str) -> None:
    """Marks the keys of AWS's aliases as AWS managed: moto makes them customer managed."""
    from moto.kms.models import kms_backends

    for key in kms_backends[account][region].keys.values():
        if any(name.startswith("alias/aws/") for name in key.aliases):
            key.key_manager = "AWS"
