"""Snapshots assessed together: equal to one of everything, whatever their order and the processes."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assess.baseline import Baseline
from scanner.assess.gate import Terms
from scanner.assess.part import Part, PartError
from scanner.assess.request import AssessmentRequest
from scanner.assess.states import GATES
from scanner.base.processes import Died, Processes, Task
from scanner.collect.derived import derive
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.base import Resource
from scanner.ownership.file.file import OwnershipFile
from scanner.report.build import build
from scanner.report.formats import json as json_report
from scanner.report.formats import ocsf, text
from scanner.rule.evaluate import NotCollected
from scanner.run.assess_snapshots import Joint, assess_collected, assess_snapshots
from scanner.run.new_snapshot import NewSnapshot
from scanner.run.scan import Collected
from scanner.run.snapshot import SnapshotError
from tests.assessed_estates import HUB, Case, cases, in_scope
from tests.estate import ACCOUNT, DENIED, EVERYTHING, NOW, account, bucket, other, region, requested
from tests.ownership.build import load

PUBLIC: dict[str, Any] = {"public_read": True, "public_via": ("bucket policy",)}
OWNED = """
version: 1
reviewed: 2026-11-01
teams: {platform: {}, payments: {}}
owners:
- {controls: [log], accountable: platform, provided_by: {provider: aws, account: "444455556666"}}
- {controls: [data.encryption-at-rest], claim: provider, accountable: payments}
- {controls: [data], where: {tags: {owner: payments}}, accountable: payments}
"""


def written(folder: Path, name: str, inventory: Inventory, number: int = 0, minutes: int = 0) -> Path:
    """A snapshot of the inventory, derived as a collection of it alone would have."""
    path = folder / f"{name}.zst"
    derived = derive(inventory, EVERYTHING)
    finished = NOW - timedelta(minutes=minutes)
    with NewSnapshot(path) as snapshot:
        snapshot.write(
            Collected(derived, finished - timedelta(minutes=5), finished, f"{number:032x}"), "0.1.0"
        )
    return path


def apart(folder: Path, inventory: Inventory) -> list[Path]:
    """A snapshot of each of its scopes."""
    scopes = sorted({(one.provider, str(one.scope)) for one in inventory.targets})
    return [
        written(folder, scope, inventory.within({(provider, scope)}), number)
        for number, (provider, scope) in enumerate(scopes)
    ]


def rendered(joint: Joint) -> tuple[Any, str, str]:
    """The JSON report without the scan's id, the text, and the OCSF events."""
    report = build(joint.collected, joint.assessment, joint.request)
    made = []
    for form in (json_report, text, ocsf):
        out = io.StringIO()
        form.render(report, out)
        made.append(out.getvalue())
    document = json.loads(made[0])
    scan = document["scan"].pop("id")
    return document, made[1], made[2].replace(scan, "")


def asked(file: OwnershipFile | None, *, every: bool = True) -> AssessmentRequest:
    """A request that takes its time from the snapshots."""
    return replace(requested(), ownership=file, every_finding=every)


@settings(max_examples=30, deadline=None)
@given(cases(), st.booleans(), st.randoms())
def test_scopes_apart_are_assessed_as_one(case: Case, every: bool, random: Any) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        whole = written(folder, "whole", case.inventory)
        paths = apart(folder, case.inventory)
        random.shuffle(paths)
        request = asked(case.file, every=every)
        assert rendered(assess_snapshots(paths, request, 1)) == rendered(
            assess_snapshots([whole], request, 1)
        )


def estate() -> Inventory:
    """Two accounts: a trail in one that stores in the other, a blind spot, unread tags, a kind without a
    table."""
    trail = other(AuditTrail, destinations=(f"arn:aws:s3:::audit/{ACCOUNT}",))
    resources: list[Resource] = [
        in_scope(ACCOUNT, account()),
        in_scope(ACCOUNT, region()),
        in_scope(ACCOUNT, bucket("audit", **PUBLIC)),
        in_scope(ACCOUNT, bucket("hidden", tags=DENIED, encryption=None)),
        in_scope(HUB, account()),
        in_scope(HUB, region()),
        in_scope(HUB, trail),
    ]
    case = Case(tuple(resources), ((ACCOUNT, "firewall", None, DENIED),), frozenset({(HUB, "user")}), None)
    return case.inventory


