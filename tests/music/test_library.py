"""Music library: scans, moved and missing files, concurrent access, migrations and errors."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bci_affect.errors import BciAffectError
from bci_affect.music import Library
from bci_affect.music.encoders import load_encoder
from bci_affect.music.scan import find_audio_files
from bci_affect.music.schema import LIBRARY
from tests.music.fake_library import fill


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "music.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def scanned(piece_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Database with six analysed pieces; tests that modify it copy it first."""
    path = tmp_path_factory.mktemp("scanned") / "music.sqlite"
    with Library(path) as library:
        report = library.add([piece_files], workers=1)
    assert report.added == 6
    return path


def test_a_scan_analyses_all_files_and_a_second_scan_none(scanned: Path, piece_files: Path) -> None:
    with Library(scanned) as library:
        tracks = library.tracks()
        assert len(tracks) == len(library) == 6
        for track in tracks:
            assert Path(track.path).is_file()
            assert track.artist
            assert track.duration_s == pytest.approx(8.0, abs=0.01)
            assert -1 <= track.valence <= 1
            assert 0 < track.arousal_sd < 1
            assert len(track.tags) == 5
            times, embeddings = library.embeddings(track.id)
            assert embeddings.shape == (len(times), 128)
            assert (np.diff(times) > 0).all()
        again = library.add([piece_files])
        assert (again.added, again.moved, again.unchanged) == (0, 0, 6)
        table = library.all_embeddings()
        assert len(table.embeddings) == len(table.track_ids) == len(table.times)


def test_stored_embeddings_are_those_of_the_encoder(scanned: Path) -> None:
    from bci_affect.music.embed import embed_file

    with Library(scanned) as library:
        track = library.tracks()[0]
        _, stored = library.embeddings(track.id)
    _, embeddings = embed_file(Path(track.path))
    np.testing.assert_allclose(stored, embeddings, atol=5e-3)  # float16, resampled in blocks


def test_a_moved_file_keeps_its_id_and_like(
    scanned: Path, piece_files: Path, tmp_path: Path
) -> None:
    shutil.copy(scanned, tmp_path / "music.sqlite")
    shutil.copytree(piece_files, tmp_path / "a")
    with Library(tmp_path / "music.sqlite") as library:
        assert library.add([tmp_path / "a"]).moved == 6  # copies add no track
        assert len(library) == 6
        library.like(1)
        (tmp_path / "a").rename(tmp_path / "b")
        report = library.add([tmp_path / "b"])
        assert (report.added, report.moved) == (0, 6)
        assert library.track(1).liked


def test_files_on_a_disconnected_drive_are_hidden_until_it_returns(
    library: Library, tmp_path: Path
) -> None:
    fill(library, tmp_path / "drive", 4)
    (tmp_path / "drive").rename(tmp_path / "away")
    library.refresh()
    assert library.tracks() == []
    assert len(library.all_embeddings().embeddings) == 0
    with pytest.raises(BciAffectError, match="drive is not connected"):
        library.track(1)
    library.like(1)  # a hidden track can still be changed
    (tmp_path / "away").rename(tmp_path / "drive")
    assert library.refresh() == 4
    assert library.track(1).liked


