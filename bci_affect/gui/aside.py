"""Work beside the window: slow calls run on a thread, results and errors come back to one place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from pyqtgraph.Qt import QtCore

T = TypeVar("T")


class _Relay(QtCore.QObject):
    done = QtCore.Signal(object)
    failed = QtCore.Signal(object)


class _Task(QtCore.QRunnable):
    def __init__(self, work: Callable[[], Any], relay: _Relay) -> None:
        super().__init__()
        self._work, self._relay = work, relay

    def run(self) -> None:
        try:
            result = self._work()
        except Exception as error:
            self._tell(self._relay.failed, error)
        else:
            self._tell(self._relay.done, result)

    @staticmethod
    def _tell(signal: Any, value: object) -> None:
        with suppress(RuntimeError):  # the window, and its relay, went away in the meantime
            signal.emit(value)


_running: set[_Relay] = set()


def run_aside(
    work: Callable[[], T],
    done: Callable[[T], None],
    failed: Callable[[Exception], None] | None = None,
) -> None:
    """Run `work` on a thread; call `done` with its result in the window's thread.

    Parameters
    ----------
    work : callable
        Touches no widget.
    done : callable
        Gets the result.
    failed : callable, optional
        Gets an exception of `work`; without it the exception goes to `sys.excepthook`, where the
        window shows it once.
    """
    relay = _Relay()
    _running.add(relay)

    def finish(result: T) -> None:
        _running.discard(relay)
        done(result)

    def fail(error: Exception) -> None:
        _running.discard(relay)
        if failed is not None:
            failed(error)
        else:
            sys.excepthook(type(error), error, error.__traceback__)

    relay.done.connect(finish)
    relay.failed.connect(fail)
    QtCore.QThreadPool.globalInstance().start(_Task(work, relay))
