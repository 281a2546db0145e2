"""What counts of snapshots that overlap, that tell of one another's scopes, or that could not be assessed."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.assess.gate import Terms
from scanner.assess.states import GATES
from scanner.base.files import Unwritable
from scanner.base.processes import Died, Processes, Task
from scanner.collect.derived import derive
from scanner.model.evidence import BlindSpot
from scanner.model.inventory import Inventory, Target
from scanner.model.resources.audit import AuditTrail
from scanner.model.resources.identity import Tenant
from scanner.run.assess_snapshots import Joint, assess_collected, assess_snapshots
from scanner.run.scan import Collected
from tests.assessed_estates import HUB, Case, in_scope
from tests.estate import ACCOUNT, DENIED, EVERYTHING, NOW, account, bucket, other, region
from tests.run.test_assess_snapshots import asked, written

BUCKET = f"arn:aws:s3:::audit/{ACCOUNT}"
TRAIL = in_scope(HUB, other(AuditTrail, destinations=(BUCKET,)))


def estate(*, with_bucket: bool) -> Inventory:
    """A trail in one account that stores in a bucket of the other, which may be gone."""
    held = [in_scope(scope, one) for scope in (ACCOUNT, HUB) for one in (account(), region())]
    held += [TRAIL, *([in_scope(ACCOUNT, bucket("audit"))] if with_bucket else [])]
    return Case(tuple(held), (), frozenset(), None).inventory


def of_the_trail(joint: Joint) -> set[str | None]:
    """What the verdicts on the trail's bucket are."""
    return {
        finding.verdict
        for finding in joint.assessment.coverage.findings
        if finding.scope == HUB and finding.rule == "log.trail-storage-protected"
    }


def test_a_bucket_that_is_gone_in_the_newer_snapshot_proves_nothing(tmp_path: Path) -> None:
    old = written(tmp_path, "old", estate(with_bucket=True), 1, minutes=60)
    new = written(tmp_path, "new", estate(with_bucket=False).within({("aws", ACCOUNT)}), 2)
    assert of_the_trail(assess_snapshots([old], asked(None), 1)) == {"pass"}
    for jobs in (1, 2):
        assert of_the_trail(assess_snapshots([old, new], asked(None), jobs)) == {"unknown"}


def test_a_snapshot_beside_does_not_tell_of_scopes_that_are_assessed(tmp_path: Path) -> None:
    beside = derive(estate(with_bucket=True), EVERYTHING)
    request = replace(asked(None), common_control_inventories=(beside,))
    gone, alone = estate(with_bucket=False), estate(with_bucket=False).within({("aws", HUB)})
    for inventory, expected in ((gone, "unknown"), (alone, "pass")):
        path = written(tmp_path, expected, inventory)
        collected = Collected(derive(inventory, EVERYTHING), NOW, NOW, "0" * 32)
        for joint in (
            assess_snapshots([path], request, 1),
            assess_snapshots([path], request, 2),
            assess_collected(collected, request, 1),
        ):
            assert of_the_trail(joint) == {expected}


def test_a_target_without_a_scope_stays_missed(tmp_path: Path) -> None:
    missed = Target("aws", None, None, True, False, "The role could not be assumed.")
    inventory = estate(with_bucket=True)
    old = written(tmp_path, "old", replace(inventory, targets=(missed, *inventory.targets)), 1, minutes=60)
    request = replace(asked(None), terms=Terms(GATES["none"]))
    for newer in (inventory, inventory.within({("aws", ACCOUNT)})):
        joint = assess_snapshots([old, written(tmp_path, "new", newer, 2)], request, 1)
        assert missed in joint.collected.inventory.targets
        assert joint.assessment.exit == 3


def test_a_scope_that_others_show_counts_where_it_was_read_itself(tmp_path: Path) -> None:
    inventory = estate(with_bucket=True)
    hub = inventory.within({("aws", HUB)})
    seen = BlindSpot(provider="aws", scope=ACCOUNT, region=None, kind="bucket", cause=DENIED.causes[0])
    trail = in_scope(ACCOUNT, other(AuditTrail))
    own = written(tmp_path, "own", inventory.within({("aws", ACCOUNT)}), 1, minutes=60)
    for name, newer in (
        ("spot", replace(hub, blind_spots=(seen,))),
        ("trail", replace(hub, resources=(trail, *hub.resources))),
    ):
        notes: list[str] = []
        joint = assess_snapshots([own, written(tmp_path, name, newer, 2)], asked(None), 1, note=notes.append)
        assert f"{own} counts, as it was not reached in the other" in notes[0]
        assert {one.scope for one in joint.assessment.coverage.scopes} == {ACCOUNT, HUB}
        assert [one.scope for one in joint.collected.inventory.targets] == [ACCOUNT, HUB]
        assert not joint.assessment.coverage.blind_spots


def test_a_tenant_whose_process_dies_makes_the_assessment_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = in_scope("tenant-1", other(Tenant))
    lost = tenant.provider, tenant.scope
    inventory = estate(with_bucket=True)
    both = replace(inventory, resources=(tenant, *inventory.resources))
    request = replace(asked(None), terms=Terms(GATES["none"], max_unknown=99))
    path = written(tmp_path, "all", both)
    assert assess_snapshots([path], request, 3).assessment.exit == 0
    run = Processes.run

    def deadly(self: Processes, tasks: Sequence[Task[Any]], *more: Any) -> list[Any]:
        results = run(self, tasks, *more)
        return [
            Died("its process ended with -9")
            if task.function.__name__ == "_part"
            and (tenant.provider, tenant.scope) in task.arguments[1].scopes
            else result
            for task, result in zip(tasks, results, strict=True)
        ]

    monkeypatch.setattr(Processes, "run", deadly)
    joint = assess_snapshots([path], request, 3)
    assert lost in {(one.provider, one.scope) for one in joint.collected.inventory.targets if not one.reached}
    assert joint.assessment.exit == 3


def test_a_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "all", estate(with_bucket=True))
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(folder))

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Unwritable, match=f"^{folder}: .*No space left on device"):
        assess_snapshots([path], asked(None), 1)
    assert not list(folder.iterdir())
