"""CloudTrail: the trails, and which of them record the control-plane writes of an account or a region."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.table import flag, header_of
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Answer, Facet, FacetRead, Item, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, lift
from scanner.model.resources.audit import AuditTrail

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

DESCRIBE_TRAILS = AwsCall("cloudtrail", "DescribeTrails", regional=True)
GET_TRAIL_STATUS = AwsCall(
    "cloudtrail",
    "GetTrailStatus",
    parameters=(("Name", "TrailARN"),),
    regional=True,
)
GET_EVENT_SELECTORS = AwsCall(
    "cloudtrail",
    "GetEventSelectors",
    parameters=(("TrailName", "TrailARN"),),
    regional=True,
)


LIST_TAGS = AwsCall(
    "cloudtrail",
    "ListTags",
    parameters=(("ResourceIdList", "arns"),),
    regional=True,
)


def described(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """DescribeTrails in the item's region, called once and shared."""
    return caller.once((DESCRIBE_TRAILS, item["region"]), partial(caller.answer, DESCRIBE_TRAILS, item))


def of_trail(call: AwsCall, caller: AwsCaller, item: Item) -> Observed[Answer]:
    """Called once per trail, in its home region: a multi-region trail is listed in every region."""
    return caller.once((call, item["TrailARN"]), partial(caller.answer, call, item))


