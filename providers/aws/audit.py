"""CloudTrail: which trails carry the control-plane writes of an account, or of one region."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.calls import AwsCall, AwsChain
from scanner.collect import Item
from scanner.evidence import Observed, Unknown, all_of, lift

if TYPE_CHECKING:
    from providers.aws.client import AwsCaller

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


def carrying(everywhere: bool, caller: AwsCaller, item: Item) -> Observed[tuple[str, ...]]:
    """The names of the trails that now carry management write events of the item's region.

    With ``everywhere`` only trails of all regions count: ``IsMultiRegionTrail`` of DescribeTrails, which
    shows them in every region, those of the organisation among them. An organisation trail of one region
    covers just that one.
    """
    listing = caller.answer(DESCRIBE_TRAILS, item)
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
    """Asked once for each trail, in its home region: a trail of all regions shows in every one."""
    item = {"TrailARN": trail["TrailARN"], "region": trail["HomeRegion"]}

    def ask(call: AwsCall) -> Observed[Any]:
        return caller.once((call, trail["TrailARN"]), partial(caller.answer, call, item))

    def fact(call: AwsCall, function: Any) -> Observed[bool]:
        answer = ask(call)
        return answer if isinstance(answer, Unknown) else caller.read(call, function, answer)

    logging = fact(GET_TRAIL_STATUS, is_delivering)
    if not isinstance(logging, Unknown) and not logging:
        return False
    return all_of(logging, fact(GET_EVENT_SELECTORS, records_writes))


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
