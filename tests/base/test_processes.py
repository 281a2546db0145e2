"""Tasks in other processes: how they are interrupted, and how their errors arrive."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from scanner.base.processes import Died, Processes, Task


class Picky(Exception):
    """One that is pickled without what it is made of."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"{number}: {why}")


def _raise(number: int) -> None:
    if number:
        raise Picky(number, "why")


def test_a_new_process_is_never_interrupted_itself() -> None:
    # What is blocked when it begins, so that Ctrl-C does not reach it while it is loading either.
    asked: list[Task[Any]] = [Task(signal.pthread_sigmask, (signal.SIG_BLOCK, ())) for _ in range(4)]
    with Processes(2) as processes:
        blocked: list[Any] = processes.run(asked)
    assert all(signal.SIGINT in one for one in blocked)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _exhaust() -> None:
    raise MemoryError


def test_a_task_without_memory_costs_itself_alone() -> None:
    tasks: list[Task[Any]] = [Task(_exhaust, ()), Task(str, (1,)), Task(str, (2,))]
    with Processes(2) as processes:
        died, *results = processes.run(tasks)
    assert isinstance(died, Died)
    assert str(died) == "its process ran out of memory"
    assert results == ["1", "2"]


def test_an_error_that_cannot_be_sent_is_told_and_not_lost() -> None:
    with Processes(2) as processes, pytest.raises(RuntimeError) as raised:
        processes.run([Task(_raise, (0,)), Task(_raise, (7,))])
    assert str(raised.value) == "Picky: 7: why"
    assert "in _raise" in "".join(raised.value.__notes__), "where it was raised"
