"""KMS customer managed keys."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from providers.aws.account import DESCRIBE_ORGANISATION
from providers.aws.client.calls import AwsCall
from providers.aws.client.client import AwsChain, AwsQuestion
from providers.aws.identity import MEMBERS
from providers.aws.policies.key_policy import grantee, outside_access
from providers.aws.table import flag, header_of
from scanner.collect.collection import Collection, CollectionPlace
from scanner.collect.table import Answer, Facet, FacetRead, Item, Table, asked, from_list
from scanner.model.evidence import Observed, Unknown, all_of, any_of, join, lift
from scanner.model.resources.keys import Key

if TYPE_CHECKING:
    from providers.aws.client.client import AwsCaller

LIST_KEYS = AwsCall("kms", "ListKeys", pages="Keys", page_size=1000, regional=True)
LIST_ALIASES = AwsCall("kms", "ListAliases", pages="Aliases", page_size=100, regional=True)


def _of_key(operation: str) -> AwsCall:
    return AwsCall("kms", operation, parameters=(("KeyId", "KeyArn"),), regional=True)


DESCRIBE_KEY = _of_key("DescribeKey")
GET_ROTATION = _of_key("GetKeyRotationStatus")
GET_POLICY = AwsCall(
    "kms",
    "GetKeyPolicy",
    parameters=(("KeyId", "KeyArn"),),
    fixed=(("PolicyName", "default"),),
    regional=True,
)
LIST_TAGS = _of_key("ListResourceTags")
LIST_GRANTS = AwsCall(
    "kms",
    "ListGrants",
    parameters=(("KeyId", "KeyArn"),),
    pages="Grants",
    page_size=100,
    regional=True,
)

AWS_ALIAS_PREFIX = "alias/aws/"
"""Prefix of aliases that only AWS can create (API reference, CreateAlias)."""
USABLE = {
    "Creating": False,
    "Disabled": False,
    "Enabled": True,
    "PendingDeletion": False,
    "PendingImport": False,
    "PendingReplicaDeletion": False,
    "Unavailable": False,
    "Updating": True,
}
"""``KeyState`` values, and whether the key can encrypt and decrypt (KMS developer guide, "Key states")."""
A_YEAR = 365


def names(caller: AwsCaller, item: Item) -> Observed[Mapping[str, tuple[str, ...]]]:
    """The aliases of a region by key id: ``TargetKeyId`` of ListAliases, which AWS's aliases lack before
    their first use.
    """
    aliases = caller.whole(LIST_ALIASES, item)
    if isinstance(aliases, Unknown):
        return aliases
    found: dict[str, tuple[str, ...]] = {}
    for alias in sorted(aliases, key=lambda each: str(each["AliasName"])):
        if "TargetKeyId" in alias:
            found[alias["TargetKeyId"]] = (*found.get(alias["TargetKeyId"], ()), alias["AliasName"])
    return found


def described(caller: AwsCaller, item: Item) -> Observed[Mapping[str, Any]]:
    """``KeyMetadata`` of DescribeKey, called once per key and shared."""

    def ask() -> Observed[Mapping[str, Any]]:
        return lift(lambda answer: dict(answer["KeyMetadata"]), caller.answer(DESCRIBE_KEY, item))

    return caller.once((DESCRIBE_KEY, item["KeyArn"]), lambda: caller.read(DESCRIBE_KEY, ask))


def rotation(caller: AwsCaller, item: Item) -> Observed[Answer]:
    """GetKeyRotationStatus; ``None`` for keys without automatic rotation, for which it is refused.

    Only symmetric keys with key material from KMS rotate automatically (API reference, EnableKeyRotation).
    Responses from before other key specs existed lack ``KeySpec``.
    """
    key = described(caller, item)
    if isinstance(key, Unknown):
        return key
    spec = key.get("KeySpec", key.get("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"))
    if spec != "SYMMETRIC_DEFAULT" or key["Origin"] != "AWS_KMS":
        return None
    return caller.answer(GET_ROTATION, item)


def exposure(caller: AwsCaller, item: Item) -> Observed[bool]:
    """``Policy`` of GetKeyPolicy, and whether the accounts that it names belong to the organisation;
    ``Grants`` of ListGrants, unless the policy is open already.

    A grant lets in principals that the policy does not name, of any account (KMS developer guide, "Grants").
    The organisation is read only where the result depends on it.
    """
    by_policy = _by_policy(caller, item)
    return by_policy if by_policy is True else any_of(by_policy, _by_grants(caller, item))


def _by_policy(caller: AwsCaller, item: Item) -> Observed[bool]:
    answer = caller.answer(GET_POLICY, item)
    if isinstance(answer, Unknown):
        return answer
    about = answer["Policy"], item["KeyArn"], item["account"]
    # First evaluated with an unknown organisation, to find out whether the result depends on it.
    found = outside_access(*about, Unknown.because("error", GET_POLICY.name, None, "not asked"))
    if found.anyone is True or not (found.accounts or isinstance(found.anyone, Unknown)):
        return found.anyone
    organisation = _organisation(caller)
    found = outside_access(*about, lift(_organisation_id, organisation))
    outside = (
        all_of(opened, _outside(caller, other, organisation)) if opened is not False else False
        for other, opened in found.accounts
    )
    return found.anyone if found.anyone is True else any_of(found.anyone, *outside)


def _by_grants(caller: AwsCaller, item: Item) -> Observed[bool]:
    """Whether a grant is to a principal of an account outside the organisation."""
    grants = caller.whole(LIST_GRANTS, item)
    if isinstance(grants, Unknown):
        return grants
    found = [caller.read(LIST_GRANTS, grantee, each) for each in grants]
    unclear = [each for each in found if isinstance(each, Unknown)]
    others = sorted({each for each in found if isinstance(each, str)} - {item["account"]})
    outside = [_outside(caller, each, _organisation(caller)) for each in others]
    return any_of(*unclear, *outside)


def _organisation(caller: AwsCaller) -> Observed[Answer]:
    return caller.once((DESCRIBE_ORGANISATION,), partial(caller.answer, DESCRIBE_ORGANISATION, caller.item()))


def _organisation_id(organisation: Answer) -> str | None:
    return None if organisation is None else str(organisation["Organization"]["Id"])


def _outside(caller: AwsCaller, account: str, organisation: Observed[Answer]) -> Observed[bool]:
    """Whether another account is outside the organisation: ListAccounts, which only the management account
    and delegated administrators may call.
    """
    if isinstance(organisation, Unknown):
        return organisation
    if organisation is None:
        return True
    if organisation["Organization"].get("MasterAccountId") == account:
        return False
    return lift(lambda found: account not in found, caller.answer(MEMBERS, caller.item()))


NAMES = AwsChain((LIST_ALIASES,), names, regional=True)
DESCRIBED = AwsChain((DESCRIBE_KEY,), described, about=("KeyArn",), regional=True)
ROTATION = AwsChain((DESCRIBE_KEY, GET_ROTATION), rotation, about=("KeyArn",), regional=True)
EXPOSURE = AwsChain(
    (GET_POLICY, LIST_GRANTS, DESCRIBE_ORGANISATION, *MEMBERS.parts),
    exposure,
    about=("KeyArn",),
    regional=True,
)


def start(caller: AwsCaller, place: CollectionPlace, wanted: frozenset[str], collection: Collection) -> None:
    """Starts the collection of the customer managed keys of one region.

    ListKeys also lists AWS managed keys, which are skipped: those with an alias of AWS and those that
    DescribeKey reports as such. A key whose manager is unknown is a blind spot.
    """
    here = caller.within(str(place.region))
    aliases = here.answer(NAMES, caller.item(place.region))
    known: Mapping[str, tuple[str, ...]] = {} if isinstance(aliases, Unknown) else aliases

    def answered(item: Item, future: Future[Observed[Answer]]) -> None:
        key = future.result()
        if isinstance(key, Unknown) and isinstance(aliases, Unknown):
            collection.blind_spot(place, join([key, aliases]))
        elif isinstance(key, Unknown) or key.get("KeyManager") != "AWS":
            collection.run(KEYS, here, place, wanted, [item])
        collection.end(place)

    for page in here.pages(LIST_KEYS):
        if isinstance(page, Unknown):
            collection.blind_spot(place, page)
            break
        for item in page:
            skipped = here.read(LIST_KEYS, _has_alias_of_aws, item, known)
            if isinstance(skipped, Unknown):
                collection.blind_spot(place, skipped)
                continue
            if skipped:
                continue
            collection.begin(place)
            question = partial(here.read, DESCRIBED, here.answer, DESCRIBED, item)
            collection.ask(None, question).add_done_callback(partial(answered, item))
    else:
        collection.looked(place, KEYS.name)


def _has_alias_of_aws(item: Item, names: Mapping[str, tuple[str, ...]]) -> bool:
    return any(name.startswith(AWS_ALIAS_PREFIX) for name in names.get(item["KeyId"], ()))


def to_identity(item: Item, answer: Answer) -> Mapping[str, Any]:
    """The alias as the key's display name: the first, if there are several."""
    found = answer.get(item["KeyId"], ())
    return {"name": found[0].removeprefix("alias/")} if found else {}


