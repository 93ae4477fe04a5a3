"""Session that begins after a check of the contact, and records to a folder given later."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from bci_affect.app.session_record import of_recording, of_session
from bci_affect.config import LiveSettings
from bci_affect.events import SelfReport, SessionStart
from bci_affect.model import Predictor
from bci_affect.session import LiveSession, path_factory
from bci_affect.session.recording import SessionRecording
from bci_affect.streams import read_xdf
from tests.gui.listener import SteppedListener


def make(predictor: Predictor, folder: Path | None) -> tuple[LiveSession, SteppedListener]:
    source = SteppedListener(effect=1.0)
    session = LiveSession(
        source,
        path_factory(predictor, LiveSettings()),
        model_name="untrained",
        model_summary="",
        recording=SessionRecording(folder, "Ada"),
    )
    return session, source


def test_clock_and_count_begin_after_the_contact_check(
    predictor: Predictor, tmp_path: Path
) -> None:
    """The contact is seen at once; the session's report has none of it, live and from the file."""
    session, source = make(predictor, tmp_path)
    session.start(5.0, record=True, begin=False)
    source.grant(14.0)
    before = session.snapshot()
    assert before.clock.elapsed_s == 0
    assert before.affect.window is not None, "the electrodes are shown"
    assert not session.history(1e9)
    assert not [e for _, e in session.events() if isinstance(e, SessionStart)]
    session.begin()
    source.grant(10.0)
    session.rate(7, 3)
    session.stop()
    after = session.snapshot()
    assert 0 < after.clock.elapsed_s < 10
    time.sleep(0.05)
    assert session.snapshot().clock == after.clock, "the clock has stopped"
    live = of_session(session)
    assert len(live.time) < 10 * 9
    assert after.recording is not None
    path = Path(after.recording.path)
    again = of_recording(
        path, path_factory(predictor, LiveSettings()), profile="", model="untrained"
    )
    np.testing.assert_allclose(again.time, live.time, atol=1e-3)
    np.testing.assert_array_equal(again.ok, live.ok)


def test_a_session_that_never_began_leaves_no_file(predictor: Predictor, tmp_path: Path) -> None:
    session, source = make(predictor, tmp_path)
    session.start(5.0, record=True, begin=False)
    source.grant(2.0)
    session.stop()
    assert not list(tmp_path.rglob("*.xdf"))


def test_a_folder_can_be_given_while_the_session_runs(predictor: Predictor, tmp_path: Path) -> None:
    session, source = make(predictor, None)
    session.start(5.0)
    source.grant(1.0)
    assert session.record_folder is None
    session.start_recording()
    assert "no folder" in session.snapshot().messages[-1].text
    session.start_recording(tmp_path)
    source.grant(2.0)
    session.rate(6, 4)
    session.stop()
    assert session.record_folder == tmp_path
    (path,) = tmp_path.rglob("*.xdf")
    assert SelfReport(6, 4) in [event for _, event in read_xdf(path).events()]
