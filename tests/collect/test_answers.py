"""Recorded answers: what is written, what is read again, and what is refused."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scanner.base.files import Unwritable
from scanner.base.yaml import DocumentError
from scanner.collect import answer_files
from scanner.collect.answer_files import SHARED, Exchange
from scanner.collect.answers import Recorder, Replay
from scanner.collect.provider import ConnectionRequest

ACCOUNT = "111122223333"
WWW = {"region": "eu-west-1", "Bucket": "www"}
POLICY = Exchange("s3:GetBucketPolicy", WWW, {"Policy": "{}"}, None)
NO_TAGS = Exchange("s3:GetBucketTagging", WWW, None, {"status": 404, "code": "NoSuchTagSet"})
CASE = """\
schema: gapscan.answers/v1
provider: aws
kind: bucket
states:
- name: recorded
  scope: "111122223333"
  answers:
  - call: s3:GetBucketPolicy
    about: {region: eu-west-1, Bucket: www}
    answer: {Policy: '{}'}
"""


def written(tmp_path: Path, *exchanges: Exchange, names: bool = False) -> Path:
    """A recording of the exchanges."""
    recorder = Recorder(tmp_path / "case", names=names)
    for exchange in exchanges:
        recorder.record("aws", "bucket", ACCOUNT, exchange)
    recorder.write()
    return tmp_path / "case"


def case(tmp_path: Path, text: str = CASE, path: str = "aws/bucket.yaml") -> Path:
    """A recording of one file, written by hand."""
    file = tmp_path / "case" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return tmp_path / "case"


def refused(folder: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        Replay.read(folder).check("aws", ["s3:GetBucketPolicy", "s3:GetBucketTagging"])
    return str(caught.value).replace(f"{folder.parent}/", "")


def test_what_is_recorded_is_found_again(tmp_path: Path) -> None:
    replay = Replay.read(written(tmp_path, POLICY, NO_TAGS))
    assert replay.find("aws", POLICY.call, WWW) == POLICY
    assert replay.find("aws", NO_TAGS.call, WWW) == NO_TAGS
    assert replay.providers == ("aws",)
    assert replay.scopes("aws") == (ACCOUNT,)
    assert replay.scopes("gcp") == ()
    replay.check("aws", [POLICY.call, NO_TAGS.call])


@pytest.mark.parametrize(
    ("provider", "call", "about"),
    [
        ("gcp", "s3:GetBucketPolicy", WWW),
        ("aws", "s3:GetBucketAcl", WWW),
        ("aws", "s3:GetBucketPolicy", {**WWW, "Bucket": "other"}),
        ("aws", "s3:GetBucketPolicy", {**WWW, "NextToken": "2"}),
        ("aws", "s3:GetBucketPolicy", {"Bucket": "www"}),
    ],
)
def test_a_request_that_is_not_recorded_is_not_found(
    tmp_path: Path, provider: str, call: str, about: dict[str, Any]
) -> None:
    assert Replay.read(written(tmp_path, POLICY)).find(provider, call, about) is None


ABOUTS = [
    (WWW, "www"),
    ({**WWW, "ExpectedBucketOwner": ACCOUNT}, "www"),
    ({**WWW, "Bucket": "other"}, "here"),
    ({"region": "us-east-1"}, "any"),
    ({"region": "us-east-1", "ContinuationToken": "2"}, None),
]


def test_an_answer_is_about_every_request_that_has_what_it_states(tmp_path: Path) -> None:
    text = (
        CASE.replace("'{}'", "www")
        + """\
  - call: s3:GetBucketPolicy
    answer: {Policy: any}
  - call: s3:GetBucketPolicy
    about: {region: eu-west-1}
    answer: {Policy: here}
