"""The AWS operation of an HTTP request: by header, path, query or form, depending on the protocol."""

from __future__ import annotations

import io
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs

BUCKET_READS = {
    "acl": "GetBucketAcl",
    "encryption": "GetBucketEncryption",
    "location": "GetBucketLocation",
    "logging": "GetBucketLogging",
    "ownershipControls": "GetBucketOwnershipControls",
    "policy": "GetBucketPolicy",
    "policyStatus": "GetBucketPolicyStatus",
    "publicAccessBlock": "GetPublicAccessBlock",
    "tagging": "GetBucketTagging",
    "versioning": "GetBucketVersioning",
}

LAMBDA_READS = {
    "functions": "ListFunctions",
    "runtime-management-config": "GetRuntimeManagementConfig",
    "tags": "ListTags",
}
"""By a part of the path after the API version: its last or its first."""
EKS_READS = {
    "clusters": "ListClusters",
    "node-groups": "ListNodegroups",
    "fargate-profiles": "ListFargateProfiles",
}
"""By the last part of the path."""


def operation(environ: MutableMapping[str, Any]) -> str:
    """Service and operation as the adapters name them, e.g. ``s3:GetBucketAcl``."""
    service = _service(environ)
    path = environ.get("PATH_INFO", "")
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return f"{service}:{target.rpartition('.')[2]}"
    if service == "s3" and path.startswith("/v20180820/"):
        last = path.rpartition("/")[2]
        return f"s3control:{_verb(environ)}{last[:1].upper()}{last[1:]}"
    if service == "s3":
        return f"s3:{_of_s3(environ, path)}"
    if service == "account":
        return f"account:{path[1:2].upper()}{path[2:]}"
    if service in ("lambda", "eks"):
        return f"{service}:{_of_paths(service, _verb(environ), path)}"
    form = parse_qs(body(environ).decode("utf-8", "replace"))
    return f"{service}:{form.get('Action', ['?'])[0]}"


def body(environ: MutableMapping[str, Any]) -> bytes:
    """The request's body, which can be read again afterwards."""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return content


def region(environ: MutableMapping[str, Any]) -> str:
    """The region that the request was signed for."""
    return _scope(environ)[1]


def _of_s3(environ: MutableMapping[str, Any], path: str) -> str:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if environ["REQUEST_METHOD"] == "HEAD":
        return "HeadBucket"
    if path == "/":
        return "ListBuckets"
    for name, read in BUCKET_READS.items():
        if name in query:
            return read if _verb(environ) == "Get" else f"{_verb(environ)}{read.removeprefix('Get')}"
    return f"{_verb(environ)}Bucket"


def _of_paths(service: str, verb: str, path: str) -> str:
    parts = path.strip("/").split("/")
    if verb != "Get":
        return f"{verb}{parts[-1]}"
    if service == "eks":
        return EKS_READS.get(parts[-1], "DescribeCluster")
    found = LAMBDA_READS.get(parts[-1]) or LAMBDA_READS.get(parts[1])
    return found or "GetFunction"


def _verb(environ: MutableMapping[str, Any]) -> str:
    return str(environ["REQUEST_METHOD"]).capitalize()


def _service(environ: MutableMapping[str, Any]) -> str:
    return _scope(environ)[2]


def _scope(environ: MutableMapping[str, Any]) -> tuple[str, str, str]:
    """Date, region and service of the credential scope of a Signature Version 4."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    _, found, rest = authorization.partition("Credential=")
    parts = rest.partition(",")[0].split("/")
    if not found or len(parts) != 5:
        return "", "us-east-1", "unsigned"
    return parts[1], parts[2], parts[3]
