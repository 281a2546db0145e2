"""IAM's responses about the identities of the sample account.

moto has no root user, no paging and no last-used dates, so these responses are built here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

from providers.sandbox.aws.faults import REQUEST_ID, Answer
from providers.sandbox.aws.people import GROUPS, POLICIES, ROOT, USERS, SampleUser, roles

MEMBERS = ("444455556666", "555566667777")
"""The other accounts of the sample company's organisation."""
HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,"
    "cert_2_active,cert_2_last_rotated"
)
XML = "text/xml"
NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


class Identities:
    """IAM's responses about the users, roles and policies of one account."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.written = False
        """Whether AWS has generated a credential report in the last four hours."""
        self.polls = 1
        """How many requests for a new report fail before it is ready."""
        self._left = 0

    def seed(self, client: Any) -> None:
        """Creates what moto supports: the password policy."""
        client("iam").update_account_password_policy(MinimumPasswordLength=8, RequireNumbers=True)

    def answer(self, name: str, form: bytes, organisation: str, page_size: int) -> Answer | None:
        """The response to an operation, if it is one of these. ``form`` is the request's body."""
        if name == "iam:GenerateCredentialReport":
            return self._generate()
        if name == "iam:GetCredentialReport":
            return self._report()
        if name == "iam:GetAccountSummary":
            return _answer("GetAccountSummary", _summary())
        if name == "iam:GetAccountAuthorizationDetails":
            fields = {key: values[0] for key, values in parse_qs(form.decode()).items()}
            size = min(page_size, int(fields.get("MaxItems", "100")))
            page = self._page(organisation, int(fields.get("Marker", "0")), size)
            return _answer("GetAccountAuthorizationDetails", page)
        if name == "organizations:ListAccounts":
            return self._accounts(organisation)
        if name == "organizations:ListDelegatedAdministrators":
            # moto refuses the service, which nobody has registered with it.
            return Answer(200, "application/x-amz-json-1.1", b'{"DelegatedAdministrators": []}')
        return None

    def _generate(self) -> Answer:
        if self.written:
            return _answer("GenerateCredentialReport", {"State": "COMPLETE"})
        self.written, self._left = True, self.polls
        started = {
            "State": "STARTED",
            "Description": "No report exists. Starting a new report generation task",
        }
        return _answer("GenerateCredentialReport", started)

    def _report(self) -> Answer:
        if not self.written:
            return _error(410, "ReportNotPresent")
        if self._left:
            self._left -= 1
            return _error(404, "ReportInProgress")
        lines = [HEADER, *(_line(self.account, user) for user in (ROOT, *USERS))]
        content = base64.b64encode("\n".join(lines).encode()).decode()
        report = {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": "2026-11-22T05:00:00Z"}
        return _answer("GetCredentialReport", report)

    def _page(self, organisation: str, start: int, size: int) -> Mapping[str, Any]:
        entries = list(self._details(organisation))
        page: dict[str, Any] = {}
        for kind in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
            page[kind] = [entry for of, entry in entries[start : start + size] if of == kind]
        more = start + size < len(entries)
        return {**page, "IsTruncated": more, **({"Marker": str(start + size)} if more else {})}

    def _details(self, organisation: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for user in USERS:
            detail = {
                "Path": user.path,
                "UserName": user.name,
                "UserId": f"AIDAEXAMPLE{user.name.upper().replace('-', '')}",
                "Arn": _arn(self.account, "user", user.path, user.name),
                "CreateDate": user.created,
                "GroupList": list(user.groups),
                "AttachedManagedPolicies": [_attached(self.account, name) for name in user.policies],
                "Tags": [{"Key": key, "Value": value} for key, value in user.tags.items()],
            }
            yield "UserDetailList", detail
        for group in GROUPS:
            yield (
                "GroupDetailList",
                {
                    "Path": "/",
                    "GroupName": group.name,
                    "GroupId": f"AGPAEXAMPLE{group.name.upper().replace('-', '')}",
                    "Arn": _arn(self.account, "group", "/", group.name),
                    "CreateDate": "2021-04-12T09:00:00Z",
                    "GroupPolicyList": _inline(group.inline),
                    "AttachedManagedPolicies": [_attached(self.account, name) for name in group.policies],
                },
            )
        for role in roles(self.account, organisation):
            bound = role.boundary and {
                "PermissionsBoundary": {
                    "PermissionsBoundaryType": "Policy",
                    "PermissionsBoundaryArn": _policy_arn(self.account, role.boundary),
                }
            }
            used = {"LastUsedDate": role.last_used, "Region": "eu-west-1"} if role.last_used else {}
            yield (
                "RoleDetailList",
                {
                    "Path": role.path,
                    "RoleName": role.name,
                    "RoleId": f"AROAEXAMPLE{role.name.upper().replace('-', '')}",
                    "Arn": _arn(self.account, "role", role.path, role.name),
                    "CreateDate": "2022-02-01T09:00:00Z",
                    "AssumeRolePolicyDocument": _document(role.trust),
                    "InstanceProfileList": [],
                    "RolePolicyList": _inline(role.inline),
                    "AttachedManagedPolicies": [_attached(self.account, name) for name in role.policies],
                    "Tags": [{"Key": key, "Value": value} for key, value in role.tags.items()],
                    "RoleLastUsed": used,
                    **(bound or {}),
                },
            )
        for name, policy in POLICIES.items():
            yield (
                "Policies",
                {
                    "PolicyName": name,
                    "PolicyId": f"ANPAEXAMPLE{name.upper().replace('-', '')}",
                    "Arn": _policy_arn(self.account, name),
                    "Path": "/",
                    "DefaultVersionId": "v1",
                    "IsAttachable": True,
                    "PolicyVersionList": [
                        {
                            "Document": _document(policy.document),
                            "VersionId": "v1",
                            "IsDefaultVersion": True,
                            "CreateDate": "2021-04-12T09:00:00Z",
                        }
                    ],
                },
            )

    def _accounts(self, organisation: str) -> Answer:
        accounts = [
            {
                "Id": account,
                "Arn": f"arn:aws:organizations::{self.account}:account/{organisation}/{account}",
                "Name": f"sample-{account[:4]}",
                "Email": f"aws-{account[:4]}@example.com",
                "Status": "ACTIVE",
                "JoinedMethod": "CREATED",
            }
            for account in (self.account, *MEMBERS)
        ]
        content = json.dumps({"Accounts": accounts}).encode()
        return Answer(200, "application/x-amz-json-1.1", content)


def _summary() -> Mapping[str, Any]:
    counts = {
        "AccountAccessKeysPresent": int(bool(ROOT.keys)),
        "AccountMFAEnabled": int(ROOT.mfa),
        "AccountPasswordPresent": 1,
        "Users": len(USERS),
        "Groups": len(GROUPS),
    }
    return {"SummaryMap": {"entry": [{"key": key, "value": value} for key, value in counts.items()]}}


def _line(account: str, user: SampleUser) -> str:
    root = user is ROOT
    arn = f"arn:aws:iam::{account}:root" if root else _arn(account, "user", user.path, user.name)
    enabled = str(user.password).lower()
    changed = user.created if user.password else "N/A"
    used = user.signed_in or ("no_information" if user.password else "N/A")
    cells = [user.name, arn, user.created, "not_supported" if root else enabled, used]
    cells += ["not_supported" if root else changed, "not_supported" if root else "N/A"]
    cells.append(str(user.mfa).lower())
    for key in (*user.keys, None, None)[:2]:
        if key is None:
            cells += ["false", "N/A", "N/A", "N/A", "N/A"]
        else:
            where = ["eu-west-1", "s3"] if key.last_used else ["N/A", "N/A"]
            cells += [str(key.active).lower(), key.created, key.last_used or "N/A", *where]
    return ",".join([*cells, "false", "N/A", "false", "N/A"])


def _arn(account: str, kind: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:{kind}{path}{name}"


def _policy_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{'aws' if POLICIES[name].of_aws else account}:policy/{name}"


def _attached(account: str, name: str) -> Mapping[str, str]:
    return {"PolicyName": name, "PolicyArn": _policy_arn(account, name)}


def _inline(policies: Mapping[str, Any]) -> list[Mapping[str, str]]:
    return [
        {"PolicyName": name, "PolicyDocument": _document(document)} for name, document in policies.items()
    ]


def _document(statements: Sequence[Mapping[str, Any]]) -> str:
    return quote(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def _answer(operation: str, result: Mapping[str, Any]) -> Answer:
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation}Response xmlns="{NAMESPACE}">'
        f"<{operation}Result>{_xml(result)}</{operation}Result>"
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Answer(200, XML, content.encode())


def _error(status: int, code: str) -> Answer:
    content = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code></Error>'
        f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )
    return Answer(status, XML, content.encode())


def _xml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(
            "".join(f"<entry>{_xml(each)}</entry>" for each in inner)
            if key == "entry"
            else f"<{key}>{_xml(inner)}</{key}>"
            for key, inner in value.items()
        )
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))
