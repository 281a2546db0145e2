"""Tasks in several processes. One that dies costs the task that it worked on, and nothing else."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Died(Exception):
    """The process that worked on a task ended without a result: it was killed, or ran out of memory."""


@dataclass(frozen=True)
class Task(Generic[T]):
    """A function of a module with its arguments, all of which can be pickled."""

    function: Callable[..., T]
    arguments: tuple[Any, ...]

    def run(self) -> T:
        """The result, in this process."""
        return self.function(*self.arguments)


@dataclass
class _Worker:
    process: Any
    connection: Connection
    number: int | None = None
    """Of the task that it works on."""


def run_all(
    tasks: Sequence[Task[T]], processes: int, done: Callable[[int], None] = lambda number: None
) -> list[T | Died]:
    """The results in the order of the tasks, :class:`Died` where a process died; ``done`` is told how many
    tasks have ended.

    One process is this one. Raises what a task raises.
    """
    if processes <= 1 or len(tasks) <= 1:
        return [_told(task.run(), number, done) for number, task in enumerate(tasks, 1)]
    left = deque(enumerate(tasks))
    results: dict[int, T | Died] = {}
    workers: list[_Worker] = []
    try:
        for _ in range(min(processes, len(tasks))):
            workers.append(_begun())
            _give(workers[-1], left)
        while len(results) < len(tasks):
            ready = wait([worker.connection for worker in workers if worker.number is not None])
            for worker in [one for one in workers if one.connection in ready]:
                number = worker.number
                assert number is not None
                try:
                    raised, result = worker.connection.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    worker.process.join()
                    results[number] = Died(f"its process ended with {worker.process.exitcode}")
                    if left:
                        worker = _begun()
                        workers.append(worker)
                else:
                    if raised:
                        raise result
                    results[number] = result
                    worker.number = None
                done(len(results))
                _give(worker, left)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.connection.close()
        for worker in workers:
            worker.process.join()
    return [results[number] for number in range(len(tasks))]


def _told(result: T, number: int, done: Callable[[int], None]) -> T:
    done(number)
    return result


def _begun() -> _Worker:
    # A new interpreter: a copy of this one could copy locks that other threads hold.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _give(worker: _Worker, left: deque[tuple[int, Task[Any]]]) -> None:
    if left and worker.process.exitcode is None:
        worker.number, task = left.popleft()
        worker.connection.send(task)


def _work(connection: Connection) -> None:
    """Works on tasks until the parent hangs up."""
    # The parent ends its workers itself when the user interrupts it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            task: Task[Any] = connection.recv()
        except EOFError:
            return
        try:
            answer = (False, task.run())
        except Exception as error:  # noqa: BLE001  (it is raised in the parent)
            answer = (True, error)
        connection.send(answer)
