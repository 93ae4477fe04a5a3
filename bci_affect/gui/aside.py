"""Work beside the window: slow calls run on a thread, results and errors come back to one place.

The threads are no daemons: a program that ends waits for what it has begun, and no thread is caught
inside a library by the interpreter's end. What comes back to a window that is gone is dropped.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pyqtgraph.Qt import QtCore, isQObjectAlive

T = TypeVar("T")


@dataclass(eq=False)
class _Task:
    """One piece of work, and what becomes of its result."""

    owner: QtCore.QObject
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None] | None
    result: Any = None
    error: Exception | None = None
    dropped: bool = False
    thread: threading.Thread | None = None

    def run(self) -> None:
        """Work, on the task's own thread."""
        try:
            self.result = self.work()
        except Exception as error:
            self.error = error
        _relay().ended.emit(self)

    def finish(self) -> None:
        """Hand on what came of it, in the window's thread."""
        _running.discard(self)
        wanted = not self.dropped and isQObjectAlive(self.owner)
        if self.error is None:
            if wanted:
                self.done(self.result)
        elif self.failed is not None and wanted:
            self.failed(self.error)
        else:
            sys.excepthook(type(self.error), self.error, self.error.__traceback__)


class _Relay(QtCore.QObject):
    """Carries ended tasks from their threads to the window's; there is one, and it stays."""

    ended = QtCore.Signal(object)


@lru_cache(maxsize=1)
def _relay() -> _Relay:
    relay = _Relay()
    relay.ended.connect(_finish)
    return relay


def _finish(task: _Task) -> None:
    task.finish()


_running: set[_Task] = set()


def run_aside(
    owner: QtCore.QObject,
    work: Callable[[], T],
    done: Callable[[T], None],
    failed: Callable[[Exception], None] | None = None,
) -> None:
    """Run `work` on a thread; call `done` with its result in the window's thread.

    Parameters
    ----------
    owner : QObject
        Whoever wants the result; once it is gone, nothing is called.
    work : callable
        Touches no widget.
    done : callable
        Gets the result.
    failed : callable, optional
        Gets an exception of `work`; without it the exception goes to `sys.excepthook`, where the
        window shows it once.
    """
    _relay()  # it must be made in the window's thread
    task = _Task(owner, work, done, failed)
    task.thread = threading.Thread(target=task.run, name="bci-aside", daemon=False)
    _running.add(task)
    task.thread.start()


def wait_for_all() -> None:
    """Wait until everything that was begun has ended; results that come now are dropped."""
    for task in list(_running):
        task.dropped = True
        if task.thread is not None:
            task.thread.join()
    _running.clear()
