"""Speed of the music side: times real time by stage and end to end, and of adding a folder.

Audio is generated. Stages run in one process with one thread and count its processor time.
``scan`` is what `music add` does with its processes, by the clock, so what else the machine does is
in it: ``times_real_time`` from the call to its end, start of the processes included, and
``times_real_time_once_started`` from the first track that was done to the last.
``times_real_time_a_processor`` is by the processor time of all its processes, their start included.
The second scan finds everything known.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` takes a few tracks instead of 200."""
    with tempfile.TemporaryDirectory(prefix="bci-affect-bench-") as name:
        folder = Path(name)
        return {"stages": _stages(folder, quick)} | _scan(folder / "many", quick)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of this process' processors, which other programs do not stretch, and the result."""
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def _processor_s() -> float:
    """Processor time of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _by_the_clock(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def _stages(folder: Path, quick: bool) -> dict[str, Any]:
    """Seconds and times real time of each step for one mp3."""
    import soundfile
    import soxr

    from bci_affect.music import (
        LoudnessMeter,
        TaggerEncoder,
        analyse,
        decode,
        log_mel,
        measure_cues,
        normalise_loudness,
        single_threaded_torch,
        to_mono,
    )
    from bci_affect.simulation import PIECES, render

    audio = np.concatenate([render(piece) for piece in PIECES[: 2 if quick else 8]])
    path = folder / "song.mp3"
    soundfile.write(path, audio, 44_100, format="MP3", subtype="MPEG_LAYER_III")
    encoder = TaggerEncoder()
    encoder.embed(np.zeros(48_000, np.float32))  # the first call prepares the convolutions
    stages: dict[str, float] = {}
    with single_threaded_torch():
        stages["decode"], (frames, rate) = _timed(lambda: decode(path))
        meter = LoudnessMeter(rate, 2)
        stages["loudness"], _ = _timed(lambda: meter.push(frames))
        mono = to_mono(frames)
        stages["resample"], mono = _timed(lambda: soxr.resample(mono, rate, encoder.rate_hz))
        mono = normalise_loudness(mono, encoder.rate_hz)
        stages["mel"], mel = _timed(lambda: log_mel(mono))
        stages["cues"], _ = _timed(lambda: measure_cues(mono, mel))
        stages["network"], _ = _timed(lambda: encoder.from_log_mel(mel))
    seconds = len(frames) / rate
    total, _ = _timed(lambda: analyse(path, encoder))
    return {
        "audio_s": round(seconds, 1),
        "ms_per_minute": {k: round(1e3 * v * 60 / seconds, 1) for k, v in stages.items()},
        "times_real_time_by_stage": {k: round(seconds / v, 1) for k, v in stages.items()},
        "times_real_time_one_process": round(seconds / total, 1),
    }


def _scan(folder: Path, quick: bool) -> dict[str, Any]:
    """Add many tracks to an empty library, twice."""
    from bci_affect.music import Library

    n_tracks = 16 if quick else 200
    seconds = _many_tracks(folder, n_tracks)
    done: list[float] = []
    spent = _processor_s()
    with Library(folder / "music.sqlite") as library:
        first, report = _by_the_clock(
            lambda: library.add([folder], progress=lambda _: done.append(time.perf_counter()))
        )
        spent = _processor_s() - spent
        second, again = _by_the_clock(lambda: library.add([folder]))
    started = seconds * (n_tracks - 1) / n_tracks / (done[-1] - done[0])
    return {
        "scan": {
            "tracks": report.added,
            "audio_s": round(seconds),
            "first_s": round(first, 2),
            "second_s": round(second, 3),
            "second_times_faster": round(first / second, 1),
            "second_unchanged": again.unchanged,
            "times_real_time": round(seconds / first, 1),
            "times_real_time_once_started": round(started, 1),
            "times_real_time_a_processor": round(seconds / spent, 1),
        }
    }


def _many_tracks(folder: Path, n_tracks: int) -> float:
    """Write mp3 files of a few pieces, each under many titles (so no two are alike); seconds."""
    import soundfile

    from bci_affect.simulation import random_pieces, render

    folder.mkdir()
    total = 0.0
    songs = []
    for piece in random_pieces(min(8, n_tracks), seed=5):
        audio = render(piece)
        soundfile.write(folder / "song.mp3", audio, 44_100, "MPEG_LAYER_III", format="MP3")
        songs.append(((folder / "song.mp3").read_bytes(), len(audio) / 44_100))
    (folder / "song.mp3").unlink()
    for number in range(n_tracks):
        song, seconds = songs[number % len(songs)]
        title = f"Song {number}".encode().ljust(125, b"\0")  # an ID3v1 tag
        (folder / f"{number:04d}.mp3").write_bytes(song + b"TAG" + title)
        total += seconds
    return total
