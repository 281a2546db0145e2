"""The sample account's trails, besides the one that records the events of its main region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ALL_OBJECTS = {
    "Name": "All objects",
    "FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]},
        {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
    ],
}
READS = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True, "DataResources": []}


def seed(client: Callable[[str, str], Any], main: str, key: str) -> None:
    """Creates ``store-access`` (reads and writes of every object, in all regions) and ``events-2019``
    (stopped, with a public bucket).
    """
    trails = client("cloudtrail", main)
    trails.create_trail(
        Name="store-access",
        S3BucketName="audit-logs",
        IsMultiRegionTrail=True,
        EnableLogFileValidation=True,
        KmsKeyId=key,
        CloudWatchLogsLogGroupArn=f"arn:aws:logs:{main}:111122223333:log-group:store-access:*",
        CloudWatchLogsRoleArn="arn:aws:iam::111122223333:role/trail-to-logs",
        TagsList=[{"Key": "owner", "Value": "platform"}],
    )
    trails.put_event_selectors(TrailName="store-access", AdvancedEventSelectors=[ALL_OBJECTS])
    trails.start_logging(Name="store-access")
    old = client("cloudtrail", "us-east-1")
    old.create_trail(Name="events-2019", S3BucketName="www-old", IncludeGlobalServiceEvents=False)
    old.put_event_selectors(TrailName="events-2019", EventSelectors=[READS])
