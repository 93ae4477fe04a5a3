"""Analysis of one audio file in one pass: metadata, loudness, cues, tags and embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.music import frontend
from bci_affect.music.audio import MAX_ANALYSED_S, DecodeError, read_blocks, to_mono
from bci_affect.music.emotion import measure_cues
from bci_affect.music.encoders import CancelCheck, Cancelled, MusicEncoder
from bci_affect.music.loudness import LoudnessMeter, normalise_loudness, playback_gain_db
from bci_affect.music.tags import TAGS

MAX_PEAK_DBFS = 100.0
"""Peak above which a file is damaged; floats scaled like 16-bit integers reach 90 dB."""


@dataclass(frozen=True, slots=True)
class FileTags:
    """Metadata of a file; `replay_gain_db` is NaN if it contains no ReplayGain or R128 gain."""

    title: str
    artist: str
    album: str
    replay_gain_db: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """Result of the analysis of one file.

    Attributes
    ----------
    file_tags : FileTags
        Metadata of the file.
    duration_s, loudness_lufs, peak_dbfs, gain_db : float
        Decoded length, integrated loudness, true peak, and gain to the playback loudness.
    cues : dict
        Acoustic cues of emotion.
    tags : ndarray of float32, shape (50,)
        Mean probability of each tag; NaN if the encoder has no tags.
    times : ndarray of float32, shape (n,)
        Centre of each embedding in seconds.
    embeddings : ndarray of float32, shape (n, dim)
        Embeddings of the encoder.
    """

    file_tags: FileTags
    duration_s: float
    loudness_lufs: float
    peak_dbfs: float
    gain_db: float
    cues: dict[str, float]
    tags: NDArray[np.float32]
    times: NDArray[np.float32]
    embeddings: NDArray[np.float32]


def read_tags(path: Path) -> FileTags:
    """Read title (by default the file name), artist, album and ReplayGain or R128 gain."""
    from tinytag import TinyTag, TinyTagException

    try:
        tag = TinyTag.get(path)
        other = {key.lower(): value for key, value in tag.other.items()}
        title, artist, album = tag.title or "", tag.artist or tag.albumartist or "", tag.album or ""
    except (TinyTagException, OSError, ValueError, IndexError):  # the audio may still be valid
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
    """Return the cover picture in the metadata (JPEG or PNG bytes), if there is one."""
    from tinytag import TinyTag, TinyTagException

    try:
        image = TinyTag.get(path, image=True).images.any
    except (TinyTagException, OSError, ValueError, IndexError):
        return None
    return bytes(image.data) if image is not None and image.data else None


@dataclass(frozen=True, slots=True)
class _Measures:
    duration_s: float
    loudness_lufs: float
    peak_dbfs: float


def decode_for_encoder(path: Path, rate_hz: int) -> NDArray[np.float32]:
    """Return at most an hour of a file as mono at a rate, (n,), block by block.

    Raises
    ------
    DecodeError
        If it cannot be decoded.
    """
    return _decode_and_measure(path, rate_hz, lambda: False)[0]


def _decode_and_measure(
    path: Path, rate_hz: int, cancelled: CancelCheck
) -> tuple[NDArray[np.float32], _Measures]:
    """Return at most an hour as mono for the encoder, and the loudness of the complete file."""
    import soxr

    meter = resampler = None
    parts: list[NDArray[np.float32]] = []
    n_frames, rate, collected = 0, 1, 0
    try:
        for block, rate in read_blocks(path):
            if cancelled():
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
        if not n_frames:  # if damaged later, use the part decoded so far
            raise
    if meter is None or resampler is None:
        raise DecodeError("it contains no audio (zero length)")
    if meter.peak_dbfs() > MAX_PEAK_DBFS:
        raise DecodeError(
            f"damaged (its loudest sample is {meter.peak_dbfs():.0f} dB over full scale)"
        )
    parts.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    mono = np.concatenate(parts)[: int(MAX_ANALYSED_S * rate_hz)]
    return mono, _Measures(n_frames / rate, meter.lufs(), meter.peak_dbfs())


def analyse(path: Path, encoder: MusicEncoder, cancelled: CancelCheck = lambda: False) -> Analysis:
    """Decode, measure, embed and tag one file.

    Raises
    ------
    DecodeError
        If it cannot be decoded; the message contains the reason.
    Cancelled
        Within a fraction of a second after `cancelled` returns True.
    """
    file_tags = read_tags(path)
    mono, measures = _decode_and_measure(path, encoder.rate_hz, cancelled)
    mono = normalise_loudness(mono, encoder.rate_hz)
    tags = np.full(len(TAGS), np.nan, dtype=np.float32)
    with single_threaded_torch():
        if encoder.rate_hz == frontend.RATE_HZ:
            mel = frontend.log_mel(mono)
            cues = measure_cues(mono, mel)
        else:
            mel, cues = None, {}
        from_mel = getattr(encoder, "from_log_mel", None)
        if from_mel is not None and mel is not None:  # the frames are shared with the cues
            times, embeddings, patch_tags = from_mel(mel, len(mono) / encoder.rate_hz, cancelled)
            tags = patch_tags.mean(axis=0)
        else:
            times, embeddings = encoder.embed(mono)
    gain = playback_gain_db(measures.loudness_lufs, measures.peak_dbfs)
    if np.isfinite(file_tags.replay_gain_db):  # gain of the file, limited by the true peak
        gain = playback_gain_db(-18.0 - file_tags.replay_gain_db, measures.peak_dbfs)
    return Analysis(
        file_tags=file_tags,
        duration_s=measures.duration_s,
        loudness_lufs=measures.loudness_lufs,
        peak_dbfs=max(measures.peak_dbfs, -120.0),
        gain_db=gain,
        cues=cues,
        tags=tags,
        times=times.astype(np.float32),
        embeddings=embeddings,
    )


@contextmanager
def single_threaded_torch() -> Iterator[None]:
    """Limit torch, if loaded, to one thread; two are slower while other programs run."""
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