def named_or_not(name: Observed[Mapping[str, str]], key: Observed[Any]) -> Observed[Mapping[str, str]]:
    """An alias is only a display name: without it the key is shown by its id."""
    return {} if isinstance(name, Unknown) else name


def header(item: Item) -> Mapping[str, Any]:
    """``KeyArn`` of ListKeys, and the alias."""
    return header_of(item, item["KeyArn"], item.get("name", item["KeyId"]), "aws.kms.key")


def to_key(item: Item, answer: Answer) -> Answer:
    """The whole ``KeyMetadata`` of DescribeKey."""
    return answer


def to_tags(item: Item, answer: Answer) -> Mapping[str, str]:
    """``Tags`` of ListResourceTags; one page holds all tags that a key can have (quota of 50)."""
    if answer["Truncated"]:
        raise ValueError("more tags than a key can have")
    return {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]}


def to_enabled(item: Item, answer: Answer) -> bool:
    """``KeyState`` of DescribeKey."""
    return USABLE[answer["KeyState"]]


def to_pending_deletion(item: Item, answer: Answer) -> bool:
    """``KeyState`` of DescribeKey; a multi-region key first waits for the deletion of its replicas."""
    return not to_enabled(item, answer) and answer["KeyState"] in (
        "PendingDeletion",
        "PendingReplicaDeletion",
    )


