"""Pipes, devices, signals and closed streams: the exit code means what it says."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scanner.assess.baseline import load_baseline
from scanner.assess.finding import of_defect
from scanner.assess.finding_store import FindingStore
from scanner.base.files import Unwritable
from scanner.base.yaml import DocumentError
from scanner.run.snapshot import SnapshotError, read_snapshot
from tests.command_line import ROOT, gapscan
from tests.estate import CATALOGUE
from tests.run.test_snapshot import gathered, written

ASSESS = ("assess", "s.zst", "--gate", "none", "--allow-incomplete")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("streams")
    written(made / "s.zst", gathered())
    return made


def shell(command: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs gapscan in a shell that redirects its streams."""
    return subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-P", "-m", "scanner", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )


def test_a_report_to_a_device_and_to_a_pipe_is_written(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append((folder / "pipe").read_text("utf-8")))
    reader.start()
    done = gapscan(*ASSESS, "--report", "json=pipe", "--report", "text=/dev/null", cwd=folder)
    reader.join(timeout=30)
    assert done.returncode == 0, done.stderr
    assert '"schema": "gapscan.report/' in received[0]


@pytest.mark.parametrize("target", ["2>&-", "2>/dev/full", "2>&- >&-"])
def test_a_usage_error_that_nobody_can_read_is_one(target: str, folder: Path) -> None:
    assert shell(f'exec "$@" {target}', folder, "scan", "aws", "--gate", "postur").returncode == 2


def test_an_unknown_argument_that_nobody_can_read_is_a_usage_error(folder: Path) -> None:
    assert shell('exec "$@" 2>/dev/full', folder, "scan", "amazon").returncode == 2


def test_an_interrupt_while_the_command_line_loads_prints_no_traceback(folder: Path) -> None:
    script = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "scanner.cli":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
from scanner.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_signals_that_the_caller_ignores_stay_ignored(folder: Path) -> None:
    script = "trap '' HUP INT; exec \"$@\""
    hung_up = (
        "import os, signal; from scanner.cli import app; import scanner.cli;"
        "scanner.cli.app = lambda **_: [os.kill(os.getpid(), s) for s in (signal.SIGHUP, signal.SIGINT)];"
        "scanner.cli.main()"
    )
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-P", "-c", hung_up],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_a_baseline_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(DocumentError, match="cannot be read"):
            load_baseline(path)
        with pytest.raises(SnapshotError, match="cannot be read"):
            read_snapshot(path)


def test_a_document_without_end_is_refused(folder: Path) -> None:
    for option in ("--ownership", "--config"):
        done = gapscan(*ASSESS, option, "/dev/zero", cwd=folder)
        assert done.returncode == 2, done.stderr
        assert "/dev/zero:1: cannot be read: it is a device, not a file" in done.stderr


def test_an_ownership_file_may_come_through_a_pipe(folder: Path) -> None:
    text = "version: 1\nteams: {a: {}}\nreviewed: 2026-11-01\nowners:\n- {controls: [data], accountable: a}\n"
    (folder / "o.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            "bash", "-c", '"$@" --ownership <(cat o.yaml)', "bash",
            sys.executable, "-P", "-m", "scanner", *ASSESS,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "with ownership file" in done.stdout


def test_a_full_folder_for_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    defect = of_defect(
        code="lapsed",
        line_id="1",
        source="o.yaml:1",
        control=CATALOGUE.controls["gov.resource-ownership-tag"],
        message="m" * (1 << 20),
        severity="low",
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        store = FindingStore()
        with pytest.raises(Unwritable, match=rf"{tmp_path}: findings cannot be stored there") as raised:
            for _ in range(20):
                store.add(defect.encoded())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.exit_code == 74


def test_a_configuration_is_as_wrong_as_an_option(folder: Path) -> None:
    (folder / "gapscan.yaml").write_text('version: 1\nreport: ["json="]\n', encoding="utf-8")
    done = gapscan(*ASSESS, "--config", "gapscan.yaml", cwd=folder)
    assert done.returncode == 2
    assert done.stderr == "gapscan: gapscan.yaml:2: report: json=: no path after =\n"
    assert gapscan(*ASSESS, "--report", "json=", cwd=folder).returncode == 2


def test_a_collection_needs_no_baseline(folder: Path) -> None:
    (folder / "c.yaml").write_text("version: 1\nbaseline: absent.json\n", encoding="utf-8")
    done = gapscan("collect", "aws", "--config", "c.yaml", cwd=folder)
    assert done.returncode == 4, "only the credentials are missing"
    assert "absent.json" not in done.stderr


def test_a_key_with_a_line_break_begins_no_line(folder: Path) -> None:
    text = 'version: 1\n"x\\ngapscan: all is well": 1\n'
    (folder / "broken.yaml").write_text(text, encoding="utf-8")
    done = gapscan(*ASSESS, "--config", "broken.yaml", cwd=folder)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("gapscan: broken.yaml:2: ")


@pytest.mark.parametrize("control", ["plat.physical-security", "compute.self-hosted-database"])
def test_a_control_without_rules_can_be_chosen(control: str, folder: Path) -> None:
    done = gapscan(*ASSESS, "--control", control, "--report", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert {row["control"] for row in json.loads(done.stdout)["coverage"]} == {control}
    text = gapscan(*ASSESS, "--control", control, cwd=folder).stdout
    assert "1 control:" in text
    assert "1 controls" not in text


def test_a_snapshot_of_the_future_has_no_age(folder: Path) -> None:
    done = gapscan(*ASSESS, "--max-age", "24h", "--now", "2026-11-20T00:00:00Z", cwd=folder)
    assert done.returncode == 2
    assert "in the future" in done.stderr
    near = gapscan(*ASSESS, "--max-age", "24h", "--now", "2026-11-22T05:58:00Z", cwd=folder)
    assert near.returncode == 0, near.stderr
