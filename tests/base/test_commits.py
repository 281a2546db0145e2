"""The commit of a file, and that determining it runs no code of the checkout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scanner.base.commits import last_commit

OWNERSHIP = "version: 1\nteams:\n  platform: {}\nowners:\n- {controls: [data], accountable: platform}\n"


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=example", "-c", "user.email=git@example.com")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(folder: Path, *names: str) -> str:
    git(folder, "add", *names)
    git(folder, "commit", "--quiet", "-m", "a change")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


def test_the_commit_is_the_last_that_changed_any_of_the_files(repository: Path) -> None:
    (repository / "sub").mkdir()
    one, two = repository / "one.yaml", repository / "sub" / "two.yaml"
    one.write_text("1", encoding="utf-8")
    first = committed(repository, "one.yaml")
    two.write_text("2", encoding="utf-8")
    second = committed(repository, "sub/two.yaml")
    (repository / "other").write_text("3", encoding="utf-8")
    committed(repository, "other")
    assert last_commit([one]) == first
    assert last_commit([one, two]) == second
    git(repository, "pack-refs", "--all")
    git(repository, "gc", "--quiet")
    assert last_commit([two]) == second


def test_a_merge_without_changes_is_skipped(repository: Path) -> None:
    one = repository / "one.yaml"
    one.write_text("1", encoding="utf-8")
    committed(repository, "one.yaml")
    git(repository, "checkout", "--quiet", "-b", "side")
    one.write_text("2", encoding="utf-8")
    wanted = committed(repository, "one.yaml")
    git(repository, "checkout", "--quiet", "-")
    (repository / "other").write_text("3", encoding="utf-8")
    committed(repository, "other")
    git(repository, "merge", "--quiet", "--no-ff", "-m", "merge", "side")
    assert last_commit([one]) == wanted == git(repository, "log", "-n", "1", "--format=%H", "--", "one.yaml")


@pytest.mark.parametrize("change", ["other contents", None])
def test_a_file_with_uncommitted_changes_has_no_commit(repository: Path, change: str | None) -> None:
    one = repository / "one.yaml"
    if change is not None:
        one.write_text("1", encoding="utf-8")
        committed(repository, "one.yaml")
    one.write_text(change or "never added", encoding="utf-8")
    if change is None:
        (repository / "other").write_text("3", encoding="utf-8")
        committed(repository, "other")
    assert last_commit([one]) is None


def test_crlf_line_endings_are_not_a_change(repository: Path) -> None:
    one = repository / "one.yaml"
    one.write_bytes(b"a\nb\n")
    commit = committed(repository, "one.yaml")
    one.write_bytes(b"a\r\nb\r\n")
    assert last_commit([one]) == commit


def test_a_shallow_clone_and_a_second_work_tree_have_a_commit(repository: Path, tmp_path: Path) -> None:
    one = repository / "one.yaml"
    for text in ("1", "2"):
        one.write_text(text, encoding="utf-8")
        commit = committed(repository, "one.yaml")
    git(tmp_path, "clone", "--quiet", "--depth", "1", repository.as_uri(), "shallow")
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert last_commit([tmp_path / "shallow" / "one.yaml"]) == commit
    assert last_commit([tmp_path / "tree" / "one.yaml"]) == commit


def test_objects_missing_from_a_partial_clone_are_not_a_change(repository: Path, tmp_path: Path) -> None:
    one = repository / "one.yaml"
    one.write_text("1", encoding="utf-8")
    committed(repository, "one.yaml")
    (repository / "other").write_text("3", encoding="utf-8")
    committed(repository, "other")
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=tree:0", repository.as_uri(), "partial")
    assert last_commit([tmp_path / "partial" / "one.yaml"]) is None


def test_there_is_no_commit_without_a_working_repository_or_after_the_time_limit(
    repository: Path, tmp_path: Path
) -> None:
    one = repository / "one.yaml"
    one.write_text("1", encoding="utf-8")
    committed(repository, "one.yaml")
    moments = iter([0.0, 6.0])
    assert last_commit([one], clock=lambda: next(moments)) is None
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/absent\n", encoding="utf-8")
    assert last_commit([one]) is None
    alone = tmp_path / "alone.yaml"
    alone.write_text("1", encoding="utf-8")
    assert last_commit([alone]) is None
    assert last_commit([]) is None


def embedded(folder: Path, ran: Path) -> None:
    """What a pull request can add: a bare repository in the folder, whose configuration names a program."""
    program = folder / "monitor"
    program.write_text(f"#!/bin/sh\nenv > '{ran}'\n", encoding="utf-8")
    program.chmod(0o755)
    git(folder, "init", "--quiet", "--bare", ".")
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "gpg.program", "diff.external"):
        git(folder, "config", key, str(program))
    git(folder, "config", "core.bare", "false")
    git(folder, "config", "core.worktree", str(folder))
    git(folder, "config", "log.showSignature", "true")


def test_nothing_of_an_embedded_repository_runs(repository: Path, tmp_path: Path) -> None:
    folder, ran = repository / "policy", tmp_path / "ran"
    folder.mkdir()
    (folder / "ownership.yaml").write_text(OWNERSHIP, encoding="utf-8")
    wanted = committed(repository, "policy")
    embedded(folder, ran)
    # The attack is real: git itself runs the program there.
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_COUNT": "1"}
    environment |= {"GIT_CONFIG_KEY_0": "safe.bareRepository", "GIT_CONFIG_VALUE_0": "all"}
    subprocess.run(["git", "status"], cwd=folder, env=environment, capture_output=True, check=False)
    assert ran.exists()
    ran.unlink()
    assert last_commit([folder / "ownership.yaml"]) == wanted
    assert not ran.exists()