def to_rotates(item: Item, answer: Answer) -> bool | None:
    """``KeyRotationEnabled`` of GetKeyRotationStatus."""
    return None if answer is None else flag(answer["KeyRotationEnabled"])


def to_rotation_days(item: Item, answer: Answer) -> int | None:
    """``RotationPeriodInDays`` of GetKeyRotationStatus: 365 days by default (API reference). Responses from
    before the period could be set lack it.
    """
    return int(answer.get("RotationPeriodInDays", A_YEAR)) if to_rotates(item, answer) else None


def always_delayed(item: Item) -> bool:
    """No key can be deleted immediately: ScheduleKeyDeletion has a waiting period of 7 to 30 days (API
    reference, ``PendingWindowInDays``). Imported key material can be deleted immediately, and reimported.
    """
    return True


def to_open(item: Item, answer: Answer) -> Observed[bool]:
    """The result of :func:`exposure`."""
    return bool(answer)


KEYS: Table[AwsQuestion] = Table(
    kind=Key,
    list=LIST_KEYS,
    header=header,
    enrich=Facet((FacetRead(NAMES, to_identity), FacetRead(DESCRIBED, to_key)), named_or_not),
    facets={
        "tags": asked(LIST_TAGS, to_tags),
        "enabled": asked(DESCRIBED, to_enabled),
        "rotates": asked(ROTATION, to_rotates),
        "rotation_days": asked(ROTATION, to_rotation_days),
        "pending_deletion": asked(DESCRIBED, to_pending_deletion),
        "deletion_delayed": from_list(always_delayed),
        "open_to_others": asked(EXPOSURE, to_open),
    },
)
