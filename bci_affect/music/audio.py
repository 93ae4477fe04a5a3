"""Decoding of audio files, complete or in blocks, with one error type for all failures.

soundfile (libsndfile) reads wav, flac, ogg, opus, mp3 and aiff; PyAV reads m4a and aac (extra
``m4a``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music import loudness

PLAIN_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
AV_SUFFIXES = (".m4a", ".mp4", ".aac")
SUFFIXES = PLAIN_SUFFIXES + AV_SUFFIXES
MAX_ANALYSED_S = 3600.0
"""Maximum duration of the analysis; longer files (mixes, audio books) are played completely."""
_BLOCK_S = 10.0
_RATES_HZ = (1_000, 768_000)  # range of valid sampling rates
MAX_CHANNELS = 32
"""Most channels of an audio file."""
MAX_DURATION_S = 24 * 3600.0
"""Longest audio file."""
_MAX_VALUES = 1 << 24  # of one block, all channels together


class DecodeError(BciAffectError):
    """Raised if a file cannot be decoded; the message contains the reason."""


class Reader(Protocol):
    """Open audio file, read sequentially."""

    rate_hz: int
    n_channels: int
    duration_s: float

    def read(self, n_frames: int) -> NDArray[np.float32]:
        """Return the next frames (n, n_channels); fewer at the end, none after it."""

    def seek(self, position_s: float) -> None:
        """Continue at another position."""

    def close(self) -> None:
        """Close the file."""


class _PlainReader:
    """Reader of the formats of libsndfile."""

    def __init__(self, path: Path) -> None:
        import soundfile

        if path.stat().st_size == 0:
            raise DecodeError("the file is empty")
        try:
            self._file = soundfile.SoundFile(path)
        except soundfile.SoundFileError as error:
            reason = str(error).split("':", 1)[-1].split(": ", 1)[-1].strip().rstrip(".")
            raise DecodeError(f"not readable as audio ({reason})") from None
        self._error = soundfile.SoundFileError
        self.rate_hz = int(self._file.samplerate)
        self.n_channels = int(self._file.channels)
        self.duration_s = self._file.frames / self.rate_hz

    def read(self, n_frames: int) -> NDArray[np.float32]:
        try:
            return self._file.read(n_frames, dtype="float32", always_2d=True)  # type: ignore[no-any-return]
        except self._error as error:
            raise DecodeError(f"damaged ({error})") from None

    def seek(self, position_s: float) -> None:
        try:
            self._file.seek(min(int(position_s * self.rate_hz), self._file.frames))
        except self._error as error:
            raise DecodeError(f"seeking failed ({error})") from None

    def close(self) -> None:
        self._file.close()


class _AvReader:
    """Reader of m4a and aac, using PyAV."""

    def __init__(self, path: Path) -> None:
        try:
            import av
        except ImportError:
            raise DecodeError("m4a and aac need an extra: pip install 'bci_affect[m4a]'") from None
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.audio[0]
            self.rate_hz = int(self._stream.rate)
        except (av.FFmpegError, IndexError) as error:
            raise DecodeError(f"not readable as audio ({error})") from None
        except (UnicodeDecodeError, AttributeError, TypeError):  # damaged tags, codec or rate
            raise DecodeError("not readable as audio (its header is damaged)") from None
        self._av = av
        self.n_channels = 2
        length = self._container.duration
        self.duration_s = float(length) / av.time_base if length else 0.0
        self._start(0.0)

    def _start(self, position_s: float) -> None:
        self._resampler = self._av.AudioResampler(format="flt", layout="stereo", rate=self.rate_hz)
        self._frames = self._container.decode(self._stream)
        self._left: NDArray[np.float32] = np.empty((0, 2), dtype=np.float32)
        self._from_s = position_s

    def read(self, n_frames: int) -> NDArray[np.float32]:
        parts, have = [self._left], len(self._left)
        while have < n_frames:
            try:
                frame = next(self._frames)
            except StopIteration:
                break
            except self._av.FFmpegError as error:
                raise DecodeError(f"damaged ({error})") from None
            time_s = frame.time or 0.0
            for piece in self._resampler.resample(frame):
                block = piece.to_ndarray().reshape(-1, 2).astype(np.float32)
                skip = int((self._from_s - time_s) * self.rate_hz)
                if skip > 0:
                    block = block[skip:]
                parts.append(block)
                have += len(block)
        joined = np.concatenate(parts)
        self._left = joined[n_frames:]
        return joined[:n_frames]

    def seek(self, position_s: float) -> None:
        self._container.seek(int(position_s * self._av.time_base))
        self._start(position_s)

    def close(self) -> None:
        self._container.close()


def open_audio(path: Path) -> Reader:
    """Open a file for reading.

    Raises
    ------
    DecodeError
        If it is missing, empty, of unknown format, or damaged at its start; the message contains
        the reason.
    """
    try:
        reader: Reader = (
            _AvReader(path) if path.suffix.lower() in AV_SUFFIXES else _PlainReader(path)
        )
    except OSError as error:
        raise DecodeError(f"cannot be opened ({error.strerror or error})") from None
    if not _RATES_HZ[0] <= reader.rate_hz <= _RATES_HZ[1]:
        reader.close()
        raise DecodeError(f"its sampling rate of {reader.rate_hz} Hz is not valid")
    if not 1 <= reader.n_channels <= MAX_CHANNELS:
        reader.close()
        raise DecodeError(f"it has {reader.n_channels} channels, and {MAX_CHANNELS} is the most")
    if reader.duration_s > MAX_DURATION_S:
        reader.close()
        raise DecodeError(
            f"it announces {reader.duration_s / 3600:.0f} hours, and {MAX_DURATION_S / 3600:.0f} "
            "is the most"
        )
    return reader


def read_blocks(path: Path, seconds: float = _BLOCK_S) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Yield blocks of frames (n, n_channels) with the rate, until decoding ends.

    The length in the header is not used, since a truncated mp3 states its full length. Samples that
    are not finite are replaced with silence.
    """
    reader = open_audio(path)
    try:
        size = min(int(seconds * reader.rate_hz), _MAX_VALUES // reader.n_channels)
        size, n_frames = max(1, size), 0
        while len(block := reader.read(size)):
            n_frames += len(block)
            if n_frames > MAX_DURATION_S * reader.rate_hz:
                raise DecodeError(f"it is longer than {MAX_DURATION_S / 3600:.0f} hours")
            if not np.isfinite(block).all():
                block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            yield block, reader.rate_hz
    finally:
        reader.close()


def decode(path: Path, max_s: float = np.inf) -> tuple[NDArray[np.float32], int]:
    """Decode a file, at most its first `max_s` seconds: frames (n, n_channels) and rate.

    Raises
    ------
    DecodeError
        If it cannot be decoded or contains no audio. If it is damaged later, the part before the
        damage is returned.
    """
    parts, have, rate = [], 0, 1
    try:
        for block, rate in read_blocks(path):
            parts.append(block)
            have += len(block)
            if have >= max_s * rate:
                break
    except DecodeError:
        if not parts:
            raise
    if not parts:
        raise DecodeError("it contains no audio (zero length)")
    return np.concatenate(parts)[: int(min(max_s * rate, have))], rate


def to_mono(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of all channels, (n,) from (n, n_channels)."""
    n_channels = frames.shape[1]
    # A matrix product is many times faster than a mean over two columns.
    return frames @ np.full(n_channels, 1.0 / n_channels, dtype=np.float32)


def analysis_audio(
    frames: NDArray[np.float32], rate_hz: int, target_hz: int, *, as_is: bool = False
) -> NDArray[np.float32]:
    """Return the input of encoders: the mean of all channels, resampled, at -14 LUFS.

    Parameters
    ----------
    frames : ndarray of float32, shape (n, n_channels)
        Decoded audio.
    rate_hz, target_hz : int
        Sampling rate of the audio and of the encoder.
    as_is : bool
        Keep the level instead of normalising it.
    """
    import soxr

    mono = to_mono(frames)
    if rate_hz != target_hz:
        mono = soxr.resample(mono, rate_hz, target_hz).astype(np.float32)
    return mono if as_is else loudness.normalise_loudness(mono, target_hz)
