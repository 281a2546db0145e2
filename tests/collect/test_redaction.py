"""What a recording replaces: no secret and no person may be left, and the rest must remain evidence."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.aws.client.failures import one_line as aws_line
from providers.azure.client.failures import one_line as azure_line
from providers.gcp.client.failures import one_line as gcp_line
from scanner.collect.answer_files import Exchange
from scanner.collect.answers import Recorder, Replay
from scanner.collect.redaction import Redaction, is_secret_key, masked

JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"RS256"}', b'{"sub":"1"}', b"x" * 32)
)
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAcanary\nAbCd/+12==\n-----END RSA PRIVATE KEY-----\n"
STORAGE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PATTERNS = {
    "AWS access key id": "AKIAJ7QWERTYUIOP1234",
    "AWS temporary access key id": "ASIAJ7QWERTYUIOP1234",
    "AWS secret access key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS session token": "IQoJb3JpZ2luX2VjEJr" + "aB3/x+9" * 30,
    "private key": PEM,
    "private key in one line": PEM.replace("\n", "\\n"),
    "truncated private key": PEM[:60],
    "OpenSSH key": PEM.replace("RSA", "OPENSSH"),
    "PKCS 8 key": PEM.replace("RSA ", ""),
    "JWT": JWT,
    "bearer": "Bearer 9f8e7d6c5b4a39281706",
    "basic": "Basic dXNlcjpwYXNzd29yZDEyMw==",
    "storage key": STORAGE_KEY,
    "client secret of Entra ID": "abc8Q~dEfGhIjKlMnOpQrStUvWxYz0123456789A",
    "Google API key": "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "Google access token": "ya29.a0AfH6SMBxCanaryCanaryCanary",
    "Google client secret": "GOCSPX-abcdefghijklmnopqrstuvwx",
    "GitHub": "ghp_" + "aB3" * 12,
    "GitLab": "glpat-abcdefghij0123456789",
    "Slack": "xoxb-123456789012-abcdefABCDEF",
    "Stripe": "sk_live_" + "a1B2c3D4" * 3,
    "SendGrid": "SG.abcdefghijklmnopqrstuv.ABCDEFGHIJKLMNOPQRSTUVWXYZ",
}
"""Secrets that are recognised wherever they are."""
CANARY = "c4n4ry-s3cr3t"
WITHIN = (
    "https://acc.blob.core.windows.net/c?sv=2022-11-02&se=2026-12-31&sig=c4n4ry-s3cr3t%3D&sp=r",
    "https://b.s3.amazonaws.com/x?X-Amz-Credential=c4n4ry-s3cr3t&X-Amz-Signature=c4n4ry-s3cr3t",
    "https://b.s3.amazonaws.com/x?X-Amz-Security-Token=c4n4ry-s3cr3t",
    "https://fn.azurewebsites.net/api/run?code=c4n4ry-s3cr3t",
    "postgres://admin:c4n4ry-s3cr3t@db.example.com:5432/shop",
    "https://admin:c4n4ry/s3cr3t@c4n4ry-s3cr3t@git.example.com/x",
    "Server=tcp:db.example.com;Database=shop;User Id=admin;Password=c4n4ry-s3cr3t;Encrypt=True",
    "Server=tcp:db.example.com;Pwd = c4n4ry-s3cr3t",
    "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=c4n4ry-s3cr3t;EndpointSuffix=core.windows.net",
    "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=c4n4ry-s3cr3t",
    "SharedAccessSignature=c4n4ry-s3cr3t",
    "export DB_PASSWORD=c4n4ry-s3cr3t",
    "aws_secret_access_key = c4n4ry-s3cr3t",
    "client_secret=c4n4ry-s3cr3t&grant_type=client_credentials",
    "the first password: c4n4ry-s3cr3t",
    "Error: {'secret': 'c4n4ry-s3cr3t'}",
    'failed with {\\"token\\": \\"c4n4ry-s3cr3t\\"}',
    "https://hooks.slack.com/services/c4n4ry-s3cr3t",
    "Encoded authorization failure message: c4n4ry-s3cr3t",
)
KEYS = (
    "password", "Password", "adminPassword", "MasterUserPassword", "passwd", "secret", "clientSecret",
    "secretText", "client_secret", "SecretString", "SecretAccessKey", "SessionToken", "token",
    "access_token", "refreshToken", "NextToken", "credential", "Credentials", "privateKey",
    "private_key", "apiKey", "customerAPIKey", "api-key", "connectionString", "primaryConnectionString",
    "primaryKey", "secondaryKey", "accountKey", "sharedKey", "authorization", "Authorization",
    "passphrase", "signature", "cookie", "UserData", "customData", "storageSas",
    "app.kubernetes.io/secret", "DB_PASSWORD", "secretId", "hashedPassword", "startup-script",
    "ssh-keys",
)  # fmt: skip
KEPT_KEYS = {
    "PasswordLastUsed": "2026-11-01T00:00:00Z",
    "lastPasswordChangeDateTime": "2026-11-01T00:00:00Z",
    "passwordPolicies": "DisablePasswordExpiration",
    "SecretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf",
    "secretName": "db",
    "HttpTokens": "required",
    "tokenType": "Bearer",
    "credentialType": "password",
    "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
    "AccessKeyStatus": "Active",
    "token.actions.githubusercontent.com:sub": "repo:example/shop:ref:refs/heads/main",
    "aws:TokenIssueTime": "2026-11-01T00:00:00Z",
    "KmsMasterKeyId": "alias/queues",
    "KeySpec": "RSA_4096",
    "signatureAlgorithm": "sha256WithRSAEncryption",
    "secretUri": "https://vault.example.net/secrets/db",
    "MasterUserSecret": {"SecretStatus": "active"},
    "password": None,
    "token": True,
    "secret": 7,
    "passwordCredentials": [{"keyId": "k", "endDateTime": "2027-01-01T00:00:00Z"}],
    "NextToken": "",
}
KEPT_TEXTS = (
    "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf",
    "arn:aws:iam::111122223333:role/team/Deploy-To-Production-With-Long-Names-01",
    '{"Action": "secretsmanager:GetSecretValue", "Resource": "*", "Sid": "Token"}',
    '{"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}}',
    "//storage.googleapis.com/projects/_/buckets/www",
    "https://www.googleapis.com/compute/v1/projects/shop/zones/europe-west1-b/instances/web-1",
    "https://sqs.eu-west-1.amazonaws.com:443/111122223333/orders",
    "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "basic authentication is disabled",
    "the response is not XML: unclosed token: line 1, column 350",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDexamplepublickey",
    '{ ($.errorCode = "*UnauthorizedOperation") || ($.eventName = "ConsoleLogin") }',
    'protoPayload.methodName="SetIamPolicy" AND resource.type=project',
    "serviceAccount:deploy@shop.iam.gserviceaccount.com",
    "user:alice@example.com",
    "security@sub.example.org",
    "repository@sha256:da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "password_enabled,password_last_used,password_last_changed",
    "true,2026-11-01T00:00:00+00:00,N/A",
)


def recorded(folder: Path, *answers: Any, names: bool = False) -> str:
    """The text of a recording with these answers; each is in the request and in an error too."""
    recorder = Recorder(folder / "case", names=names)
    for number, answer in enumerate(answers):
        about = {"n": number, "given": answer}
        recorder.record("aws", "bucket", "111122223333", Exchange("c", about, {"A": answer}, None))
        recorder.record("aws", "bucket", "111122223333", Exchange("d", about, None, {"message": answer}))
    assert CANARY not in repr(vars(recorder))
    recorder.write()
    return (folder / "case/aws/bucket.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("form", ["{}", "value {} end", "'{}'", '{{"A": "{}"}}', "x={}&y=1", "[{}]"])
def test_no_secret_of_a_known_form_is_left(tmp_path: Path, kind: str, form: str) -> None:
    secret = PATTERNS[kind].split(" ")[-1] if kind in ("bearer", "basic") else PATTERNS[kind]
    text = recorded(tmp_path, form.format(PATTERNS[kind]))
    assert not [line for line in secret.splitlines() if line in text]
    assert "REDACTED" in text


def test_an_access_key_id_remains_recognisable(tmp_path: Path) -> None:
    written = recorded(tmp_path, {"Key": "AKIAJ7QWERTYUIOP1234"}, "ASIAJ7QWERTYUIOP1234")
    assert "Key: AKIAREDACTED00000001" in written
    assert "ASIAREDACTED00000002" in written


@pytest.mark.parametrize("text", WITHIN)
def test_no_secret_in_a_text_is_left(tmp_path: Path, text: str) -> None:
    written = recorded(tmp_path, text)
    assert "c4n4ry" not in written
    assert "REDACTED-1" in written


@pytest.mark.parametrize("key", KEYS)
def test_no_secret_under_its_key_is_left(tmp_path: Path, key: str) -> None:
    forms: tuple[Any, ...] = (
        {key: CANARY},
        {"deep": [{"er": {key: CANARY}}]},
        {key: [CANARY, [CANARY]]},
        {"Name": key, "Value": CANARY},
        {"key": key, "value": CANARY},
        {"ParameterKey": key, "ParameterValue": CANARY},
        json.dumps({"inner": {key: CANARY}}),
    )
    written = recorded(tmp_path, *forms)
    assert CANARY not in written
    assert "REDACTED-1" in written
    assert "REDACTED-2" not in written


def test_environment_variables_are_replaced_whatever_their_names(tmp_path: Path) -> None:
    written = recorded(
        tmp_path,
        {"Environment": {"Variables": {"TABLE": CANARY}, "Error": {"Message": CANARY}}},
        {"containers": [{"env": [{"name": "TABLE", "value": CANARY}]}]},
        {"environmentVariables": {"TABLE": CANARY}},
        {"appSettings": [{"name": "TABLE", "value": CANARY}]},
    )
    assert CANARY not in written
    assert "name: TABLE" in written
    tags = {"env": "prod", "environment": "test"}
    assert Redaction().redact(tags) == tags


@pytest.mark.parametrize("key", KEPT_KEYS)
def test_what_describes_a_secret_remains(key: str) -> None:
    value = {key: KEPT_KEYS[key]}
    assert Redaction().redact(value) == value


@pytest.mark.parametrize("text", KEPT_TEXTS)
def test_evidence_remains(text: str) -> None:
    assert Redaction().redact(text) == text


def test_keys_of_conditions_are_no_secrets() -> None:
    assert not is_secret_key("token.actions.githubusercontent.com:aud")
    assert not is_secret_key("aws:MultiFactorAuthAge")


def test_the_same_secret_is_replaced_by_the_same_text(tmp_path: Path) -> None:
    token = "a/b+c=d e"
    recorder = Recorder(tmp_path / "case")
    page = {
        "nextLink": f"https://x.example.net/r?$skiptoken={quote(token)}",
        "NextToken": token,
        "token": "other",
    }
    recorder.record("azure", "bucket", "s", Exchange("c", {"NextToken": token}, page, None))
    recorder.write()
    (state,) = Replay.read(tmp_path / "case").states
    (exchange,) = state.answers
    assert exchange.about == {"NextToken": exchange.answer["NextToken"]}  # type: ignore[index]
    assert exchange.answer == {
        "nextLink": f"https://x.example.net/r?$skiptoken={exchange.about['NextToken']}",
        "NextToken": exchange.about["NextToken"],
        "token": "REDACTED-2",
    }


def test_redacting_twice_changes_nothing() -> None:
    values = [*PATTERNS.values(), *WITHIN, {"password": "x"}, "a@corp.test", {"env": [{"value": "x"}]}]
    once = Redaction().redact(values)
    assert Redaction().redact(once) == once


def test_people_are_replaced_and_their_domains_told_apart(tmp_path: Path) -> None:
    members = [
        "user:Alice.Smith@corp.test",
        "alice.smith@corp.test",
        "bob+x@corp.test",
        "group:ops@partner.test",
        "user:carol@gmail.com",
        "user%3Adave%40corp.test",
        "domain:corp.test",
        "eve_partner.test#EXT#@corp.test",
        "arn:aws:sts::111122223333:assumed-role/Admin/frank@corp.test",
        "https://app.corp.test/x?user=grace@corp.test",
    ]
    written = recorded(tmp_path, members)
    for left in ("lice", "bob", "ops", "carol", "dave", "eve", "frank", "grace", "corp", "partner"):
        assert left not in written, left
    (exchange,) = [one for one in Replay.read(tmp_path / "case").states[0].answers if one.call == "c"]
    assert exchange.answer == {
        "A": [
            "user:person-1@example.com",
            "person-1@example.com",
            "person-2@example.com",
            "group:person-3@domain-2.example.com",
            "user:person-4@gmail.com",
            "user%3Aperson-5%40example.com",
            "domain:example.com",
            "person-6#EXT#@example.com",
            "arn:aws:sts::111122223333:assumed-role/Admin/person-7@example.com",
            "https://app.example.com/x?user=person-8@example.com",
        ]
    }


def test_a_domain_never_becomes_one_that_is_in_the_recording(tmp_path: Path) -> None:
    written = recorded(tmp_path, "user:alice@example.com", "user:bob@corp.test")
    assert "user:alice@example.com" in written
    assert "user:person-1@domain-1.example.com" in written


NAMED = [
    {
        "Buckets": [{"Name": "acme-invoices"}, {"Name": "acme"}, {"Name": "standard"}, {"Name": "default"}],
        "Instances": [
            {
                "State": {"Name": "running"},
                "Tags": [{"Key": "Name", "Value": "Acme Web 1"}, {"Key": "owner", "Value": "acme"}],
                "StorageClass": "Standard",
                "Parameters": [{"ParameterName": "force_ssl", "ParameterValue": "1"}],
            }
        ],
        "Policy": '{"Resource": ["arn:aws:s3:::acme-invoices/*", "arn:aws:s3:::acme-in*"]}',
        "Role": "arn:aws:iam::111122223333:role/acme-team/acme-deploy",
        "Managed": {
            "PolicyName": "AdministratorAccess",
            "Arn": "arn:aws:iam::aws:policy/AdministratorAccess",
        },
        "id": "/subscriptions/0a0a0a0a-1111-4222-8333-444455556666/resourceGroups/Acme-RG/providers/"
        "Microsoft.Compute/virtualMachines/acmevm/providers/Microsoft.Insights/diagnosticSettings/acme-logs",
        "type": "Microsoft.Compute/virtualMachines",
        "name": "acmevm",
        "sku": {"name": "Premium"},
        "url": "https://acmevm.example.net/acme%2Dinvoices",
    }
]


def test_names_are_replaced_everywhere_if_wanted(tmp_path: Path) -> None:
    written = recorded(tmp_path, *NAMED, names=True)
    assert "acme" not in written.lower()
    for kept in (
        "Name: running",
        "StorageClass: Standard",
        "ParameterName: force_ssl",
        "policy/AdministratorAccess",
        "Microsoft.Compute/virtualMachines/",
        "Name: default",
        "name: Premium",
    ):
        assert kept in written, kept


def test_names_remain_unless_they_are_to_be_replaced(tmp_path: Path) -> None:
    written = recorded(tmp_path, *NAMED)
    assert "acme-invoices" in written
    assert "name-1" not in written


def test_replaced_names_stay_distinct_and_consistent(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "case", names=True)
    recorder.record(
        "aws",
        "bucket",
        "1",
        Exchange("s3:ListBuckets", {}, {"Buckets": [{"Name": "a-1"}, {"Name": "a-12"}]}, None),
    )
    for name in ("a-1", "a-12"):
        arn = f"arn:aws:s3:::{name}/*"
        recorder.record(
            "aws", "bucket", "1", Exchange("s3:GetBucketPolicy", {"Bucket": name}, {"Policy": arn}, None)
        )
    recorder.write()
    replay = Replay.read(tmp_path / "case")
    listed = replay.find("aws", "s3:ListBuckets", {})
    assert listed is not None
    names = [each["Name"] for each in listed.answer["Buckets"]]  # type: ignore[index]
    assert len(set(names)) == 2
    for name in names:
        found = replay.find("aws", "s3:GetBucketPolicy", {"Bucket": name})
        assert found is not None
        assert found.answer == {"Policy": f"arn:aws:s3:::{name}/*"}


@given(
    st.recursive(
        st.text(max_size=40) | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=12), inner),
        max_leaves=12,
    )
)
def test_any_value_is_redacted_to_the_same_form(value: Any) -> None:
    redaction = Redaction()
    clean = redaction.redact(value)
    assert redaction.redact(clean) == clean
    assert type(clean) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "a." * 100_000 + "@",
        "password" * 20_000,
        "//:" * 60_000,
        "eyJ" * 60_000,
        "A1b/" * 50_000,
        "=" * 200_000,
    ],
)
def test_long_texts_take_no_long_time(text: str) -> None:
    # A pattern that backtracks would not end.
    Redaction().redact([text, f"{text}@corp.test"])


@pytest.mark.parametrize(
    "text",
    [
        "sign-in failed: password: c4n4ry",
        "sign-in failed: Password:c4n4ry",
        "sign-in failed, db_password : c4n4ry",
        'the body was {"grant_type":"x","client_secret":"c4n4ry"}',
        "the body was {'client_secret': 'c4n4ry', 'x': 1}",
        "client_secret: c4n4ry",
        "clientSecret: c4n4ry",
        "access_token: c4n4ry",
        "apiKey: c4n4ry",
        'the body was {\\"password\\":\\"c4n4ry\\"}',
    ],
)
def test_messages_of_every_cloud_hold_no_secret(text: str) -> None:
    for line in (masked(text), aws_line(text), azure_line(text), gcp_line(text), Redaction().redact(text)):
        assert "c4n4ry" not in line


@pytest.mark.parametrize(
    "text",
    [
        "AccessDenied: no identity-based policy allows the secretsmanager:ListSecrets action",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:payroll is not there",
        "the access key was not found",
        "unclosed token: line 1, column 0",
        "password: null",
    ],
)
def test_messages_without_secrets_stay_as_they_are(text: str) -> None:
    assert masked(text) == text
