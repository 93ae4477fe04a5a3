"""Background tasks return results, and end before their window and the program."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pyqtgraph.Qt import QtCore, QtTest

from bci_affect.gui.aside import run_aside, wait_for_all
from tests.gui.conftest import wait_for

ROOT = Path(__file__).resolve().parents[2]
LEAVING = """
import time
from bci_affect.gui.app import application
from bci_affect.gui.aside import run_aside
from pyqtgraph.Qt import QtCore
app = application()
owner = QtCore.QObject()
def work():
    time.sleep(0.7)
    print("finished", flush=True)
run_aside(owner, work, print)
QtCore.QTimer.singleShot(50, app.quit)
app.exec()
"""


def test_a_result_comes_back_to_the_windows_thread() -> None:
    owner, got = QtCore.QObject(), []
    run_aside(owner, threading.get_ident, lambda other: got.append((other, threading.get_ident())))
    assert wait_for(lambda: bool(got))
    assert got[0][0] != got[0][1] == threading.get_ident()


def test_an_error_comes_back_or_goes_to_the_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = QtCore.QObject()
    told: list[str] = []

    def work() -> None:
        raise ValueError("broken")

    run_aside(owner, work, print, lambda error: told.append(str(error)))
    assert wait_for(lambda: told == ["broken"])
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: told.append(kind.__name__))
    run_aside(owner, work, print)
    assert wait_for(lambda: told == ["broken", "ValueError"])


def test_a_window_that_is_gone_gets_nothing() -> None:
    from pyqtgraph.Qt import isQObjectAlive

    got: list[object] = []
    owner, released = QtCore.QObject(), threading.Event()
    run_aside(owner, lambda: released.wait(20), got.append)
    owner.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    assert not isQObjectAlive(owner)
    released.set()
    wait_for_all()
    QtTest.QTest.qWait(50)
    assert got == []


def test_a_program_that_ends_waits_for_what_it_began() -> None:
    """A thread that is caught inside a library by the interpreter's end aborts the process."""
    run = subprocess.run(
        [sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    assert "finished" in run.stdout