def test_a_trail_finds_its_bucket_in_another_snapshot(tmp_path: Path) -> None:
    paths = apart(tmp_path, estate())
    alone = assess_snapshots(paths[1:], asked(None), 1)
    both = assess_snapshots(paths, asked(None), 1)
    verdicts = [
        {f.rule: f.verdict for f in joint.assessment.coverage.findings if f.scope == HUB}
        for joint in (alone, both)
    ]
    stored = {rule for rule in verdicts[0] if rule and verdicts[0][rule] != verdicts[1][rule]}
    assert stored, "what the bucket's account shows decides"
    assert {verdicts[0][rule] for rule in stored} == {"unknown"}
    assert "fail" in {verdicts[1][rule] for rule in stored}


def test_several_processes_write_the_same_bytes(tmp_path: Path) -> None:
    inventory = estate()
    file = load(OWNED)
    whole, paths = written(tmp_path, "whole", inventory), apart(tmp_path, inventory)
    for every in (True, False):
        request = asked(file, every=every)
        expected = rendered(assess_snapshots([whole], request, 1))
        assert rendered(assess_snapshots([whole], request, 2)) == expected
        assert rendered(assess_snapshots(paths[::-1], request, 2)) == expected
    ended: list[tuple[int, int]] = []
    assess_snapshots(paths, request, 2, done=lambda number, of: ended.append((number, of)))
    assert ended == [(1, 2), (2, 2)]
    collected = Collected(derive(inventory, EVERYTHING), NOW - timedelta(minutes=5), NOW, "0" * 32)
    assert rendered(assess_collected(collected, request, 2)) == expected


def test_a_baseline_and_a_narrowing_travel(tmp_path: Path) -> None:
    inventory = estate()
    before = assess_snapshots([written(tmp_path, "whole", inventory)], asked(None), 1)
    rules = frozenset(f.rule for f in before.assessment.coverage.findings if f.rule)
    kept = [f for f in before.assessment.coverage.findings if f.scope == ACCOUNT]
    terms = Terms(GATES["strict"], baseline=Baseline.of("earlier.json", rules, kept))
    request = replace(asked(load(OWNED)), terms=terms)
    paths = apart(tmp_path, inventory)
    one, two = (assess_snapshots(paths, request, number) for number in (1, 2))
    assert rendered(one) == rendered(two)
    assert {f.scope for f in one.assessment.coverage.findings if f.at_gate} == {HUB}


def test_the_newest_of_two_snapshots_of_a_scope_counts(tmp_path: Path) -> None:
    inventory = estate()
    fixed = replace(
        inventory, resources=tuple(one for one in inventory.resources if one.name != "audit")
    ).within({("aws", ACCOUNT)})
    old, new = written(tmp_path, "a-old", inventory, 1, minutes=60), written(tmp_path, "new", fixed, 2)
    notes: list[str] = []
    for paths in ([old, new], [new, old]):
        joint = assess_snapshots(paths, asked(None), 1, note=notes.append)
        names = {f.resource.name for f in joint.assessment.coverage.findings if f.resource}
        assert "hidden" in names
        assert "audit" not in names
        assert {f.scope for f in joint.assessment.coverage.findings if f.scope} == {ACCOUNT, HUB}
        assert [target.scope for target in joint.collected.inventory.targets] == [ACCOUNT, HUB]
    assert notes[0] == f"aws {ACCOUNT} is in {old} and {new}: {new} counts, as it is newer"
    assert len(notes) == 2


def test_what_was_reached_counts_more_than_a_newer_failure(tmp_path: Path) -> None:
    missed = Target("aws", ACCOUNT, None, True, False, "No credentials.")
    nothing = Inventory((), (), (missed,), EVERYTHING)
    paths = [written(tmp_path, "new", nothing, 1), written(tmp_path, "old", estate(), 2, minutes=60)]
    joint = assess_snapshots(paths, asked(None), 1)
    assert all(target.reached for target in joint.collected.inventory.targets)