def tags(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """ListTags, which refuses ARNs of other accounts: only the account that created an organisation trail
    can read its tags.
    """
    owner = item["TrailARN"].split(":")[4]
    if owner != item["account"]:
        message = f"only account {owner}, which created this organisation trail, can read its tags"
        return Unknown.because("unsupported", LIST_TAGS.name, None, message)
    return caller.answer(LIST_TAGS, {**item, "arns": [item["TrailARN"]]})


STATUS = AwsChain((GET_TRAIL_STATUS,), partial(of_trail, GET_TRAIL_STATUS), about=("TrailARN",))
SELECTORS = AwsChain((GET_EVENT_SELECTORS,), partial(of_trail, GET_EVENT_SELECTORS), about=("TrailARN",))
TAGS = AwsChain((LIST_TAGS,), tags, about=("TrailARN",))


def recording_trails(everywhere: bool, caller: AwsCaller, item: Item) -> Observed[tuple[str, ...]]:
    """The names of the trails that currently record management write events of the item's region.

    With ``everywhere`` only multi-region trails count: ``IsMultiRegionTrail`` of DescribeTrails, which
    lists them in every region, organisation trails included. A single-region organisation trail covers
    only its own region.
    """
    listing = described(caller, item)
    if isinstance(listing, Unknown):
        return listing
    covering = [
        trail
        for trail in listing["trailList"]
        if trail["IsMultiRegionTrail"] or (trail["HomeRegion"] == item["region"] and not everywhere)
    ]
    facts = [_is_recording(caller, trail) for trail in covering]

    def names(*recording: bool) -> tuple[str, ...]:
        return tuple(sorted(t["Name"] for t, records in zip(covering, recording, strict=True) if records))

    return lift(names, *facts)


def _is_recording(caller: AwsCaller, trail: Mapping[str, Any]) -> Observed[bool]:
    item = {"TrailARN": trail["TrailARN"], "region": trail["HomeRegion"]}

    def fact(call: AwsCall, function: Any) -> Observed[bool]:
        answer = of_trail(call, caller, item)
        return answer if isinstance(answer, Unknown) else caller.read(call, function, answer)

    logging = fact(GET_TRAIL_STATUS, is_delivering)
    if not isinstance(logging, Unknown) and not logging:
        return False
    return all_of(logging, fact(GET_EVENT_SELECTORS, records_writes))


class Trails:
    """The listing of trails over all regions: each trail is taken once, from the first region that lists it.

    DescribeTrails lists a multi-region trail in each region, and an organisation trail in each member
    account too. If its home region is closed to the caller, another region still lists it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def start(
        self, caller: AwsCaller, place: CollectionPlace, wanted: frozenset[str], collection: Collection
    ) -> None:
        """Starts the collection of the trails that one region lists."""
        listing = described(caller, caller.item(place.region))
        trails = listing
        if not isinstance(listing, Unknown):
            trails = caller.read(DESCRIBE_TRAILS, self._new, listing)
        if isinstance(trails, Unknown):
            collection.blind_spot(place, trails)
            return
        items = [{**caller.item(trail["HomeRegion"]), **trail} for trail in trails]
        collection.run(AUDIT_TRAILS, caller, place, wanted, items)

    def _new(self, listing: Answer) -> Sequence[Item]:
        """The trails that no other region has listed. Reads the whole listing before marking any as seen."""
        found = {trail["TrailARN"]: trail for trail in listing["trailList"] if trail["HomeRegion"]}
        with self._lock:
            new = found.keys() - self._seen
            self._seen |= new
        return [found[arn] for arn in sorted(new)]


def header(item: Item) -> Mapping[str, Any]:
    """``TrailARN``, ``Name`` and ``HomeRegion`` of DescribeTrails; the scope is the scanned account."""
    return header_of(item, item["TrailARN"], item["Name"], "aws.cloudtrail.trail", region=item["HomeRegion"])


def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``ResourceTagList`` of ListTags: one entry for the one requested ARN."""
    (entry,) = answer["ResourceTagList"]
    return {tag["Key"]: tag.get("Value", "") for tag in entry["TagsList"]}


def to_logging(item: Item, answer: Answer) -> bool:
    """GetTrailStatus; see :func:`is_delivering`."""
    return is_delivering(answer)


def to_all_regions(item: Item) -> bool:
    """``IsMultiRegionTrail`` of DescribeTrails."""
    return flag(item["IsMultiRegionTrail"])


def to_organisation_wide(item: Item) -> bool:
    """``IsOrganizationTrail`` of DescribeTrails; a trail of another account is an organisation trail, too.
    Responses from before organisation trails existed lack the field.
    """
    return item["TrailARN"].split(":")[4] != item["account"] or flag(item.get("IsOrganizationTrail", False))


def to_tamper_evident(item: Item) -> bool:
    """``LogFileValidationEnabled`` of DescribeTrails."""
    return flag(item["LogFileValidationEnabled"])


def to_customer_key(item: Item) -> bool:
    """``KmsKeyId`` of DescribeTrails is set only for SSE-KMS, for which a trail accepts no AWS managed key;
    without it SSE-S3 encrypts (CloudTrail user guide, "Encrypting log files").
    """
    return bool(item.get("KmsKeyId"))


def to_destinations(item: Item) -> tuple[str, ...]:
    """``S3BucketName`` and ``CloudWatchLogsLogGroupArn`` of DescribeTrails, as ARNs."""
    group = item.get("CloudWatchLogsLogGroupArn")
    bucket = f"arn:{item['partition']}:s3:::{item['S3BucketName']}"
    return tuple(sorted([bucket, *([group.removesuffix(":*")] if group else [])]))


def to_global_services(item: Item) -> bool:
    """``IncludeGlobalServiceEvents`` of DescribeTrails: without it IAM, STS and CloudFront are excluded."""
    return flag(item["IncludeGlobalServiceEvents"])


def to_records_writes(item: Item, answer: Answer) -> bool:
    """The selectors of GetEventSelectors together select the management writes of every service.

    Stricter than :func:`records_writes`: KMS and the RDS Data API must not be excluded either.
    """
    excluded = [
        frozenset(selector.get("ExcludeManagementEventSources") or ())
        for selector in answer.get("EventSelectors") or ()
        if selector["IncludeManagementEvents"] and selector["ReadWriteType"] in ("All", "WriteOnly")
    ]
    excluded += [
        frozenset(value for field in fields for value in field.get("NotEquals") or () if _of_source(field))
        for fields in (each["FieldSelectors"] for each in answer.get("AdvancedEventSelectors") or ())
        if _selects_writes(fields)
    ]
    return records_writes(answer) and bool(excluded) and not frozenset.intersection(*excluded)


def _of_source(field: Mapping[str, Any]) -> bool:
    return bool(field["Field"] == "eventSource")


def to_records_objects(item: Item, answer: Answer) -> bool:
    """The selectors of GetEventSelectors together select reads and writes of all objects in S3."""
    selected: set[str] = set()
    plain, advanced = _selectors(answer)
    for selector in plain:
        if any(map(_all_objects, selector["DataResources"])):
            selected |= _READ_WRITE[selector["ReadWriteType"]]
    for selector in advanced:
        selected |= _selected_objects(selector["FieldSelectors"])
    return selected == {"read", "write"}


def _all_objects(resource: Mapping[str, Any]) -> bool:
    """A ``DataResources`` entry for every object: the prefix ``arn:aws:s3`` (API reference, DataResource)."""
    return resource["Type"] == "AWS::S3::Object" and any(map(_ALL_BUCKETS.fullmatch, resource["Values"]))


def _selected_objects(fields: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The access types that one advanced selector selects for all objects: none if it selects only some."""
    conditions = [(field, operator, *values) for field, operator, values in _conditions(fields)]
    selected = _READ_WRITE["All"] if set(conditions) >= _OBJECTS else frozenset()
    for condition in conditions:
        if condition in _READS_OR_WRITES:
            selected &= _READS_OR_WRITES[condition]
        elif condition[:2] == ("resources.ARN", "StartsWith"):
            if not any(map(_ALL_BUCKETS.fullmatch, condition[2:])):
                return frozenset()
        elif condition not in _OBJECTS | {("eventSource", "Equals", "s3.amazonaws.com")}:
            return frozenset()
    return selected


_ALL_BUCKETS = re.compile(r"arn:[\w-]+:s3(:::)?")
_READ_WRITE: Mapping[str, frozenset[str]] = {
    "All": frozenset({"read", "write"}),
    "ReadOnly": frozenset({"read"}),
    "WriteOnly": frozenset({"write"}),
}
_READS_OR_WRITES: Mapping[tuple[str, ...], frozenset[str]] = {
    ("readOnly", "Equals", "true"): _READ_WRITE["ReadOnly"],
    ("readOnly", "NotEquals", "false"): _READ_WRITE["ReadOnly"],
    ("readOnly", "Equals", "false"): _READ_WRITE["WriteOnly"],
    ("readOnly", "NotEquals", "true"): _READ_WRITE["WriteOnly"],
}
_OBJECTS = frozenset({("eventCategory", "Equals", "Data"), ("resources.type", "Equals", "AWS::S3::Object")})


def is_delivering(answer: Mapping[str, Any]) -> bool:
    """``IsLogging`` of GetTrailStatus without a ``LatestDeliveryError``, which is set while delivery to the
    bucket fails.
    """
    logging: bool = answer["IsLogging"]
    return logging and not answer.get("LatestDeliveryError")


def records_writes(answer: Mapping[str, Any]) -> bool:
    """Whether a selector of GetEventSelectors selects management write events of all services.

    ``ExcludeManagementEventSources`` and ``eventSource NotEquals`` may exclude the two services that AWS
    allows to exclude for their volume (KMS and the RDS Data API); with any other restriction the selector
    does not cover all. A trail always has selectors of one of the two forms; otherwise raises
    :class:`ValueError`.
    """
    plain, advanced = _selectors(answer)
    return any(
        selector["IncludeManagementEvents"] and selector["ReadWriteType"] in ("All", "WriteOnly")
        for selector in plain
    ) or any(_selects_writes(selector["FieldSelectors"]) for selector in advanced)


def _selectors(answer: Mapping[str, Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    plain, advanced = answer.get("EventSelectors"), answer.get("AdvancedEventSelectors")
    if not plain and not advanced:
        # A trail always has some: an empty list does not prove that it records nothing.
        raise ValueError("no event selectors")
    return plain or (), advanced or ()


def _conditions(fields: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Field, operator and values. A field without a name is an error: the condition would be lost."""
    for each in fields:
        name = each["Field"]
        yield from (
            (name, operator, values) for operator, values in each.items() if operator != "Field" and values
        )


def _selects_writes(fields: list[Mapping[str, Any]]) -> bool:
    """``FieldSelectors`` of one advanced event selector; an event must meet all of them."""
    conditions = [(field, operator, frozenset(values)) for field, operator, values in _conditions(fields)]
    management = ("eventCategory", "Equals", frozenset({"Management"}))
    allowed = {
        management,
        ("readOnly", "Equals", frozenset({"false"})),
        ("readOnly", "NotEquals", frozenset({"true"})),
    }
    return management in conditions and all(
        condition in allowed
        or (condition[:2] == ("eventSource", "NotEquals") and condition[2] <= EXCLUDABLE_SOURCES)
        for condition in conditions
    )


EXCLUDABLE_SOURCES = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})

TRAILS_OF_REGION = AwsChain(
    (DESCRIBE_TRAILS, GET_TRAIL_STATUS, GET_EVENT_SELECTORS), partial(recording_trails, False), regional=True
)
TRAILS_OF_ALL_REGIONS = AwsChain(
    (DESCRIBE_TRAILS, GET_TRAIL_STATUS, GET_EVENT_SELECTORS), partial(recording_trails, True)
)


AUDIT_TRAILS: Table[AwsQuestion] = Table(
    kind=AuditTrail,
    list=DESCRIBE_TRAILS,
    header=header,
    facets={
        "tags": asked(TAGS, to_tags),
        "logging": asked(STATUS, to_logging),
        "all_regions": from_list(to_all_regions),
        "organisation_wide": from_list(to_organisation_wide),
        "records_writes": Facet(
            (FacetRead(None, to_global_services), FacetRead(SELECTORS, to_records_writes)), all_of
        ),
        "records_data_access": Facet(
            (FacetRead(None, to_all_regions), FacetRead(SELECTORS, to_records_objects)), all_of
        ),
        "tamper_evident": from_list(to_tamper_evident),
        "customer_key": from_list(to_customer_key),
        "destinations": from_list(to_destinations),
    },
)
