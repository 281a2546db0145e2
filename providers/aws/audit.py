"""CloudTrail: the trails, and which of them carry the control-plane writes of an account or of one region."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.client.calls import AwsCall, AwsChain, AwsQuestion
from scanner.collect.collection import (
    Answer,
    Collection,
    CollectionPlace,
    Facet,
    FacetRead,
    Item,
    Table,
    asked,
    from_list,
)
from scanner.model.evidence import Observed, Unknown, all_of, lift
from scanner.model.resources.audit import AuditTrail

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

DESCRIBE_TRAILS = AwsCall("cloudtrail", "describe_trails", "cloudtrail:DescribeTrails", regional=True)
GET_TRAIL_STATUS = AwsCall(
    "cloudtrail",
    "get_trail_status",
    "cloudtrail:GetTrailStatus",
    parameters=(("Name", "TrailARN"),),
    regional=True,
)
GET_EVENT_SELECTORS = AwsCall(
    "cloudtrail",
    "get_event_selectors",
    "cloudtrail:GetEventSelectors",
    parameters=(("TrailName", "TrailARN"),),
    regional=True,
)


LIST_TAGS = AwsCall(
    "cloudtrail",
    "list_tags",
    "cloudtrail:ListTags",
    parameters=(("ResourceIdList", "arns"),),
    regional=True,
)


def described(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """DescribeTrails in the item's region, asked once for all who want to know."""
    return caller.once((DESCRIBE_TRAILS, item["region"]), partial(caller.answer, DESCRIBE_TRAILS, item))


def of_trail(call: AwsCall, caller: AwsCaller, item: Item) -> Observed[Answer]:
    """Asked once for each trail, in its home region: a trail of all regions shows in every one."""
    return caller.once((call, item["TrailARN"]), partial(caller.answer, call, item))


