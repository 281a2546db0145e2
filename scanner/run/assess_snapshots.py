"""Snapshots, assessed together: scope by scope, in this process or in several, to one assessment.

The same snapshots give the same assessment, whatever their order and the number of processes.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from scanner.assess.assessment import assess, providing, resolver_of
from scanner.assess.finding_store import FindingStore
from scanner.assess.map import assess_part
from scanner.assess.part import Part
from scanner.assess.reduce import Assessment, reduce
from scanner.assess.request import AssessmentRequest
from scanner.base.files import Unwritable, temporary_folder
from scanner.base.processes import Died, Processes, Task
from scanner.collect.derived import derive, gives, wants
from scanner.model.inventory import Inventory, Listing, ScopeKey, Target
from scanner.model.resources.account import Account
from scanner.model.resources.identity import Tenant
from scanner.model.resources.storage import Bucket
from scanner.ownership.resolve.resolver import Resolver
from scanner.rule.evaluate import NotCollected
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected
from scanner.run.snapshot import read_snapshot

_WORTH = 1 << 18
"""Bytes of snapshots from which on it is worth starting processes, if nobody said how many."""

_MANY = 20_000
"""The same as a number of resources that were just collected."""


@dataclass(frozen=True)
class Source:
    """A snapshot, and the scopes of it that count."""

    path: Path
    collected: Collected
    scopes: frozenset[ScopeKey] | None = None
    """``None``: all of them."""

    @property
    def inventory(self) -> Inventory:
        """What counts of its inventory. A target whose scope is not known always does: it was not reached."""
        whole = self.collected.inventory
        if self.scopes is None:
            return whole
        targets = tuple(
            one for one in whole.targets if one.scope is None or (one.provider, one.scope) in self.scopes
        )
        return replace(whole.within(self.scopes), targets=targets)


@dataclass(frozen=True)
class Joint:
    """Several snapshots as one collection, and their assessment."""

    collected: Collected
    """Its inventory has no resources: they are in the snapshots."""
    assessment: Assessment
    request: AssessmentRequest
    """With its time fixed."""


def assess_snapshots(
    paths: Sequence[Path],
    request: AssessmentRequest,
    jobs: int | None = None,
    *,
    check: Callable[[Path, Collected], None] = lambda path, collected: None,
    note: Callable[[str], None] = lambda line: None,
    done: Callable[[int, int], None] = lambda number, of: None,
) -> Joint:
    """Assesses snapshots of any scopes. Of a scope that is in several, the newest counts; a ``note`` says so.

    ``jobs``: how many processes; ``None``: as many as there are cores if that is worth it. ``check`` may
    refuse what was read; ``done`` is told how many shares of how many are assessed. A scope whose process
    dies counts as not reached. Raises :class:`~scanner.run.snapshot.SnapshotError` and
    :class:`~scanner.rule.evaluate.NotCollected`, each with the snapshot.
    """
    number = jobs or _worth(paths)
    paths = sorted({path.resolve(): path for path in paths}.values())
    with Processes(number) as processes, _folder() as folder:
        found = processes.run([Task(read_snapshot, (path,)) for path in paths])
        # What a process that died would have read is read here: no scope may go without a word.
        read = [
            read_snapshot(path) if isinstance(one, Died) else one
            for path, one in zip(paths, found, strict=True)
        ]
        sources = [Source(path, collected) for path, collected in zip(paths, read, strict=True)]
        for source in sources:
            check(source.path, source.collected)
        sources = list(_newest(sources, note))
        request = request.at(max(source.collected.finished for source in sources))
        stored = Path(folder) / "request"
        with _room():
            stored.write_bytes(pickle.dumps(replace(request, common_control_inventories=())))
        shares = _split(sources[0], number) if len(sources) == 1 else sources
        others = request.common_control_inventories
        # Within one snapshot, what resources of other scopes tell is derived already.
        exchanges = bool(others) or len(sources) > 1
        given = _exchanged(shares, others, processes) if exchanges else [None] * len(shares)
        tasks = [
            Task(_part, (stored, share, buckets, Path(folder) / f"{place}.findings"))
            for place, (share, buckets) in enumerate(zip(shares, given, strict=True))
        ]
        results = processes.run(tasks, lambda ended: done(ended, len(tasks)))
        findings, total = FindingStore(), Part(version=request.version)
        if request.narrowing is not None:
            total.reported = {}
        lost: dict[ScopeKey, str] = {}
        for share, task, result in zip(shares, tasks, results, strict=True):
            if isinstance(result, Died):
                lost |= dict.fromkeys(share.inventory.scopes, str(result))
                continue
            data, listed = result
            total.add(Part.decoded(data, request.version))
            with _room():
                findings.take(task.arguments[-1], listed)
    joint = _joined(sources)
    collected = replace(joint, inventory=_without(joint.inventory, lost))
    resolver = resolver_of(request)
    assessment = reduce(
        total, request, resolver, collected.inventory.targets, findings, providing(request, resolver)
    )
    return Joint(collected, assessment, request)


def assess_collected(
    collected: Collected,
    request: AssessmentRequest,
    jobs: int | None = None,
    done: Callable[[int, int], None] = lambda number, of: None,
) -> Joint:
    """Assesses what was just collected, in several processes if it is of several scopes and worth it."""
    numbers = collected.inventory.numbers
    several = len({key[:2] for key in numbers}) > 1
    if several and (jobs or 0) != 1 and (jobs is not None or sum(numbers.values()) >= _MANY):
        with _folder() as folder:
            path = Path(folder) / "collected.zst"
            with NewSnapshot(path) as snapshot:
                snapshot.write(collected, request.version)
            return assess_snapshots([path], request, jobs or os.cpu_count(), done=done)
    request = request.at(collected.finished)
    return Joint(collected, assess(collected.inventory, request), request)


def _part(stored: Path, source: Source, given: Iterable[Bucket] | None, findings: Path) -> tuple[bytes, int]:
    """Assesses a share in whatever process; its findings are saved to a file. The part, and their number.

    ``given``: buckets of other scopes that its trails name; ``None``: it names none.
    """
    request, resolver = _prepared(stored)
    inventory, store = source.inventory, FindingStore()
    if given is not None:
        inventory = derive(inventory, inventory.collected, given)
    try:
        part = assess_part(inventory, request, resolver, store)
    except NotCollected as error:
        raise NotCollected(f"{source.path}: {error}") from None
    store.save(findings)
    return part.encoded(), len(store)


@cache
def _prepared(stored: Path) -> tuple[AssessmentRequest, Resolver]:
    """The request, loaded once a process."""
    with _room():
        request: AssessmentRequest = pickle.loads(stored.read_bytes())
    return request, resolver_of(request)


def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that nobody else can read, for as long as it is in use."""
    with _room():
        # What has removed it meanwhile must not hide what the assessment found.
        return tempfile.TemporaryDirectory(
            prefix="gapscan-", dir=temporary_folder(), ignore_cleanup_errors=True
        )


