"""A report on disk: read as a stream or by bisection, and refused with its line if it is not as written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.assess.baseline import load_baseline
from scanner.assess.report_file import ReportFile
from scanner.base.yaml import DocumentError
from scanner.report.formats import json as json_report
from scanner.report.saved import saved_head
from tests.report.test_report import rendered, report


@pytest.fixture(scope="module")
def text() -> str:
    """A report as it is written."""
    return rendered(json_report, report())


def file(tmp_path: Path, content: str | bytes) -> ReportFile:
    path = tmp_path / "r.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ReportFile(path)


def test_a_stream_has_what_was_written(text: str, tmp_path: Path) -> None:
    read = file(tmp_path, text)
    assert read.head == {name: value for name, value in json.loads(text).items() if name != "findings"}
    assert [json.loads(line) for line in read.lines()] == json.loads(text)["findings"]
    assert [one.uid for one in read] == [one["uid"] for one in json.loads(text)["findings"]]
    assert saved_head(read).model_dump(mode="json", by_alias=True) == read.head
    assert read.head["coverage"]
    assert read.without_rows == {**read.head, "coverage": []}
    assert saved_head(read, rows=False).model_dump(mode="json", by_alias=True) == read.without_rows
    again = file(tmp_path, former(text)).path
    assert ReportFile(again, former=True).without_rows["coverage"] == []


LINE = '{"uid":"%s","padding":"%s"}'


@settings(max_examples=30, deadline=None)
@given(
    lines=st.lists(st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 3_000)), max_size=200),
    digits=st.integers(1, 32),
    data=st.data(),
)
def test_bisection_finds_what_a_search_finds(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[int, int]], digits: int, data: st.DataObject
) -> None:
    """Also of equal uids, lines of very different length, and files that are searched from end to end."""
    uids = sorted(f"{number:032x}" for number, _ in lines)
    written = ",".join(f"\n  {LINE % (uid, 'x' * size)}" for uid, (_, size) in zip(uids, lines, strict=True))
    path = tmp_path_factory.mktemp("bisected") / "r.json"
    path.write_text(f'{{\n "schema": "gapscan.report/v2",\n "findings": [{written}\n ]\n}}\n')
    read = _Uids(path)
    prefix = data.draw(st.sampled_from(uids) if uids else st.just("0" * 32))[:digits]
    for wanted in (prefix, prefix.upper(), data.draw(st.text("0123456789abcdef", min_size=1, max_size=3))):
        found = list(read.starting_with(wanted))
        assert found == [uid for uid in uids if uid.startswith(wanted.lower())]


class _Uids(ReportFile):
    """A report whose findings are nothing but uids."""

    def decoded(self, entry: Any) -> Any:
        return entry[0].decode()


def test_nothing_starts_with_what_is_no_uid(text: str, tmp_path: Path) -> None:
    read = file(tmp_path, text)
    for prefix in ("", "xyz", "0" * 33, ".", "é"):
        assert list(read.starting_with(prefix)) == []


def lines_of(text: str) -> list[str]:
    return text.split("\n")


def first_finding(text: str) -> int:
    """The number of the first finding's line, from 0."""
    return lines_of(text).index(' "findings": [') + 1


def swapped(text: str) -> str:
    lines, first = lines_of(text), first_finding(text)
    lines[first : first + 2] = [lines[first + 1], lines[first]]
    return "\n".join(lines)


def without_line_ends(text: str) -> str:
    return json.dumps(json.loads(text))


def indented(text: str) -> str:
    return json.dumps(json.loads(text), indent=1)


def damaged(text: str) -> str:
    lines, first = lines_of(text), first_finding(text)
    lines[first + 1] = lines[first + 1].replace('"evidence":', '"evidense":')
    return "\n".join(lines)


def without_uid(text: str) -> str:
    lines, first = lines_of(text), first_finding(text)
    lines[first + 1] = lines[first + 1].replace('"uid":', '"uib":')
    return "\n".join(lines)


