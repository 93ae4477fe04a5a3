"""Music that is added in the background: first tracks, progress, cancel, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bci_affect.app.scan import FIRST_TRACKS, FolderScan
from bci_affect.errors import BciAffectError
from bci_affect.gui.panels.scanstrip import scan_words
from bci_affect.music import Library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    place = tmp_path / "music"
    place.mkdir()
    for i in range(7):
        noise = 0.05 * rng.standard_normal(8 * 8000)
        soundfile.write(place / f"piece {i}.wav", noise.astype(np.float32), 8000)
    return place


def make(folder: Path) -> FolderScan:
    return FolderScan(folder, encoder="logmel", isolated=False)


def test_a_session_begins_with_the_first_tracks(folder: Path, tmp_path: Path) -> None:
    scan = make(folder)
    assert scan_words(scan.status()) == "Adding music: reading the folder"
    with Library(tmp_path / "music.sqlite") as library:
        more = scan.bring_in(library, lambda: False)
        assert len(library) == FIRST_TRACKS
        at = scan.status()
        assert (at.done, at.total, at.ended) == (FIRST_TRACKS, 7, False)
        words = scan_words(at)
        assert words.startswith("Adding music: 4 of 7 · piece 3.wav · about ")
        assert words.endswith(" left")
        more()
        assert len(library) == 7
    at = scan.status()
    assert (at.done, at.total, at.ended) == (7, 7, True)
    assert scan_words(at) == "7 tracks added"


def test_a_cancelled_scan_keeps_its_tracks(folder: Path, tmp_path: Path) -> None:
    scan = make(folder)
    with Library(tmp_path / "music.sqlite") as library:
        more = scan.bring_in(library, lambda: False)
        scan.cancel()
        more()
        assert len(library) == FIRST_TRACKS
    assert scan_words(scan.status()) == "Stopped: 4 tracks added"


def test_a_folder_without_music_is_one_sentence(tmp_path: Path) -> None:
    scan = make(tmp_path)
    with (
        Library(tmp_path / "music.sqlite") as library,
        pytest.raises(BciAffectError, match="No music in"),
    ):
        scan.bring_in(library, lambda: False)
    assert "No music in" in scan_words(scan.status())
    assert scan.status().ended