@contextmanager
def _room() -> Iterator[None]:
    """Names the folder for temporary files if it cannot be used."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        folder = temporary_folder()
        raise Unwritable(f"{folder}: the assessment cannot be stored there meanwhile: {reason}") from None


def _worth(paths: Sequence[Path]) -> int:
    size = sum(path.stat().st_size for path in paths if path.is_file())
    return (os.cpu_count() or 1) if size >= _WORTH else 1


def _newest(sources: Sequence[Source], note: Callable[[str], None]) -> Iterable[Source]:
    """Of each scope that is in several snapshots, the newest counts."""
    holders: dict[ScopeKey, list[Source]] = defaultdict(list)
    for source in sources:
        for scope in source.collected.inventory.scopes:
            holders[scope].append(source)
    older: dict[Path, set[ScopeKey]] = defaultdict(set)
    for scope, held in sorted(holders.items()):
        *others, newest = sorted(held, key=lambda one: (_reached(one, scope), one.collected.finished))
        for other in others:
            older[other.path].add(scope)
            both = f"{' '.join(scope)} is in {other.path} and {newest.path}"
            more = _reached(newest, scope) and not _reached(other, scope)
            why = "it was not reached in the other" if more else "it is newer"
            note(f"{both}: {newest.path} counts, as {why}")
    for source in sources:
        left_out = older[source.path]
        scopes = source.collected.inventory.scopes - left_out
        yield replace(source, scopes=scopes) if left_out else source


def _reached(source: Source, scope: ScopeKey) -> bool:
    """Whether a snapshot was made of a scope, and tells more of it than what could not be read, or than what
    other scopes show of it."""
    inventory = source.collected.inventory
    targets = [one for one in inventory.targets if (one.provider, one.scope) == scope]
    if targets:
        return all(one.reached for one in targets)
    # A tenant is reached with its subscriptions, and is no target of its own.
    return any(key[:2] == scope and key[2] in (Account.kind, Tenant.kind) for key in inventory.numbers)


def _split(source: Source, processes: int) -> list[Source]:
    """The scopes of one snapshot in shares of about equal size."""
    inventory = source.inventory
    numbers = Counter(dict.fromkeys(sorted(inventory.scopes), 1))
    for key, number in inventory.numbers.items():
        numbers[key[:2]] += number
    if processes <= 1 or len(numbers) <= 1:
        return [source]
    shares: list[tuple[int, list[ScopeKey]]] = [(0, []) for _ in range(min(processes, len(numbers)))]
    for scope, number in numbers.most_common():
        least = min(range(len(shares)), key=lambda at: shares[at][0])
        shares[least] = (shares[least][0] + number, [*shares[least][1], scope])
    return [replace(source, scopes=frozenset(scopes)) for _, scopes in shares]


def _exchanged(
    shares: Sequence[Source], others: Sequence[Inventory], processes: Processes
) -> list[tuple[Bucket, ...] | None]:
    """For each share the buckets that its trails name and that are elsewhere: the first round.

    ``None`` for a share that wants none. One that wants some and gets none has to be derived anew all the
    same: what it tells of them may come from a snapshot that no longer counts.
    """
    inventories = [one.inventory for one in shares]
    asked = processes.run([Task(wants, (one, one.collected)) for one in inventories])
    names: frozenset[str] = frozenset().union(*(one for one in asked if not isinstance(one, Died)))
    held: dict[str, Bucket] = {}
    if names:
        wanted: dict[str, frozenset[str]] = {}
        for one in inventories:
            for kind, facets in one.collected.items():
                wanted[kind] = wanted.get(kind, frozenset()) | facets
        assessed = frozenset().union(*(one.scopes for one in inventories))
        giving = (*(one.within(one.scopes - assessed) for one in others), *inventories)
        given = processes.run([Task(gives, (one, wanted, names)) for one in giving])
        held = {one.id: one for buckets in given if not isinstance(buckets, Died) for one in buckets}
    return [
        None
        if not isinstance(wanted_names, Died) and not wanted_names
        else tuple(
            bucket for id, bucket in held.items() if isinstance(wanted_names, Died) or id in wanted_names
        )
        for wanted_names in asked
    ]


def _joined(sources: Sequence[Source]) -> Collected:
    """What the snapshots say of their collections, as one."""
    collected = [source.collected for source in sources]
    inventories = [source.inventory for source in sources]
    if len(sources) == 1:
        return replace(collected[0], inventory=replace(inventories[0], resources=()))
    calls: dict[str, Counter[str]] = defaultdict(Counter)
    for one in inventories:
        for provider, counts in one.calls.items():
            calls[provider].update(counts)
    facets: dict[str, frozenset[str]] = {}
    for one in inventories:
        for kind, names in one.collected.items():
            facets[kind] = facets.get(kind, names) & names
    ids = "".join(sorted(one.id for one in collected))
    return Collected(
        Inventory(
            resources=(),
            blind_spots=(),
            targets=tuple(sorted((one for each in inventories for one in each.targets), key=_target_order)),
            collected=facets,
            calls={provider: dict(sorted(counts.items())) for provider, counts in sorted(calls.items())},
            listed=tuple(
                sorted(
                    (one for each in inventories for one in _listings(each)),
                    key=lambda one: (one.provider, one.scope, one.kind, one.table, one.region or ""),
                )
            ),
        ),
        min(one.started for one in collected),
        max(one.finished for one in collected),
        hashlib.sha256(ids.encode()).hexdigest()[:32],
    )


def _target_order(target: Target) -> tuple[str, str, str]:
    return target.provider, target.scope or "", target.message or ""


def _listings(inventory: Inventory) -> Iterable[Listing]:
    """What was listed; in a snapshot that does not record it, every collected kind counts as listed."""
    if inventory.listed is not None:
        return inventory.listed
    return (
        Listing(provider, scope, None, kind, kind)
        for provider, scope in sorted(inventory.scopes)
        for kind in sorted(inventory.collected)
    )


def _without(inventory: Inventory, lost: Mapping[ScopeKey, str]) -> Inventory:
    """The inventory, in which scopes that could not be assessed count as not reached."""
    if not lost:
        return inventory
    targets = [one for one in inventory.targets if (one.provider, one.scope) not in lost]
    known: dict[ScopeKey, Target] = {
        (one.provider, one.scope): one for one in inventory.targets if one.scope is not None
    }
    for (provider, scope), reason in sorted(lost.items()):
        # A tenant is no target of its own; lost, it has to be one.
        target = known.get((provider, scope)) or Target(
            provider=provider,  # type: ignore[arg-type]  # scope keys name no clouds
            scope=scope,
            identity=None,
            expected=True,
            reached=False,
            message=None,
        )
        message = f"It was not assessed: {reason}."
        targets.append(replace(target, reached=False, expected=True, message=message))
    return replace(inventory, targets=tuple(sorted(targets, key=_target_order)))
