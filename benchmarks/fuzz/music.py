"""Music library and music files."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from bci_affect.music import Library
from bci_affect.music.analysis import Analysis, FileTags, analyse, read_cover
from bci_affect.music.audio import DecodeError
from bci_affect.music.encoders import LogMelEncoder
from bci_affect.music.retrieval import Retriever
from bci_affect.music.tags import TAGS
from bci_affect.music.types import Track
from benchmarks.fuzz.base import Target, must
from benchmarks.fuzz.mutate import break_bytes
from benchmarks.fuzz.stores import lay, whole


class LibraryDatabase(Target):
    """Music library, damaged on disk."""

    title = "music library (SQLite)"
    count = 3_000

    def prepare(self, folder: Path) -> None:
        """Fill a library with tracks."""
        path = folder / "seed.sqlite"
        rng = np.random.default_rng(2)
        with Library(path) as library:
            for i in range(4):
                file = folder / f"{i}.flac"
                file.touch()
                library.store_track(
                    str(file), 0, 0, f"hash{i}", "musicnn-msd-vgg:x", _analysis(i, rng)
                )
            self._truth = {tuple(row.tolist()) for row in library.all_embeddings().embeddings}
            self._tracks = [_computed(track) for track in library.tracks()]
        self._seed = whole(path)

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage bytes."""
        return break_bytes(self._seed, rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Open the library, list tracks, and search."""
        path = lay(data, folder / "case.sqlite")
        with _warnings_of("bci_affect.music.maintenance") as records, Library(path) as library:
            tracks = library.tracks()
            known = all(_computed(track) in self._tracks for track in tracks)
            must(known, "a track that differs from the stored one")
            library.failures()
            library.tag_matrix()
            table = library.all_embeddings()
            known = all(tuple(row.tolist()) in self._truth for row in table.embeddings)
            must(known, "embeddings that differ from the stored ones")
            must(
                len(table.embeddings) == len(self._truth) or records.count > 0,
                "embeddings lost without a report",
            )
            retriever = Retriever(library)
            for suggestion in retriever.by_point(0.3, 0.3):
                must(math.isfinite(suggestion.score), "a score that is not finite")
            for track in tracks:
                retriever.by_track(track.id)
        return "reported" if records.count else "read"


@contextmanager
def _warnings_of(name: str) -> Iterator[_RecordCounter]:
    """Count the records of a logger, although the worker disables logging."""
    log, counter, before = logging.getLogger(name), _RecordCounter(), logging.root.manager.disable
    log.addHandler(counter)
    log.propagate = False
    logging.disable(logging.NOTSET)
    try:
        yield counter
    finally:
        logging.disable(before)
        log.removeHandler(counter)


class _RecordCounter(logging.Handler):
    """Counter of log records."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def _computed(track: Track) -> Track:
    """Return a track without likes and bans, which have no checksum."""
    return replace(track, liked=False, banned=False)


def _analysis(i: int, rng: np.random.Generator) -> Analysis:
    return Analysis(
        file_tags=FileTags(f"Title {i}", "Artist", "", float("nan")),
        duration_s=60.0,
        loudness_lufs=-18.0,
        peak_dbfs=-3.0,
        gain_db=0.0,
        cues={"brightness": 0.1 * i, "onsets": 3.0},
        tags=rng.uniform(0.01, 0.5, len(TAGS)).astype(np.float32),
        times=np.arange(5, dtype=np.float32),
        embeddings=rng.standard_normal((5, 8)).astype(np.float16).astype(np.float32),
    )


class Audio(Target):
    """Music files of every format, with tags and cover art."""

    title = "audio (wav, flac, ogg, opus, mp3, aiff, m4a)"
    count = 5_000

    def prepare(self, folder: Path) -> None:
        """Write one second of audio in each format."""
        import soundfile

        rng = np.random.default_rng(3)
        time = np.arange(16_000) / 16_000
        sound = 0.3 * np.sin(2 * np.pi * 440 * time) + 0.01 * rng.standard_normal(len(time))
        self._seeds: list[tuple[str, bytes]] = []
        for suffix, kind, subtype in (
            (".wav", "WAV", "PCM_16"), (".wav", "WAV", "FLOAT"), (".flac", "FLAC", None),
            (".ogg", "OGG", "VORBIS"), (".opus", "OGG", "OPUS"), (".mp3", "MP3", None),
            (".aiff", "AIFF", None),
        ):  # fmt: skip
            out = io.BytesIO()
            soundfile.write(out, sound, 16_000, format=kind, subtype=subtype)
            self._seeds.append((suffix, out.getvalue()))
        tagged = b"ID3\x03\x00\x00\x00\x00\x00\x1aTIT2\x00\x00\x00\x06\x00\x00\x00Title"
        self._seeds.append((".mp3", tagged + b"\x00" * 10 + self._seeds[5][1]))
        m4a = _m4a(sound.astype(np.float32), folder / "seed.m4a")
        if m4a:
            self._seeds.append((".m4a", m4a))
        self._encoder = LogMelEncoder()

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage one file; the first byte is its index."""
        number = int(rng.integers(len(self._seeds)))
        data = self._seeds[number][1]
        if rng.random() < 0.5:  # headers are short
            data = break_bytes(data[:200], rng) + data[200:]
        else:
            data = break_bytes(data, rng)
        return bytes([number]) + data

    def use(self, data: bytes, folder: Path) -> str:
        """Analyse the file, and read its tags and cover art."""
        suffix = self._seeds[data[0]][0]
        path = folder / f"case{suffix}"
        path.write_bytes(data[1:])
        read_cover(path)
        try:
            found = analyse(path, self._encoder)
        except DecodeError as error:
            must(bool(str(error)), "no reason")
            raise
        numbers = (found.duration_s, found.gain_db, found.peak_dbfs, float(found.embeddings.sum()))
        must(all(math.isfinite(n) for n in numbers), f"values that are not finite: {numbers}")
        must(-120 <= found.gain_db <= 20, f"a gain of {found.gain_db:g} dB")
        must(len(found.times) == len(found.embeddings), "rows without times")
        return "read"


def _m4a(sound: np.ndarray, path: Path) -> bytes | None:
    try:
        import av
    except ImportError:
        return None
    with av.open(str(path), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        for start in range(0, len(sound) - 1024, 1024):
            block = sound[None, start : start + 1024]
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.rate = 16_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()
