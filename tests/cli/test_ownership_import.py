"""``gapscan ownership import``."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner.catalogue.responsibility import load_catalogue
from scanner.ownership.file.load import load_ownership
from tests.command_line import gapscan, launched
from tests.exchange.workbooks import caiq, workbook

ROWS = [
    ("Control", "Team", "Account"),
    ("data", "payments", "111122223333"),
    ("iam.least-privilege", "", "111122223333"),
    ("log", "platform", "111122223333"),
    ("log", "payments", "111122223333"),
]
COLUMNS = ("--columns", "control=Control,owner=Team,where.account=Account")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "owners.csv"
    path.write_text("".join(f"{','.join(row)}\n" for row in ROWS), encoding="utf-8")
    return path


def test_a_table_becomes_a_file_that_loads(table: Path) -> None:
    done = gapscan("ownership", "import", "owners.csv", *COLUMNS, cwd=table.parent)
    assert done.returncode == 0, done.stderr
    left_out, contested = done.stderr.splitlines()
    assert left_out == "left out: owners.csv:3: names no owner"
    assert contested.startswith("to be decided: owners.csv:5: contested: ")
    assert (
        "ownership.yaml: 2 lines in force and 2 teams from 4 rows (left out: 1, to be decided: 1)"
        in done.stdout
    )
    file = load_ownership(table.parent / "ownership.yaml", load_catalogue())
    assert [line.text.accountable for line in file.owners] == ["payments", "platform"]


def test_a_workbook_gives_the_same_lines(table: Path) -> None:
    workbook(table.parent / "owners.xlsx", Owners=ROWS)
    for source, out in (("owners.csv", "a.yaml"), ("owners.xlsx", "b.yaml")):
        done = gapscan("ownership", "import", source, *COLUMNS, "--out", out, cwd=table.parent)
        assert done.returncode == 0, done.stderr
    one, other = (
        [line for line in (table.parent / out).read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
        for out in ("a.yaml", "b.yaml")
    )
    assert one == other


def test_an_existing_file_is_replaced_only_by_force(table: Path) -> None:
    existing = table.parent / "ownership.yaml"
    existing.write_text("mine\n", encoding="utf-8")
    existing.chmod(0o640)
    refused = gapscan("ownership", "import", "owners.csv", *COLUMNS, cwd=table.parent)
    assert refused.returncode == 2
    assert "already exists" in refused.stderr
    assert existing.read_text(encoding="utf-8") == "mine\n"
    forced = gapscan("ownership", "import", "owners.csv", *COLUMNS, "--force", cwd=table.parent)
    assert forced.returncode == 0
    assert load_ownership(existing, load_catalogue()).owners
    assert existing.stat().st_mode & 0o777 == 0o640


def test_a_strict_import_writes_all_or_nothing(table: Path) -> None:
    done = gapscan("ownership", "import", "owners.csv", *COLUMNS, "--strict", cwd=table.parent)
    assert done.returncode == 2
    assert "owners.csv:3: names no owner" in done.stderr
    assert not (table.parent / "ownership.yaml").exists()


def test_a_caiq_becomes_a_draft_that_loads(tmp_path: Path) -> None:
    caiq(tmp_path / "caiq.xlsx", ("DSP-02.1", "CSP-owned"), ("CEK-03.1", "CSP-owned"))
    options = ("--format", "caiq", "--provider", "aws", "--out", "draft.yaml")
    done = gapscan("ownership", "import", "caiq.xlsx", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "data.encryption-at-rest is the customer's: such a claim would be misattributed" in done.stderr
    file = load_ownership(tmp_path / "draft.yaml", load_catalogue())
    assert [line.text.controls for line in file.owners] == [("data.media-disposal",)]


def test_a_caiq_without_claims_loads_too(tmp_path: Path) -> None:
    caiq(tmp_path / "caiq.xlsx", ("CEK-03.1", "CSC-owned"))
    done = gapscan("ownership", "import", "caiq.xlsx", "--format", "caiq", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert load_ownership(tmp_path / "ownership.yaml", load_catalogue()).owners == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["owners.csv"], "--columns: name the columns control=… and owner=…"),
        (["absent.csv", *COLUMNS], "absent.csv: cannot be read: No such file or directory"),
        (["owners.csv", "--columns", "control=Control,owner=Tem"], "did you mean Team?"),
        (["owners.csv", "--format", "caiq"], "is it a CAIQ v4?"),
        (["owners.csv", "--format", "caiq", *COLUMNS], "--columns is for --format csv"),
        (["owners.csv", *COLUMNS, "--provider", "aws"], "are for --format caiq"),
        (["owners.csv", *COLUMNS, "--out", "absent/o.yaml"], "absent/o.yaml: cannot be written"),
        (["bad.xlsx", *COLUMNS], "bad.xlsx: is not a valid .xlsx workbook"),
    ],
)
def test_wrong_input_is_reported_in_one_line(arguments: list[str], message: str, table: Path) -> None:
    (table.parent / "bad.xlsx").write_bytes(b"PK\x03\x04")
    done = gapscan("ownership", "import", *arguments, cwd=table.parent)
    assert done.returncode == (74 if "--out" in arguments else 2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (table.parent / "ownership.yaml").exists()


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "it.csv").write_text("c,o\ndata,a\nx\x1b[2Jy,b\n", encoding="utf-8")
    done = gapscan("ownership", "import", "it.csv", "--columns", "control=c,owner=o", cwd=tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stderr
    assert "\x1b" not in (tmp_path / "ownership.yaml").read_text(encoding="utf-8")


def test_without_openpyxl_the_message_says_how_to_install_it(table: Path) -> None:
    (table.parent / "openpyxl.py").write_text("raise ImportError\n", encoding="utf-8")
    workbook(table.parent / "owners.xlsx", Owners=ROWS)
    root = Path(__file__).parents[2]
    done = launched(
        "ownership", "import", "owners.xlsx", *COLUMNS, cwd=table.parent, PYTHONPATH=f"{table.parent}:{root}"
    )
    assert done.returncode == 2
    assert "pip install 'gapscan[xlsx]'" in done.stderr
