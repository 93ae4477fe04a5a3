"""Everything that is learned from one audio file, in one pass over it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.music import frontend
from bci_affect.music.audio import MAX_ANALYSED_S, DecodeError, blocks, to_mono
from bci_affect.music.emotion import measure_cues
from bci_affect.music.encoders import Cancelled, MusicEncoder, Stopped
from bci_affect.music.loudness import LoudnessMeter, normalised, playback_gain_db
from bci_affect.music.tags import TAGS

MAX_PEAK_DBFS = 100.0
"""Floats in a file may be scaled like 16-bit integers (90 dB over full scale); more is damage."""


@dataclass(frozen=True, slots=True)
class FileTags:
    """What a file says of itself; `replay_gain_db` is NaN where it says nothing of loudness."""

    title: str
    artist: str
    album: str
    replay_gain_db: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was learned from one file.

    Attributes
    ----------
    said : FileTags
        The file's own tags.
    duration_s, loudness_lufs, peak_dbfs, gain_db : float
        Decoded length, integrated loudness, true peak, and gain to the playback target.
    cues : dict
        Acoustic cues of emotion.
    tags : ndarray of float32, shape (50,)
        Mean probability of each tag; NaN where the encoder gives none.
    times : ndarray of float32, shape (n,)
        Centre of each row in seconds.
    rows : ndarray of float32, shape (n, dim)
        The encoder's rows.
    """

    said: FileTags
    duration_s: float
    loudness_lufs: float
    peak_dbfs: float
    gain_db: float
    cues: dict[str, float]
    tags: NDArray[np.float32]
    times: NDArray[np.float32]
    rows: NDArray[np.float32]


def read_tags(path: Path) -> FileTags:
    """Read title, artist, album and ReplayGain / R128 gain; the title falls back to the name."""
    from tinytag import TinyTag, TinyTagException

    try:
        tag = TinyTag.get(path)
        other = {key.lower(): value for key, value in tag.other.items()}
        title, artist, album = tag.title or "", tag.artist or tag.albumartist or "", tag.album or ""
    except (TinyTagException, OSError, ValueError, IndexError):  # sound may be fine all the same
        title, artist, album, other = "", "", "", {}
    gain = float("nan")
    for key, offset, scale in (
        ("replaygain_track_gain", 0.0, 1.0),  # dB to -18 LUFS
        ("r128_track_gain", 5.0, 1 / 256),  # Q7.8 to -23 LUFS (RFC 7845)
    ):
        if key in other:
            value = other[key]
            text = str(value[0] if isinstance(value, list) else value)
            try:
                gain = float(text.lower().replace("db", "").strip()) * scale + offset
            except ValueError:
                continue
            break
    return FileTags(title.strip() or path.stem, artist.strip(), album.strip(), gain)


def read_cover(path: Path) -> bytes | None:
    """Return the cover picture in a file's tags (jpeg or png bytes), if there is one."""
    from tinytag import TinyTag, TinyTagException

    try:
        image = TinyTag.get(path, image=True).images.any
    except (TinyTagException, OSError, ValueError, IndexError):
        return None
    return bytes(image.data) if image is not None and image.data else None


@dataclass(frozen=True, slots=True)
class _Heard:
    duration_s: float
    loudness_lufs: float
    peak_dbfs: float


def _listen(path: Path, rate_hz: int, stopped: Stopped) -> tuple[NDArray[np.float32], _Heard]:
    """Decode a file once: at most an hour of it as mono for the encoder, and its loudness whole."""
    import soxr

    meter = resampler = None
    parts: list[NDArray[np.float32]] = []
    n_frames, rate, collected = 0, 1, 0
    try:
        for block, rate in blocks(path):
            if stopped():
                raise Cancelled
            if meter is None:
                meter = LoudnessMeter(rate, block.shape[1])
                resampler = soxr.ResampleStream(rate, rate_hz, 1, dtype="float32")
            meter.push(block)
            n_frames += len(block)
            if collected < MAX_ANALYSED_S * rate_hz and resampler is not None:
                parts.append(resampler.resample_chunk(to_mono(block)))
                collected += len(parts[-1])
    except DecodeError:
        if not n_frames:  # damage after a good start: what was decoded counts
            raise
    if meter is None or resampler is None:
        raise DecodeError("no audio in it (zero length)")
    if meter.peak_dbfs() > MAX_PEAK_DBFS:
        raise DecodeError(
            f"damaged (its loudest sample is {meter.peak_dbfs():.0f} dB over full scale)"
        )
    parts.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    mono = np.concatenate(parts)[: int(MAX_ANALYSED_S * rate_hz)]
    return mono, _Heard(n_frames / rate, meter.lufs(), meter.peak_dbfs())


def analyse(path: Path, encoder: MusicEncoder, stopped: Stopped = lambda: False) -> Analysis:
    """Decode, measure, embed and tag one file.

    Raises
    ------
    DecodeError
        If it cannot be decoded; the reason is in words.
    Cancelled
        Once `stopped` says so, within a fraction of a second.
    """
    said = read_tags(path)
    mono, heard = _listen(path, encoder.rate_hz, stopped)
    mono = normalised(mono, encoder.rate_hz)
    tags = np.full(len(TAGS), np.nan, dtype=np.float32)
    with one_thread():
        if encoder.rate_hz == frontend.RATE_HZ:
            mel = frontend.log_mel(mono)
            cues = measure_cues(mono, mel)
        else:
            mel, cues = None, {}
        from_mel = getattr(encoder, "from_log_mel", None)
        if from_mel is not None and mel is not None:  # the tagger shares its frames with the cues
            times, rows, patch_tags = from_mel(mel, len(mono) / encoder.rate_hz, stopped)
            tags = patch_tags.mean(axis=0)
        else:
            times, rows = encoder.embed(mono)
    gain = playback_gain_db(heard.loudness_lufs, heard.peak_dbfs)
    if np.isfinite(said.replay_gain_db):  # the file's word, our ceiling
        gain = playback_gain_db(-18.0 - said.replay_gain_db, heard.peak_dbfs)
    return Analysis(
        said=said,
        duration_s=heard.duration_s,
        loudness_lufs=heard.loudness_lufs,
        peak_dbfs=max(heard.peak_dbfs, -120.0),
        gain_db=gain,
        cues=cues,
        tags=tags,
        times=times.astype(np.float32),
        rows=rows,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch, where it is loaded, to one thread: two are slower when anything else runs."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