def test_snapshots_for_different_rules(tmp_path: Path) -> None:
    inventory = estate().within({("aws", HUB)})
    few = replace(inventory, collected={kind: EVERYTHING[kind] for kind in EVERYTHING if kind != "bucket"})
    path = tmp_path / "few.zst"
    with NewSnapshot(path) as snapshot:
        snapshot.write(Collected(few, NOW, NOW, "1" * 32), "0.1.0")
    whole = written(tmp_path, "other", estate().within({("aws", ACCOUNT)}))
    for number in (1, 2):
        with pytest.raises(NotCollected, match=r"few\.zst: rule .* of bucket, which was not collected"):
            assess_snapshots([whole, path], asked(None), number)


def test_a_damaged_snapshot_is_named_whatever_process_reads_it(tmp_path: Path) -> None:
    paths = apart(tmp_path, estate())
    paths[0].write_bytes(paths[0].read_bytes()[:-20])
    for number in (1, 2):
        with pytest.raises(SnapshotError, match=rf"{paths[0].name}: is truncated"):
            assess_snapshots(paths, asked(None), number)


def test_a_scope_whose_process_dies_is_not_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = apart(tmp_path, estate())
    run = Processes.run

    def deadly(self: Processes, tasks: Sequence[Task[Any]], *more: Any) -> list[Any]:
        doomed = [
            Task(_die, ()) if task.function.__name__ == "_part" and number == 0 else task
            for number, task in enumerate(tasks)
        ]
        return run(self, doomed, *more)

    monkeypatch.setattr(Processes, "run", deadly)
    joint = assess_snapshots(paths, replace(asked(None), terms=Terms(GATES["none"])), 2)
    lost, reached = joint.collected.inventory.targets
    assert (lost.scope, lost.reached, lost.expected) == (ACCOUNT, False, True)
    assert lost.message == "It was not assessed: its process ended with -9."
    assert reached.reached
    assert {f.scope for f in joint.assessment.coverage.findings} == {HUB}
    assert joint.assessment.exit == 3
    _, said, _ = rendered(joint)
    assert f"{ACCOUNT}: NOT REACHED: It was not assessed" in said


def test_a_process_that_dies_while_it_reads_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = apart(tmp_path, estate())
    run = Processes.run

    def deadly(self: Processes, tasks: Sequence[Task[Any]], *more: Any) -> list[Any]:
        reads = tasks[0].function.__name__ == "read_snapshot"
        return run(self, [Task(_die, ()), *tasks[1:]] if reads else tasks, *more)

    expected = rendered(assess_snapshots(paths, asked(None), 1))
    monkeypatch.setattr(Processes, "run", deadly)
    assert rendered(assess_snapshots(paths, asked(None), 2)) == expected


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_costs_its_task_alone() -> None:
    tasks: list[Task[Any]] = [
        Task(_die if number == 2 else str, () if number == 2 else (number,)) for number in range(6)
    ]
    with Processes(2) as processes:
        results = processes.run(tasks)
        assert isinstance(results.pop(2), Died)
        assert results == ["0", "1", "3", "4", "5"]
        assert processes.run([Task(str, (1,)), Task(str, (2,))]) == ["1", "2"], "others took its place"
        with pytest.raises(ValueError, match="invalid literal"):
            processes.run([Task(int, ("a",)), Task(int, ("1",))])


def test_a_part_of_another_version_is_refused() -> None:
    part = Part(version="0.1.0")
    assert Part.decoded(part.encoded(), "0.1.0") == part
    with pytest.raises(PartError, match=r"a part was made by gapscan 0\.1\.0 .* this is 0\.2\.0"):
        Part.decoded(part.encoded(), "0.2.0")
    with pytest.raises(PartError, match="a part of an assessment is damaged"):
        Part.decoded(part.encoded()[:-3], "0.1.0")
