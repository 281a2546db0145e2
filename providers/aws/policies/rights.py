"""The rights that are evaluated: those that stand for administrator access, and those of the escalations."""

from __future__ import annotations

import string

from providers.aws.policies.escalation import Right
from providers.aws.policies.escalations import ESCALATIONS
from providers.aws.policies.services import OWN_USE, WITHOUT_ROLES

GRANTING_RIGHTS = tuple(
    dict.fromkeys(each.rights[0] for each in ESCALATIONS if each.kind not in ("pass", "workload"))
)
"""Rights that alone grant permissions, to others or to the identity itself. Assuming any role is one: it
includes every role that trusts the whole account. ``iam:PassRole`` is not: alone it grants nothing."""

UNNAMED = tuple(
    Right(f"{letter}\x01:\x01", "arn:{partition}:\x01:\x01:{account}:{name}")
    for letter in string.ascii_lowercase
)
"""Actions that no policy names, of services by their first letter: only patterns for all of them match."""
_OF_SERVICES = (
    *UNNAMED,
    Right("s3:getobject", "arn:{partition}:s3:::{name}/{name}"),
    Right("s3:deletebucket", "arn:{partition}:s3:::{name}"),
    Right("ec2:runinstances", "arn:{partition}:ec2:\x01:{account}:instance/{name}"),
    Right("ec2:terminateinstances", "arn:{partition}:ec2:\x01:{account}:instance/{name}"),
    Right("kms:decrypt", "arn:{partition}:kms:\x01:{account}:key/{name}"),
    Right("kms:schedulekeydeletion", "arn:{partition}:kms:\x01:{account}:key/{name}"),
    Right("lambda:updatefunctioncode", "arn:{partition}:lambda:\x01:{account}:function:{name}"),
    Right("rds:deletedbinstance", "arn:{partition}:rds:\x01:{account}:db:{name}"),
    Right("dynamodb:scan", "arn:{partition}:dynamodb:\x01:{account}:table/{name}"),
    Right("secretsmanager:getsecretvalue", "arn:{partition}:secretsmanager:\x01:{account}:secret:{name}"),
    Right("ssm:sendcommand", "arn:{partition}:ssm:\x01:{account}:document/{name}"),
    Right("cloudtrail:stoplogging", "arn:{partition}:cloudtrail:\x01:{account}:trail/{name}"),
    Right("cloudformation:createstack", "arn:{partition}:cloudformation:\x01:{account}:stack/{name}/{name}"),
    Right("iam:createuser", "arn:{partition}:iam::{account}:user/{name}"),
    Right("iam:createrole", "arn:{partition}:iam::{account}:role/{name}"),
    Right("iam:passrole", "arn:{partition}:iam::{account}:role/{name}"),
)
EVERYTHING = (*_OF_SERVICES, *(right for right in GRANTING_RIGHTS if right.of_iam))
"""An identity with all of these on all resources has administrator access: the first stand for all actions
that no policy names. Billing and the organisation itself are excluded: an administrator may lack them."""

ACTIONS = tuple(
    sorted({right.action for right in (*EVERYTHING, *(r for each in ESCALATIONS for r in each.rights))})
)
"""Every action that is evaluated here."""


KNOWN_SERVICES = (
    OWN_USE
    | WITHOUT_ROLES
    | {right.action.partition(":")[0] for each in ESCALATIONS for right in each.rights}
)
"""The services of which the data tell what they do with roles, by the prefix of their actions."""
PASSING_TO_ANY = Right(
    "iam:passrole",
    "arn:{partition}:iam::{account}:role/{name}",
    whole=True,
    service="\x01.amazonaws.com",
)
"""Passing any role to a service that no condition names."""
READING = ("get", "list", "describe", "search")
