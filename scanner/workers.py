"""Threads that wait for answers, so that the one who scans need not."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """Daemon threads on a queue: a call that hangs never keeps the process from ending."""

    def __init__(self, size: int = 32) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._open = 0
        self._failure: BaseException | None = None
        self._stopped = False
        for number in range(size):
            threading.Thread(target=self._work, name=f"gapscan-{number}", daemon=True).start()

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Queues a task. One that raises makes :meth:`wait` raise the same."""
        future: Future[T] = Future()
        with self._changed:
            self._open += 1
        self._tasks.put((future, task))
        return future

    def wait(self, tick: Callable[[], None] = lambda: None, every: float = 0.1) -> None:
        """Returns when no task is left; calls ``tick`` meanwhile, each ``every`` seconds.

        Raises what a task raised; a :class:`KeyboardInterrupt` gets through at once.
        """
        with self._changed:
            while self._open and self._failure is None:
                self._changed.wait(every)
                tick()
            if self._failure is not None:
                raise self._failure

    def stop(self) -> None:
        """Lets no further task begin; those that run are left behind."""
        self._stopped = True

    def _work(self) -> None:
        while True:
            future, task = self._tasks.get()
            if self._stopped:
                continue
            failure: BaseException | None = None
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001  (carried to the thread that waits)
                failure = error
            with self._changed:
                self._open -= 1
                self._failure = self._failure or failure
                if not self._open or self._failure:
                    self._changed.notify_all()