def tags(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """ListTags, which refuses every ARN of another account: the tags of an organisation's trail are shown
    to the account that made it alone.
    """
    owner = item["TrailARN"].split(":")[4]
    if owner != item["account"]:
        message = f"only account {owner}, which made the trail for the organisation, can read its tags"
        return Unknown.because("unsupported", LIST_TAGS.name, None, message)
    return caller.answer(LIST_TAGS, {**item, "arns": [item["TrailARN"]]})


STATUS = AwsChain((GET_TRAIL_STATUS,), partial(of_trail, GET_TRAIL_STATUS), about=("TrailARN",))
SELECTORS = AwsChain((GET_EVENT_SELECTORS,), partial(of_trail, GET_EVENT_SELECTORS), about=("TrailARN",))
TAGS = AwsChain((LIST_TAGS,), tags, about=("TrailARN",))


def carrying(everywhere: bool, caller: AwsCaller, item: Item) -> Observed[tuple[str, ...]]:
    """The names of the trails that now carry management write events of the item's region.

    With ``everywhere`` only trails of all regions count: ``IsMultiRegionTrail`` of DescribeTrails, which
    shows them in every region, those of the organisation among them. An organisation trail of one region
    covers just that one.
    """
    listing = described(caller, item)
    if isinstance(listing, Unknown):
        return listing
    covering = [
        trail
        for trail in listing["trailList"]
        if trail["IsMultiRegionTrail"] or (trail["HomeRegion"] == item["region"] and not everywhere)
    ]
    facts = [_carries(caller, trail) for trail in covering]

    def names(*carries: bool) -> tuple[str, ...]:
        return tuple(sorted(t["Name"] for t, does in zip(covering, carries, strict=True) if does))

    return lift(names, *facts)


def _carries(caller: AwsCaller, trail: Mapping[str, Any]) -> Observed[bool]:
    item = {"TrailARN": trail["TrailARN"], "region": trail["HomeRegion"]}

    def fact(call: AwsCall, function: Any) -> Observed[bool]:
        answer = of_trail(call, caller, item)
        return answer if isinstance(answer, Unknown) else caller.read(call, function, answer)

    logging = fact(GET_TRAIL_STATUS, is_delivering)
    if not isinstance(logging, Unknown) and not logging:
        return False
    return all_of(logging, fact(GET_EVENT_SELECTORS, records_writes))


class Trails:
    """The listing of trails over all regions: each is told once, by the first region that shows it.

    DescribeTrails shows a trail of all regions in each of them, and one of the organisation in each member
    too. Should its home region be closed to the caller, another one still shows it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def start(
        self, caller: AwsCaller, place: CollectionPlace, wanted: frozenset[str], collection: Collection
    ) -> None:
        """Starts the collection of the trails that one region shows."""
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
        """The trails of a listing that no other region has shown; all of it is read before any counts."""
        found = {trail["TrailARN"]: trail for trail in listing["trailList"] if trail["HomeRegion"]}
        with self._lock:
            new = found.keys() - self._seen
            self._seen |= new
        return [found[arn] for arn in sorted(new)]


def header(item: Item) -> Mapping[str, Any]:
    """``TrailARN``, ``Name`` and ``HomeRegion`` of DescribeTrails; the scope is the account read."""
    return {
        "provider": "aws",
        "partition": item["partition"],
        "scope": item["account"],
        "region": item["HomeRegion"],
        "id": item["TrailARN"],
        "name": item["Name"],
        "type": "aws.cloudtrail.trail",
    }


def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``ResourceTagList`` of ListTags: one entry for the one ARN that was asked about."""
    (entry,) = answer["ResourceTagList"]
    return {tag["Key"]: tag.get("Value", "") for tag in entry["TagsList"]}


def to_logging(item: Item, answer: Answer) -> bool:
    """GetTrailStatus, as :func:`is_delivering` reads it."""
    return is_delivering(answer)


def to_all_regions(item: Item) -> bool:
    """``IsMultiRegionTrail`` of DescribeTrails."""
    return _flag(item["IsMultiRegionTrail"])


def to_organisation_wide(item: Item) -> bool:
    """``IsOrganizationTrail`` of DescribeTrails; a trail of another account is one, too. Answers that are
    older than such trails leave it out.
    """
    return item["TrailARN"].split(":")[4] != item["account"] or _flag(item.get("IsOrganizationTrail", False))


def to_tamper_evident(item: Item) -> bool:
    """``LogFileValidationEnabled`` of DescribeTrails."""
    return _flag(item["LogFileValidationEnabled"])


def to_customer_key(item: Item) -> bool:
    """``KmsKeyId`` of DescribeTrails is there for SSE-KMS alone, for which a trail takes no key of AWS's
    own; without it SSE-S3 encrypts (CloudTrail user guide, "Encrypting log files").
    """
    return bool(item.get("KmsKeyId"))


def to_destinations(item: Item) -> tuple[str, ...]:
    """``S3BucketName`` and ``CloudWatchLogsLogGroupArn`` of DescribeTrails, as ARNs."""
    group = item.get("CloudWatchLogsLogGroupArn")
    bucket = f"arn:{item['partition']}:s3:::{item['S3BucketName']}"
    return tuple(sorted([bucket, *([group.removesuffix(":*")] if group else [])]))


def to_global_services(item: Item) -> bool:
    """``IncludeGlobalServiceEvents`` of DescribeTrails: without it IAM, STS and CloudFront are left out."""
    return _flag(item["IncludeGlobalServiceEvents"])


def to_records_writes(item: Item, answer: Answer) -> bool:
    """The selectors of GetEventSelectors together take the management writes of every service.

    Stricter than :func:`records_writes`: also KMS and the RDS Data API may not be left out.
    """
    left_out = [
        frozenset(selector.get("ExcludeManagementEventSources") or ())
        for selector in answer.get("EventSelectors") or ()
        if selector["IncludeManagementEvents"] and selector["ReadWriteType"] in ("All", "WriteOnly")
    ]
    left_out += [
        frozenset(value for field in fields for value in field.get("NotEquals") or () if _of_source(field))
        for fields in (each["FieldSelectors"] for each in answer.get("AdvancedEventSelectors") or ())
        if _takes_writes(fields)
    ]
    return records_writes(answer) and bool(left_out) and not frozenset.intersection(*left_out)


def _of_source(field: Mapping[str, Any]) -> bool:
    return bool(field["Field"] == "eventSource")


def to_records_objects(item: Item, answer: Answer) -> bool:
    """The selectors of GetEventSelectors together take reads and writes of all objects in S3."""
    taken: set[str] = set()
    for selector in answer.get("EventSelectors") or ():
        if any(map(_all_objects, selector["DataResources"])):
            taken |= _READ_WRITE[selector["ReadWriteType"]]
    for selector in answer.get("AdvancedEventSelectors") or ():
        taken |= _objects_taken(selector["FieldSelectors"])
    return taken == {"read", "write"}


def _all_objects(resource: Mapping[str, Any]) -> bool:
    """A ``DataResources`` entry for every object: the prefix ``arn:aws:s3`` (API reference, DataResource)."""
    return resource["Type"] == "AWS::S3::Object" and any(map(_ALL_BUCKETS.fullmatch, resource["Values"]))


def _objects_taken(fields: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """What one advanced selector takes of all objects: nothing where it narrows which ones."""
    conditions = [
        (each["Field"], operator, *values)
        for each in fields
        for operator, values in each.items()
        if operator != "Field" and values
    ]
    taken = _READ_WRITE["All"] if set(conditions) >= _OBJECTS else frozenset()
    for condition in conditions:
        if condition in _READS_OR_WRITES:
            taken &= _READS_OR_WRITES[condition]
        elif condition[:2] == ("resources.ARN", "StartsWith"):
            if not any(map(_ALL_BUCKETS.fullmatch, condition[2:])):
                return frozenset()
        elif condition not in _OBJECTS | {("eventSource", "Equals", "s3.amazonaws.com")}:
            return frozenset()
    return taken


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
    """``IsLogging`` of GetTrailStatus, and no ``LatestDeliveryError``: that is set while the bucket does
    not take the files.
    """
    logging: bool = answer["IsLogging"]
    return logging and not answer.get("LatestDeliveryError")


def records_writes(answer: Mapping[str, Any]) -> bool:
    """Whether a selector of GetEventSelectors takes management write events of all services.

    ``ExcludeManagementEventSources`` and ``eventSource NotEquals`` may leave out the two services that
    AWS lets one leave out for their volume (KMS and the RDS Data API); any other narrowing does not
    count as all. A trail has selectors of one of the two forms, never none.
    """
    plain, advanced = answer.get("EventSelectors"), answer.get("AdvancedEventSelectors")
    if plain is None and advanced is None:
        raise ValueError("no event selectors")
    return any(
        selector["IncludeManagementEvents"] and selector["ReadWriteType"] in ("All", "WriteOnly")
        for selector in plain or ()
    ) or any(_takes_writes(selector["FieldSelectors"]) for selector in advanced or ())


def _takes_writes(fields: list[Mapping[str, Any]]) -> bool:
    """``FieldSelectors`` of one advanced event selector; an event must meet all of them."""
    conditions = [
        (each["Field"], operator, frozenset(values))
        for each in fields
        for operator, values in each.items()
        if operator != "Field" and values
    ]
    management = ("eventCategory", "Equals", frozenset({"Management"}))
    harmless = {
        management,
        ("readOnly", "Equals", frozenset({"false"})),
        ("readOnly", "NotEquals", frozenset({"true"})),
    }
    return management in conditions and all(
        condition in harmless
        or (condition[:2] == ("eventSource", "NotEquals") and condition[2] <= LEFT_OUT_FOR_VOLUME)
        for condition in conditions
    )


LEFT_OUT_FOR_VOLUME = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})

TRAILS_OF_REGION = AwsChain(
    (DESCRIBE_TRAILS, GET_TRAIL_STATUS, GET_EVENT_SELECTORS), partial(carrying, False), regional=True
)
TRAILS_OF_ALL_REGIONS = AwsChain(
    (DESCRIBE_TRAILS, GET_TRAIL_STATUS, GET_EVENT_SELECTORS), partial(carrying, True)
)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("expected a boolean")
    return value


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
