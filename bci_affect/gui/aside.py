"""Background tasks of the window: slow calls run on a thread, results return to Qt's thread.

The threads do not use Qt: a timer in the window's thread polls for finished tasks, so that no
signal reaches an application that is shutting down. They are not daemon threads: the program waits
for them at exit, so that the interpreter never ends while a thread is inside a library. Results for
a closed window are dropped.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pyqtgraph.Qt import QtCore, isQObjectAlive

T = TypeVar("T")
LOOK_MS = 20


@dataclass(eq=False)
class _Task:
    """Background call with the callbacks for its result and its error."""

    owner: QtCore.QObject
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None] | None
    result: Any = None
    error: Exception | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def run(self) -> None:
        """Run the call on the task's own thread."""
        try:
            self.result = self.work()
        except Exception as error:
            self.error = error
        finally:
            self.ended.set()

    def finish(self) -> None:
        """Call back with the result or the error, in the window's thread."""
        wanted = isQObjectAlive(self.owner)
        if self.error is None:
            if wanted:
                self.done(self.result)
        elif self.failed is not None and wanted:
            self.failed(self.error)
        else:
            sys.excepthook(type(self.error), self.error, self.error.__traceback__)


class _Watch(QtCore.QObject):
    """Timer that polls for finished tasks while any are running."""

    def __init__(self, tasks: list[_Task]) -> None:
        super().__init__()
        self._tasks = tasks
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._poll)
        self._timer.start()

    def stop(self) -> None:
        """Stop polling."""
        self._timer.stop()
        _watches.discard(self)

    def _poll(self) -> None:
        ended = [task for task in self._tasks if task.ended.is_set()]
        for task in ended:
            self._tasks.remove(task)
        if not self._tasks:
            self.stop()
        for task in ended:
            task.finish()


_tasks: list[_Task] = []
_watches: set[_Watch] = set()


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
        Receiver of the result; once it is deleted, nothing is called.
    work : callable
        Must not touch a widget or emit a signal.
    done : callable
        Gets the result.
    failed : callable, optional
        Called with an exception of `work`; by default the exception goes to `sys.excepthook`,
        and the window shows it once.
    """
    task = _Task(owner, work, done, failed)
    task.thread = threading.Thread(target=task.run, name="bci-aside", daemon=False)
    _tasks.append(task)
    if not _watches:
        _watches.add(_Watch(_tasks))
    task.thread.start()


def wait_for_all() -> None:
    """Wait until all tasks have ended; their results are dropped."""
    waited, _tasks[:] = list(_tasks), []
    for task in waited:
        if task.thread is not None:
            task.thread.join()
    for watch in list(_watches):
        watch.stop()