def test_broken_files_are_listed_with_reasons_and_not_retried(
    library: Library, piece_files: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "müsik 音楽"
    folder.mkdir()
    intact = next(piece_files.glob("*.flac"))
    shutil.copy(intact, folder / "gut.flac")
    (folder / "empty.mp3").touch()
    (folder / "text.wav").write_text("not audio")
    (folder / "cut.flac").write_bytes(intact.read_bytes()[:3000])
    soundfile.write(folder / "nothing.wav", np.zeros((0, 2)), 44_100)
    (folder / "loop").symlink_to(folder)
    (folder / "gone.ogg").symlink_to(folder / "nowhere.ogg")
    report = library.add([folder], workers=1)
    assert report.added == 1
    reasons = {Path(path).name: why for path, why in report.failed}
    assert reasons.keys() == {"empty.mp3", "text.wav", "cut.flac", "nothing.wav"}
    assert reasons["empty.mp3"] == "the file is empty"
    assert "zero length" in reasons["nothing.wav"]
    assert dict(library.failures()).keys() == {path for path, _ in report.failed}
    assert library.add([folder]).failed == ()


def test_scans_with_one_and_two_processes_agree(piece_files: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "one.sqlite") as one, Library(tmp_path / "two.sqlite") as two:
        assert one.add([piece_files], workers=1, encoder="logmel").added == 6
        assert two.add([piece_files], workers=2, encoder="logmel").added == 6
        want = {track.path: track for track in one.tracks()}
        for track in two.tracks():
            other = want[track.path]
            assert track.gain_db == pytest.approx(other.gain_db, abs=1e-6)
            pair = [lib.embeddings(t.id, "logmel")[1] for lib, t in ((one, other), (two, track))]
            np.testing.assert_allclose(*pair, atol=1e-3)


def test_a_cancelled_scan_keeps_the_finished_tracks(library: Library, piece_files: Path) -> None:
    done: list[str] = []
    report = library.add(
        [piece_files], workers=1, progress=lambda at: done.append(at.path),
        cancel=lambda: len(done) >= 2,
    )  # fmt: skip
    assert report.cancelled
    assert report.added == len(library) == 2
    report = library.add([piece_files], workers=1)
    assert (report.added, report.unchanged) == (4, 2)


def test_cancelling_interrupts_a_long_file(library: Library, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(8_000 * 300, np.float32), 8_000)
    calls = iter(range(1000))
    report = library.add([tmp_path], workers=1, encoder="logmel", cancel=lambda: next(calls) >= 5)
    assert (report.cancelled, report.added, report.failed) == (True, 0, ())
    assert next(calls) < 20  # few of the 30 blocks were decoded


def test_only_the_beginning_of_a_very_long_file_is_analysed(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limit set to 20 s; duration and loudness are those of the full file."""
    monkeypatch.setattr("bci_affect.music.analysis.MAX_ANALYSED_S", 20.0)
    rng = np.random.default_rng(0)
    level = np.repeat([0.001, 0.2], 8_000 * 20)
    noise = (level * rng.standard_normal(len(level))).astype(np.float32)
    soundfile.write(tmp_path / "mix.wav", noise, 8_000)
    library.add([tmp_path], workers=1, encoder="logmel")
    (track,) = library.tracks()
    assert track.duration_s == pytest.approx(40.0)
    times, _ = library.embeddings(track.id, "logmel-stats")
    assert 18.0 < times[-1] < 20.0
    assert track.gain_db < 0  # the first half alone would give a positive gain


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names in any encoding")
def test_a_file_name_that_is_not_utf8_is_reported(library: Library, tmp_path: Path) -> None:
    good = tmp_path / "gut 音.wav"
    soundfile.write(good, np.full(16_000, 0.1), 8_000)
    shutil.copy(good, os.fsencode(tmp_path) + b"/caf\xe9.wav")  # Latin-1
    report = library.add([tmp_path], workers=1, encoder="logmel")
    assert (report.found, report.added) == (2, 1)
    ((name, why),) = report.failed
    assert name.endswith("caf\\udce9.wav")
    assert "rename it" in why


def test_two_processes_can_scan_into_one_library(library: Library, piece_files: Path) -> None:
    """Both scan the same music and mark tracks; this process sees their changes."""
    code = (
        "import sys; from pathlib import Path; from bci_affect.music import Library\n"
        "with Library(Path(sys.argv[1])) as library:\n"
        "    library.add([Path(sys.argv[2])], encoder='logmel', workers=1)\n"
        "    library.like(2); library.exclude(int(sys.argv[3]))\n"
    )
    before = library.version
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(library.path), str(piece_files), number],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in ("3", "4")
    ]
    for process in processes:
        _, stderr = process.communicate(timeout=200)
        assert process.returncode == 0, stderr
    assert library.version > before
    assert len(library.tracks(include_excluded=True)) == 6  # each track once
    assert [t.id for t in library.tracks() if t.liked] == [2]
    assert len(library.tracks()) == 4


def test_folders_without_music_and_missing_folders_are_refused(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "no.txt").touch()
    with pytest.raises(BciAffectError, match="No music in"):
        library.add([tmp_path])
    with pytest.raises(BciAffectError, match="no file or folder"):
        library.add([tmp_path / "nowhere"])


def test_hidden_files_and_symlink_loops_are_skipped(tmp_path: Path) -> None:
    for name in ("a.wav", ".b.wav", "deep/c.MP3", ".hidden/d.wav", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "deep" / "up").symlink_to(tmp_path)
    assert [Path(f.path).name for f in find_audio_files([tmp_path])] == ["a.wav", "c.MP3"]


def test_embeddings_of_another_encoder_are_stored_in_addition(
    scanned: Path, piece_files: Path, tmp_path: Path
) -> None:
    shutil.copy(scanned, tmp_path / "music.sqlite")
    with Library(tmp_path / "music.sqlite") as library:
        before = library.track(1)
        assert library.add([piece_files], encoder="logmel", workers=1).added == 6
        assert library.embeddings(1)[1].shape[1] == 128
        assert library.embeddings(1, "logmel-stats")[1].shape[1] == load_encoder("logmel").dim
        assert library.track(1).tags == before.tags


def test_tracks_can_be_banned_excluded_and_removed(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 4)
    library.ban(2)
    library.exclude(3)
    assert [t.id for t in library.tracks(include_banned=False)] == [1, 4]
    assert len(library.tracks(include_excluded=True)) == 4
    library.ban(2, False)
    library.remove(1)
    assert sorted(t.id for t in library.tracks()) == [2, 4]
    for method in (library.like, library.remove, library.track, library.embeddings):
        with pytest.raises(BciAffectError, match="99"):
            method(99)


def test_threads_can_read_while_another_writes(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 5)
    errors: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(20):
                assert len(library.tracks()) >= 5
                library.all_embeddings()
        except Exception as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    fill(library, tmp_path / "g", 15, seed=1)
    for reader in readers:
        reader.join(30)
    assert not errors


def test_a_locked_library_raises(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library, tmp_path / "f", 1)
    library.database.connection().execute("PRAGMA busy_timeout=100")
    other = sqlite3.connect(library.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BciAffectError, match="another program is writing"):
        library.like(1)
    other.execute("ROLLBACK")
    other.close()
    library.like(1)


def test_a_full_disk_does_not_damage_the_library(library: Library, tmp_path: Path) -> None:
    fill(library, tmp_path / "f", 3)
    (pages,) = library.database.connection().execute("PRAGMA page_count").fetchone()
    # SQLite reports its page limit as a full disk
    library.database.connection().execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(BciAffectError, match="disk is full"):
        fill(library, tmp_path / "g", 50, n_embeddings=400, seed=1)
    library.database.connection().execute("PRAGMA max_page_count=1000000")
    assert len(library) >= 3
    assert library.database.connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_newer_or_damaged_database_is_refused(tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite"
    Library(newer).close()
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(BciAffectError, match=r"newer bci_affect \(version 99"):
        Library(newer)
    (tmp_path / "noise.sqlite").write_bytes(os.urandom(4096))
    with pytest.raises(BciAffectError, match="damaged or not a database"):
        Library(tmp_path / "noise.sqlite")


def test_a_library_of_schema_version_1_is_migrated(tmp_path: Path) -> None:
    old, music = tmp_path / "old.sqlite", tmp_path / "a.flac"
    music.touch()
    with sqlite3.connect(old) as connection:
        connection.executescript(LIBRARY.migrations[0])
        connection.execute("PRAGMA user_version=1")
        connection.execute(
            "INSERT INTO track VALUES (1, 'h', 't', '', '', 60, -18, -3, 0, '{}', ?, "
            "0.1, 0.2, 1, 1, 'x', 1, 0, 0, 0)",
            (np.zeros(50, np.float32).tobytes(),),
        )
        connection.execute("INSERT INTO place VALUES (?, 1, 0, 0, 1)", (str(music),))
    connection.close()
    with Library(old) as library:
        (track,) = library.tracks()
        assert track.liked
        assert track.valence != 0.1, "emotion must be predicted again by the current head"


def test_a_new_head_updates_all_emotions(library: Library, tmp_path: Path) -> None:
    from dataclasses import replace

    fill(library, tmp_path / "f", 3)
    before = [t.valence for t in library.tracks()]
    other = replace(library.head, id="other", bias=(1.5, 0.0))
    with Library(library.path, head=other) as reopened:
        after = [t.valence for t in reopened.tracks()]
    assert all(b > a for a, b in zip(before, after, strict=True))


def test_listing_ten_thousand_tracks_needs_one_query(library: Library, tmp_path: Path) -> None:
    """Queries are counted instead of timed; the list is then cached."""
    with library.database.write() as connection:
        connection.executemany(
            "INSERT INTO track (hash, title, artist, album, duration_s, loudness_lufs, peak_dbfs, "
            "gain_db, cues, tags, valence, arousal, valence_sd, arousal_sd, head, added) "
            "VALUES (?, ?, '', '', 60, -18, -3, 0, '{}', ?, 0, 0, 1, 1, ?, 0)",
            [
                (f"h{i}", f"t{i}", np.zeros(50, np.float32).tobytes(), library.head.id)
                for i in range(10_000)
            ],
        )
        connection.execute("INSERT INTO place SELECT '/nowhere/' || id, id, 0, 0, 1, 0 FROM track")
        for table in ("track", "place"):
            LIBRARY.seal(connection, table)
    statements: list[str] = []
    library.database.connection().set_trace_callback(statements.append)
    assert len(library.tracks()) == 10_000
    assert len(statements) == 2
    assert len(library.tracks()) == 10_000
    assert len(statements) == 3


def test_the_connection_of_an_ended_thread_is_closed(tmp_path: Path) -> None:
    with Library(tmp_path / "library.sqlite") as library:
        for _ in range(5):
            thread = threading.Thread(target=library.tracks)
            thread.start()
            thread.join()
        assert len(library.database._connections) == 2, "of this thread and the last one"
        assert library.tracks() == []
