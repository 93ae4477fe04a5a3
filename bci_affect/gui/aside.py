"""Work beside the window: slow calls run on a thread, results and errors come back to one place.

The threads are no daemons: a program that ends waits for what it has begun, and no thread is caught
inside a library by the interpreter's end. What comes back to a window that is gone is dropped.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from pyqtgraph.Qt import QtCore, isQObjectAlive

T = TypeVar("T")


class _Relay(QtCore.QObject):
    """Carries a result from the thread to the window's thread."""

    done = QtCore.Signal(object)
    failed = QtCore.Signal(object)


_running: dict[_Relay, threading.Thread] = {}


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
    relay = _Relay()

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            relay.failed.emit(error)
        else:
            relay.done.emit(result)

    def finish(result: Any) -> None:
        _running.pop(relay, None)
        if isQObjectAlive(owner):
            done(result)

    def fail(error: Exception) -> None:
        _running.pop(relay, None)
        if failed is None or not isQObjectAlive(owner):
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            failed(error)

    relay.done.connect(finish)
    relay.failed.connect(fail)
    thread = threading.Thread(target=run, name="bci-aside", daemon=False)
    _running[relay] = thread
    thread.start()


def wait_for_all() -> None:
    """Wait until everything that was begun has ended; results that come now are dropped."""
    for thread in list(_running.values()):
        thread.join()
    _running.clear()
