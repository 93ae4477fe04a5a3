"""Defects found by the fuzzer, as regression tests; each was a traceback or worse."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bci_affect.config import LiveSettings, SignalSettings, load_toml
from bci_affect.datasets import Labels, find_segments
from bci_affect.datasets.arrays import read_pickled_arrays, write_python2_pickle
from bci_affect.datasets.deap import Deap
from bci_affect.eeg import Chunk, Pipeline, make_montage
from bci_affect.errors import BciAffectError
from bci_affect.events import read
from bci_affect.music.analysis import analyse
from bci_affect.music.audio import DecodeError
from bci_affect.music.encoders import LogMelEncoder
from bci_affect.streams import Marker, XdfWriter, build_header, read_xdf
from bci_affect.streams.xdf.inspection import inspect_xdf
from benchmarks.fuzz.recordings import write_recording


@pytest.mark.parametrize("hop_s", ["1e-320", "1e-12", "nan", "inf"])
def test_a_hop_that_no_window_can_have_is_refused(tmp_path: Path, hop_s: str) -> None:
    path = tmp_path / "live.toml"
    path.write_text(f"[signal.window]\nhop_s = {hop_s}\n")
    with pytest.raises(BciAffectError, match="hop_s"):
        load_toml(path, LiveSettings)


@pytest.mark.parametrize("mood", [1e308, 1.5, float("inf"), 10**400, "high", None])
def test_a_mood_beyond_the_plane_is_no_mood(mood: object) -> None:
    """It went into the fused estimate as it was."""
    start = {"event": "clip_start", "track": "a", "valence": mood, "arousal": 0.1}
    rating = {"event": "rating", "valence": 10**400, "arousal": 5}
    texts = [json.dumps(event) for event in (start, rating)]
    markers = [Marker(float(i), text, event=read(text)) for i, text in enumerate(texts)]
    (clip,) = find_segments(markers, 20.0, Labels())
    assert np.isnan([clip.music_valence, clip.music_arousal, clip.valence]).all()


def test_samples_after_the_last_checksum_are_not_called_checked(tmp_path: Path) -> None:
    """A file truncated between samples and checksums must not report full coverage."""
    whole = write_recording(tmp_path / "a.xdf", 3, checksums=True)
    recording = read_xdf(tmp_path / "a.xdf")
    assert recording.checked
    ends = [chunk.stop for stream in recording.streams for chunk in stream._chunks]
    cuts = []
    for end in sorted(ends):
        (tmp_path / "a.xdf").write_bytes(whole[:end])
        cut = read_xdf(tmp_path / "a.xdf")
        assert not cut.damage
        cuts.append(cut.checked)
    assert not any(cuts)  # a chunk is written before its checksum


def test_floats_that_signal_are_looked_at_in_silence(tmp_path: Path) -> None:
    values = np.full((300, 1), 0x7F800001, np.uint32).view(np.float32)
    with XdfWriter(tmp_path / "a.xdf") as writer:
        stream = writer.add_stream(build_header("Cap", "EEG", ["C3"], rate_hz=100))
        writer.samples(stream, values, 5 + np.arange(300) / 100)
    assert inspect_xdf(tmp_path / "a.xdf")["healthy"]  # a warning would fail the test


def test_sound_of_one_second_has_no_onset_rate(tmp_path: Path) -> None:
    for n_samples in range(15_600, 16_400, 100):
        path = tmp_path / f"{n_samples}.wav"
        soundfile.write(path, 0.1 * np.sin(np.arange(n_samples) / 9), 16_000)
        analysis = analyse(path, LogMelEncoder())
        assert len(analysis.embeddings) == len(analysis.times)


def test_a_rate_that_no_sound_has_is_refused(tmp_path: Path) -> None:
    """Steps of a tenth of a second had no samples: a division by zero."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(400), 4)
    with pytest.raises(DecodeError, match="4 Hz"):
        analyse(path, LogMelEncoder())


def test_numbers_beyond_any_unit_are_missing_samples() -> None:
    """They overflowed in silence, or with a warning of NumPy on the screen."""
    montage = make_montage(["C3", "C4"])
    eeg = 10 * np.random.default_rng(0).standard_normal((2, 2500))
    eeg[0, 7], eeg[1, 500] = 1e200, np.nan
    pipeline = Pipeline(SignalSettings(), 250.0, montage)
    windows = pipeline.push(Chunk(eeg, np.arange(2500) / 250.0, 0.0))
    assert all(np.isfinite(window.bands).all() for window in windows)
    signalling = np.array([0x7FA00000], np.uint32).view(np.float32)
    pipeline.push(Chunk(np.repeat(signalling[None], 2, 0), np.array([10.0]), 0.0))


