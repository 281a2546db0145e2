"""Tasks in several processes. One that dies costs the task that it worked on, and nothing else."""

from __future__ import annotations

import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Self, TypeVar

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
    task: int | None = None
    """The number of the task that it works on."""

    def give(self, number: int, task: Task[Any]) -> None:
        """Sends it a task; if it has died meanwhile, that shows when the answer is read."""
        self.task = number
        with suppress(OSError):
            self.connection.send(task)

    def answer(self) -> Any:
        """The result of its task. Raises :class:`EOFError` or :class:`OSError` if it has died."""
        raised, result = self.connection.recv()
        self.task = None
        if raised:
            raise result
        return result


def _ignore(number: int) -> None:
    """Nobody wants to know."""


class Processes:
    """Some processes, which are started when there is work for them and ended when it is left.

    One process is this one.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join()

    def run(self, tasks: Sequence[Task[T]], done: Callable[[int], None] = _ignore) -> list[T | Died]:
        """The results in the order of the tasks, :class:`Died` where a process died; ``done`` is told how
        many tasks have ended. Raises what a task raises."""
        if self._number <= 1 or len(tasks) <= 1:
            return [_told(task.run(), number, done) for number, task in enumerate(tasks, 1)]
        left = deque(enumerate(tasks))
        results: dict[int, T | Died] = {}
        while len(results) < len(tasks):
            while left and len(self._workers) < self._number:
                self._workers.append(_begun())
            for worker in self._workers:
                if worker.task is None and left:
                    worker.give(*left.popleft())
            busy = [worker for worker in self._workers if worker.task is not None]
            ready = wait([worker.connection for worker in busy])
            for worker in [one for one in busy if one.connection in ready]:
                task = worker.task
                assert task is not None
                try:
                    results[task] = worker.answer()
                except Died as died:
                    results[task] = died
                except (EOFError, OSError):
                    self._workers.remove(worker)
                    worker.process.join()
                    results[task] = Died(f"its process ended with {worker.process.exitcode}")
                done(len(results))
        return [results[number] for number in range(len(tasks))]


def _told(result: T, number: int, done: Callable[[int], None]) -> T:
    done(number)
    return result


def _begun() -> _Worker:
    # A new interpreter: a copy of this one could copy locks that other threads hold.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    # It is begun with the first process, and would let signals through again.
    resource_tracker.ensure_running()
    # Ctrl-C reaches every process of the terminal. A new one inherits what is blocked, and would be
    # interrupted while it is still loading otherwise; what comes for this one meanwhile is delivered then.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    theirs.close()
    return _Worker(process, ours)


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
        except MemoryError:
            answer = (True, Died("its process ran out of memory"))
        except Exception as error:  # noqa: BLE001  (it is raised in the parent)
            answer = (True, _sendable(error))
        try:
            connection.send(answer)
        except OSError:
            return  # the parent has ended


def _sendable(error: Exception) -> Exception:
    """The error with where it was raised; another with its text if it would not arrive as it is."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        arrived = pickle.loads(pickle.dumps(error))
        if type(arrived) is type(error) and str(arrived) == str(error):
            return error
    except Exception:  # noqa: BLE001  (whatever its own code raises)
        pass
    other = RuntimeError(f"{type(error).__name__}: {error}")
    other.__notes__ = error.__notes__
    return other
