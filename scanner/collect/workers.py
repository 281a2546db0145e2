"""Worker threads for calls to the clouds."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """Daemon threads on a queue: a hanging call never prevents the process from exiting.

    Threads start with the first tasks and end when :meth:`wait` or :meth:`stop` returns, so that a process
    can run any number of scans.
    """

    def __init__(self, size: int = 32) -> None:
        self._size = size
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._open = 0
        self._threads = 0
        self._failures: list[Exception] = []
        self._failure: BaseException | None = None
        self._stopped = False

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Queues a task. What it raises is an answer of its future, and one of :attr:`failures`."""
        future: Future[T] = Future()
        with self._changed:
            self._open += 1
            if self._threads < self._size and not self._stopped:
                self._start_thread()
        self._tasks.put((future, task))
        return future

    def _start_thread(self) -> None:
        name = f"gapscan-{self._threads + 1}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError:
            # The system grants no more threads: those that there are do the work, if there are any.
            if self._threads == 0:
                self._open -= 1
                raise
            self._size = self._threads
        else:
            self._threads += 1

    def wait(self, tick: Callable[[], None] = lambda: None, every: float = 0.1) -> None:
        """Returns when no task is left; meanwhile calls ``tick`` every ``every`` seconds.

        A task that fails ends no other task: see :attr:`failures`. An interrupt propagates immediately.
        """
        while self._busy(every):
            # Outside the lock: tick may itself wait for a thread that submits.
            tick()
        with self._changed:
            self._stopped = self._stopped or self._failure is not None
            self._release()
            if self._failure is not None:
                raise self._failure

    @property
    def failures(self) -> tuple[Exception, ...]:
        """What tasks have raised."""
        with self._changed:
            return tuple(self._failures)

    def _busy(self, seconds: float) -> bool:
        """Whether tasks are left after waiting up to ``seconds`` for a change."""
        with self._changed:
            if self._open and self._failure is None:
                self._changed.wait(seconds)
            return bool(self._open) and self._failure is None

    def stop(self) -> None:
        """Starts no further task; running tasks are abandoned, and their threads end with them."""
        with self._changed:
            self._stopped = True
            self._release()

    def _release(self) -> None:
        """Ends every thread once the queue is empty."""
        for _ in range(self._threads):
            self._tasks.put(None)
        self._threads = 0

    def _work(self) -> None:
        while (entry := self._tasks.get()) is not None:
            if self._stopped:
                continue
            future, task = entry
            failure: BaseException | None = None
            try:
                result = task()
            except BaseException as error:  # noqa: BLE001  (an answer too; interrupts end the waiting thread)
                failure = error
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
            with self._changed:
                self._open -= 1
                if isinstance(failure, Exception):
                    self._failures.append(failure)
                else:
                    self._failure = self._failure or failure
                if not self._open or self._failure:
                    self._changed.notify_all()
