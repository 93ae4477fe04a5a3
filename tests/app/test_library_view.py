"""Library view: requested on the window's thread, read on another, and closed with the window."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from bci_affect.app.library_view import LibraryView
from bci_affect.music import Library
from bci_affect.session import load_predictor


def test_it_answers_at_once_and_nothing_of_it_outlives_the_session(tmp_path: Path) -> None:
    view = LibraryView(Library(tmp_path / "library.sqlite"), load_predictor(None))
    assert view.tracks() == []
    assert view.cover(7) is None
    deadline = time.monotonic() + 60
    while (known := view.embeddings()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    ids, places = known
    assert ids == []
    assert places.shape[0] == 0
    assert places.dtype == np.float32
    names = [thread.name for thread in threading.enumerate()]
    assert any(name.startswith("bci-library-view") for name in names)
    view.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("bci-library-view") for name in names)