def test_a_sample_far_over_full_scale_is_damage_and_not_a_reason_for_silence(
    tmp_path: Path,
) -> None:
    sound = 0.1 * np.sin(np.arange(16_000) / 9)
    sound[8000] = 1e30
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="FLOAT")
    with pytest.raises(DecodeError, match="over full scale"):
        analyse(tmp_path / "a.wav", LogMelEncoder())


@pytest.mark.parametrize(
    ("shape", "track"), [([], 1.0), ([float("inf"), 40, 512], 1.0), ([2, 40, 512], 0.5)]
)
def test_a_simulation_that_says_nonsense_of_itself_is_refused(
    tmp_path: Path, shape: list[float], track: float
) -> None:
    (tmp_path / "truth.json").write_text(json.dumps({"shape": shape}))
    whole = {"data": np.ones((2, 40, 512)), "labels": np.ones((2, 4))}
    write_python2_pickle(tmp_path / "s01.dat", whole)
    (tmp_path / "stimuli").mkdir()
    np.save(tmp_path / "stimuli" / "tracks_embeds.npy", np.ones((4, 2), np.float32))
    labels = np.ones((4, 3), np.float32)
    labels[1, 2] = track
    np.save(tmp_path / "stimuli" / "tracks_labels.npy", labels)
    with pytest.raises(BciAffectError, match=r"truth\.json is damaged|is not an integer"):
        Deap(tmp_path)


def test_a_signal_without_a_band_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "live.toml"
    path.write_text("[signal]\nbands = {}\n")
    with pytest.raises(BciAffectError, match="at least one"):
        load_toml(path, LiveSettings)


def test_a_broken_npy_header_is_one_line(tmp_path: Path) -> None:
    shape = (2, 40, 512)
    (tmp_path / "truth.json").write_text(json.dumps({"shape": shape}))
    write_python2_pickle(tmp_path / "s01.dat", {"data": np.ones(shape), "labels": np.ones((2, 4))})
    (tmp_path / "stimuli").mkdir()
    rows = tmp_path / "stimuli" / "tracks_embeds.npy"
    np.save(rows, np.ones((4, 2), np.float32))
    np.save(tmp_path / "stimuli" / "tracks_labels.npy", np.ones((4, 3), np.float32))
    whole = rows.read_bytes()
    Deap(tmp_path)  # an intact file is accepted
    refused = []
    for at in range(6, 128):
        rows.write_bytes(whole[:at] + b"(" + whole[at + 1 :])
        try:  # anything else than our own error fails the test
            Deap(tmp_path)
        except BciAffectError as error:
            refused.append(str(error))
    assert len(refused) > 20  # the padding behind the header's text may hold anything
    assert not any("\n" in text for text in refused)


def evil(body: bytes) -> bytes:
    return b"\x80\x02}X\x04\x00\x00\x00data" + body + b"s."


@pytest.mark.parametrize(
    "raw",
    [
        evil(b"cnumpy\nndarray\nK\x02K\x03\x86\x85R"),  # uninitialised memory
        evil(b"Nr" + struct.pack("<I", 2**31 - 1)),  # a memo of 16 GiB
        evil(b"cnumpy\ndtype\nU\x01O\x85R"),
        evil(b"cos\nsystem\nX\x04\x00\x00\x00true\x85R"),
        pickle.dumps({"data": np.array([print], dtype=object)}),
    ],
)
def test_pickles_that_ask_for_more_than_arrays_are_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "s01.dat"
    path.write_bytes(raw)
    with pytest.raises(BciAffectError):
        read_pickled_arrays(path)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
from bci_affect.errors import BciAffectError
from bci_affect.events import InvalidEvent, read
from bci_affect.streams import read_xdf
deep = "[" * 500_000 + "]" * 500_000
assert isinstance(read(f'{{"event": "mark", "note": {deep}}}'), InvalidEvent)
try:
    read_xdf(sys.argv[1])
except BciAffectError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_a_small_archive_and_deep_json_do_not_fill_the_memory(tmp_path: Path) -> None:
    """Three megabytes took six gigabytes."""
    path = tmp_path / "bomb.xdfz"
    block = zlib.compressobj(1, wbits=31)
    with path.open("wb") as file:
        file.write(block.compress(b"XDF:"))
        for _ in range(40):
            file.write(block.compress(bytes(10_000_000)))
        file.write(block.flush())
    read = subprocess.run(
        [sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True
    )
    assert "expands to more than 100 times" in read.stdout