"""
    )
    replay = Replay.read(case(tmp_path, text))
    for about, expected in ABOUTS:
        found = replay.find("aws", "s3:GetBucketPolicy", about)
        assert (found and found.answer) == (expected and {"Policy": expected})


def test_a_recorded_answer_is_about_no_other_request(tmp_path: Path) -> None:
    own = {"region": "eu-west-1", "OwnerIds": ["self"]}
    listed = Exchange("ec2:DescribeSnapshots", own, {"Snapshots": []}, None)
    replay = Replay.read(written(tmp_path, listed))
    assert replay.find("aws", "ec2:DescribeSnapshots", own) == listed
    assert replay.find("aws", "ec2:DescribeSnapshots", {**own, "RestorableByUserIds": ["all"]}) is None


def test_a_state_has_the_answers_of_the_one_that_it_is_like(tmp_path: Path) -> None:
    text = (
        CASE
        + """\
- name: changed
  like: recorded
  answers:
  - call: s3:GetBucketPolicy
    about: {region: eu-west-1, Bucket: www}
    answer: {Policy: 'other'}
  - call: s3:GetBucketTagging
    answer: {TagSet: []}
"""
    )
    _, changed = Replay.read(case(tmp_path, text)).states
    assert (changed.scope, [one.answer for one in changed.answers]) == (
        ACCOUNT,
        [{"Policy": "other"}, {"TagSet": []}],
    )
    (again,) = Replay.read(case(tmp_path, CASE + "- {name: again, like: recorded}\n")).states[1:]
    assert [one.answer for one in again.answers] == [{"Policy": "{}"}]
    assert again.lines == (8,)


def test_equal_requests_are_answered_in_recorded_order(tmp_path: Path) -> None:
    progress = [Exchange("iam:GetReport", {}, {"State": state}, None) for state in ("A", "C", "B")]
    replay = Replay.read(written(tmp_path, *progress))
    found = [replay.find("aws", "iam:GetReport", {}) for _ in range(5)]
    assert found == [*progress, progress[-1], progress[-1]]


def test_a_scope_gets_only_its_own_answers(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "case")
    for scope in ("444455556666", ACCOUNT):
        recorder.record("aws", SHARED, scope, Exchange("s3:ListBuckets", {}, {"Owner": scope}, None))
    recorder.write()
    replay = Replay.read(tmp_path / "case")
    for scope in (ACCOUNT, "444455556666"):
        found = replay.find("aws", "s3:ListBuckets", {}, scope)
        assert found is not None
        assert found.answer == {"Owner": scope}
    assert replay.find("aws", "s3:ListBuckets", {}, "999988887777") is None
    assert dict(replay.exchanges("aws", "s3:ListBuckets")).keys() == {ACCOUNT, "444455556666"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Letters of which no secret consists.
    | st.text(st.sampled_from("äß yesno-0:#'\"\n\t&*!|>%{}[],.~\u2028\U0001f600"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("A", "yes", "1", "2026-11-22", "~", "ü")), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(answer=st.dictionaries(st.sampled_from(("a", "b")), JSON), about=st.dictionaries(st.just("x"), JSON))
def test_every_json_value_survives(
    tmp_path_factory: pytest.TempPathFactory, answer: dict[str, Any], about: dict[str, Any]
) -> None:
    exchange = Exchange("s3:GetBucketPolicy", about, answer, None)
    folder = written(tmp_path_factory.mktemp("any"), exchange)
    assert Replay.read(folder).find("aws", exchange.call, about) == exchange


def test_the_files_are_the_same_whatever_order_the_answers_came_in(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = written(tmp_path / "a", POLICY, NO_TAGS), written(tmp_path / "b", NO_TAGS, POLICY)
    one, other = ((folder / "aws/bucket.yaml").read_text() for folder in (first, second))
    assert one.splitlines()[5:] == other.splitlines()[5:]
    assert "about: {region: eu-west-1, Bucket: www}" in one


def test_the_file_has_the_documented_form(tmp_path: Path) -> None:
    document = yaml.safe_load((written(tmp_path, POLICY, NO_TAGS) / "aws/bucket.yaml").read_text())
    (state,) = document.pop("states")
    assert document == {"schema": "gapscan.answers/v1", "provider": "aws", "kind": "bucket"}
    assert state.pop("name").startswith("recorded 20")
    assert state == {
        "exact": True,
        "scope": ACCOUNT,
        "answers": [
            {"call": "s3:GetBucketPolicy", "about": WWW, "answer": {"Policy": "{}"}},
            {"call": "s3:GetBucketTagging", "about": WWW, "error": {"status": 404, "code": "NoSuchTagSet"}},
        ],
    }


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    folder = written(tmp_path, POLICY)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert modes == {"case": 0o700, "aws": 0o700, "bucket.yaml": 0o600}


def test_large_files_are_continued_and_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_files, "_LARGEST", 500)
    many = [Exchange("s3:GetBucketPolicy", {"Bucket": f"b{n}"}, {"Policy": "{}"}, None) for n in range(20)]
    folder = written(tmp_path, *many)
    assert len(list((folder / "aws").iterdir())) > 2
    assert (folder / "aws/bucket-2.yaml").is_file()
    replay = Replay.read(folder)
    replay.check("aws", ["s3:GetBucketPolicy"])
    assert all(replay.find("aws", one.call, one.about) == one for one in many)


def test_answers_to_equal_requests_stay_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_files, "_LARGEST", 300)
    progress = [Exchange("iam:GetReport", {}, {"State": f"{number}"}, None) for number in range(20)]
    replay = Replay.read(written(tmp_path, POLICY, *progress, NO_TAGS))
    assert [replay.find("aws", "iam:GetReport", {}) for _ in range(20)] == progress


def test_many_threads_record_and_replay(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "case")

    def work(number: int) -> None:
        for each in range(50):
            recorder.record("aws", "bucket", ACCOUNT, Exchange("c", {"n": f"{number}.{each}"}, {}, None))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.count == 400
    recorder.write()
    replay = Replay.read(tmp_path / "case")
    assert all(replay.find("aws", "c", {"n": f"{a}.{b}"}) for a in range(8) for b in range(50))


@pytest.mark.parametrize("made", ["file", "full", "readonly", "orphan"])
def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path: Path, made: str) -> None:
    target = tmp_path / "case"
    if made == "file":
        target.write_text("")
    elif made == "full":
        case(tmp_path)
    elif made == "orphan":
        target = tmp_path / "absent" / "case"
    else:
        tmp_path.chmod(0o500)
        try:
            (tmp_path / "probe").touch()
            pytest.skip("this user may write everywhere")
        except PermissionError:
            pass
    with pytest.raises(FileExistsError if made in ("file", "full") else Unwritable, match="case"):
        Recorder(target).check()
    tmp_path.chmod(0o700)
    assert [path.name for path in tmp_path.iterdir()] == (["case"] if made in ("file", "full") else [])


def test_an_empty_folder_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    Recorder(tmp_path / "case").check()
    assert Replay.read(written(tmp_path, POLICY)).find("aws", POLICY.call, WWW) == POLICY


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "case")
    recorder.record("aws", "bucket", ACCOUNT, POLICY)
    recorder.record("aws", "user", ACCOUNT, NO_TAGS)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unwritable, match="No space left"):
        recorder.write()
    assert not list(tmp_path.iterdir())


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "case")
    recorder.record("aws", "bucket", ACCOUNT, POLICY)

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        recorder.write()
    assert not list(tmp_path.iterdir())


def test_dates_are_texts_as_they_are_written(tmp_path: Path) -> None:
    text = CASE.replace(
        "{Policy: '{}'}", "{Day: 2026-11-22, At: 2026-11-22T06:00:00Z, N: [1, 2.5, true, null]}"
    )
    found = Replay.read(case(tmp_path, text)).find("aws", "s3:GetBucketPolicy", WWW)
    assert found is not None
    assert found.answer == {"Day": "2026-11-22", "At": "2026-11-22T06:00:00Z", "N": [1, 2.5, True, None]}


def test_expectations_are_kept(tmp_path: Path) -> None:
    text = CASE + "  expected:\n    www: {public_read: true, versioning: {unknown: denied}}\n"
    (state,) = Replay.read(case(tmp_path, text)).states
    assert state.expected == {"www": {"public_read": True, "versioning": {"unknown": "denied"}}}
    assert (state.name, state.kind, state.line, state.lines) == ("recorded", "bucket", 5, (8,))


ANSWER = "    answer: {Policy: '{}'}\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("answers/v1", "answers/v2", 1, "schema: 'gapscan.answers/v2' is not one of gapscan.answers/v1"),
        ("provider: aws", "provider: gcp", 2, "provider: 'gcp', but the file is in the folder aws"),
        ("kind: bucket", "kind: buckets", 3, "kind: no kind 'buckets'; did you mean bucket?"),
        ("states:", "state:", 4, "state: unknown key; did you mean states?"),
        ("- name: recorded", "- nam: recorded", 5, "states.0.nam: unknown key; did you mean name?"),
        ('"111122223333"', "111122223333", 6, "states.0.scope: expected text: write it in quotes"),
        ("BucketPolicy", "BucketPolcy", 8, "no call 's3:GetBucketPolcy'; did you mean s3:GetBucketPolicy?"),
        ("{Policy: '{}'}", "none", 10, "s3:GetBucketPolicy: the answer is no mapping"),
        ("answer:", "answr:", 10, "states.0.answers.0.answr: unknown key; did you mean answer?"),
        (ANSWER, "", 8, "s3:GetBucketPolicy: expected either an answer or an error"),
        (
            ANSWER,
            f"{ANSWER}    error: {{}}\n",
            8,
            "s3:GetBucketPolicy: expected either an answer or an error",
        ),
        (ANSWER, "    error: denied\n", 10, "states.0.answers.0.error: expected a mapping"),
        ("www", "no", 9, 'Bucket: no means false here: write it in quotes: "no"'),
        ("Policy: '{}'", "Size: .nan", 10, "Size: expected a JSON value"),
        (
            CASE,
            f"{CASE}- {{name: a, like: record}}\n",
            11,
            "like: no state 'record' before this one; did you",
        ),
        (CASE, CASE + CASE.partition("states:\n")[2], 11, "'recorded' (line 5) has answers of 111122223333"),
    ],
)
def test_mistakes_have_file_and_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in CASE
    expected = f"case/aws/bucket.yaml:{line}: {message}"
    assert any(
        each.startswith(expected) for each in refused(case(tmp_path, CASE.replace(old, new))).splitlines()
    )


def test_a_state_without_answers_is_refused(tmp_path: Path) -> None:
    head = CASE.partition("  answers:")[0]
    assert "case/aws/bucket.yaml:7: 'recorded' has no answers" in refused(
        case(tmp_path, f"{head}  answers: []\n")
    )
    assert "case/aws/bucket.yaml:5: 'recorded' has no answers" in refused(case(tmp_path, head))
    no_states = head.partition("states:")[0] + "states: []\n"
    assert "case/aws/bucket.yaml:4: states: is empty" in refused(case(tmp_path, no_states))


def test_every_mistake_is_reported(tmp_path: Path) -> None:
    case(tmp_path, CASE.replace("kind: bucket", "kind: buckt"))
    folder = case(tmp_path, CASE.replace("provider: aws", "provider: gcp"), "aws/other.yaml")
    assert len(refused(folder).splitlines()) == 2


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "case") == "case:1: no such folder"
    (tmp_path / "case").mkdir()
    assert refused(tmp_path / "case").startswith("case:1: holds no recorded answers: expected aws/*.yaml")
    (tmp_path / "case/notes.txt").write_text("")
    (tmp_path / "case/aws").mkdir()
    assert "holds no recorded answers" in refused(tmp_path / "case")
    case(tmp_path, path="awz/bucket.yaml")
    assert "case/awz:1: no cloud 'awz'; did you mean aws?" in refused(tmp_path / "case")
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file") == "file:1: is no folder of recorded answers"


def test_other_files_beside_it_are_ignored(tmp_path: Path) -> None:
    folder = case(tmp_path)
    (folder / "README.md").write_text("what this shows")
    (folder / "ownership.yaml").write_text("version: 1")
    assert Replay.read(folder).providers == ("aws",)


def test_connection_requests_are_equal_whatever_records_them(tmp_path: Path) -> None:
    request = ConnectionRequest("aws", recorder=Recorder(tmp_path / "case"))
    assert request == ConnectionRequest("aws", replay=Replay(()))
    assert hash(request) == hash(ConnectionRequest("aws"))
    assert "recorder" not in repr(request)