BAD: dict[str, tuple[Callable[[str], str], str, int | None]] = {
    # The change, the message, and the line after the beginning of the findings; None: line 1.
    "cut in the middle of a line": (lambda text: text[:-800], "is damaged: ", None),
    "cut at the end of a line": (lambda text: text[: text.rindex(",\n  {") + 2], "truncated", None),
    "not ended": (lambda text: text[:-4], "truncated", None),
    "more at its end": (lambda text: text + "{}\n", "truncated", None),
    "on one line": (without_line_ends, "use the report as it was written", 1),
    "indented": (indented, "use the report as it was written", None),
    "unsorted": (swapped, "not sorted by uid", None),
    "a field of another name": (damaged, "unknown field `evidense`", None),
    "a line without uid": (without_uid, "the line is not a finding", None),
    "empty": (lambda text: "", "is empty", 1),
    "blank": (lambda text: "\n\n", "is empty", 1),
    "another document": (lambda text: '{"a": 1}', "is not a report of schema", 1),
    "a list": (lambda text: "[]", "is not a report of schema", 1),
    "an earlier schema": (
        lambda text: text.replace("report/v2", "report/v1"), "assess its snapshot again", 1,
    ),
    "a later schema": (lambda text: text.replace("report/v2", "report/v9"), "make one with", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_as_written_is_refused_with_its_line(name: str, text: str, tmp_path: Path) -> None:
    change, message, line = BAD[name]
    read = file(tmp_path, change(text))
    with pytest.raises(DocumentError, match=re.escape(message)) as error:
        list(read)
    assert re.match(rf"{re.escape(str(read.path))}:\d+: ", str(error.value))
    number = int(str(error.value).removeprefix(f"{read.path}:").split(":")[0])
    if line is not None:
        assert number == line
    else:
        assert number > first_finding(text)
    if message != "unknown field `evidense`":
        with pytest.raises(DocumentError):
            # Bisection comes by everything in a file of this size but what is behind the finding.
            list(read.starting_with("f" * 32))


def test_a_damaged_line_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=rf":{first_finding(text) + 2}: is damaged"):
        list(file(tmp_path, damaged(text)))
    with pytest.raises(DocumentError, match=rf":{first_finding(text) + 2}: is damaged"):
        list(file(tmp_path, without_uid(text)).starting_with("f" * 32))


def test_a_pipe_and_a_folder_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "absent"):
        with pytest.raises(DocumentError, match="cannot be read"):
            list(ReportFile(path))


def test_a_damaged_head_names_the_field(text: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"is damaged: scan\.complete"):
        saved_head(file(tmp_path, text.replace('"complete": false', '"complete": "perhaps"')))


def former(text: str) -> str:
    """The report as the schema before had it."""
    document = json.loads(text)
    for name in ("listed", "failing", "unseen"):
        del document["summary"][name]
    for finding in document["findings"]:
        del finding["at_gate"]
    lines = [json.dumps(finding, ensure_ascii=False) for finding in document.pop("findings")]
    head = json.dumps({**document, "schema": "gapscan.report/v1"}, indent=1, ensure_ascii=False)
    return head.removesuffix("\n}") + ',\n "findings": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


def test_a_report_of_the_schema_before_is_a_baseline(text: str, tmp_path: Path) -> None:
    now, then = file(tmp_path, text).path, tmp_path / "v1.json"
    then.write_text(former(text), encoding="utf-8")
    baseline, earlier = load_baseline(now), load_baseline(then)
    assert baseline.rules == earlier.rules
    found = list(ReportFile(now))
    assert found
    for one in found:
        assert earlier.knows(one.uid)
        assert (earlier.before(one.uid), earlier.lists(one.uid)) == (one.evidence, one.listed)
    assert [one.uid for one in earlier.findings] == [one.uid for one in found]
    with pytest.raises(DocumentError, match="assess its snapshot again"):
        list(ReportFile(then))
