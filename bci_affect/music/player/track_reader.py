"""Reader of one track with prefetching, resampled to the device's rate, at the playback gain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.music.audio import DecodeError, open_audio
from bci_affect.music.types import Track

_BLOCK_S = 0.25


class TrackReader:
    """Decoder of one track with prefetched frames, so that its actual end is known in advance.

    Parameters
    ----------
    track : Track
        Track to read.
    rate_hz : int
        Sampling rate of the output.
    start_s : float
        Start position.

    Raises
    ------
    DecodeError
        If the file cannot be opened.
    """

    def __init__(self, track: Track, rate_hz: int, start_s: float = 0.0) -> None:
        self.track = track
        self.rate_hz = rate_hz
        self._reader = open_audio(Path(track.path))
        self._gain = np.float32(10 ** (track.gain_db / 20))
        self.problem = ""
        self._begin(start_s)

    def _begin(self, start_s: float) -> None:
        import soxr

        self._ahead: list[NDArray[np.float32]] = []
        self._n_ahead = 0
        self._ended = False
        self._resampler = None
        if self._reader.rate_hz != self.rate_hz:
            self._resampler = soxr.ResampleStream(
                self._reader.rate_hz, self.rate_hz, 2, dtype="float32"
            )
        if start_s > 0:
            self._reader.seek(start_s)
        self.position_s = max(0.0, start_s)

    def seek(self, position_s: float) -> None:
        """Continue at another position."""
        self._reader.seek(0.0)
        self._begin(position_s)

    def prefetch(self, n_frames: int) -> int:
        """Decode until `n_frames` are prefetched or the track ends; return their number."""
        while self._n_ahead < n_frames and not self._ended:
            self._decode()
        return self._n_ahead

    @property
    def ended(self) -> bool:
        """True if the file is completely decoded, so that only prefetched frames remain."""
        return self._ended

    def _decode(self) -> None:
        try:
            block = self._reader.read(max(1, int(_BLOCK_S * self._reader.rate_hz)))
        except DecodeError as error:
            self.problem = str(error)
            block = np.empty((0, 2), dtype=np.float32)
        last = not len(block)
        stereo = _stereo(block)
        if self._resampler is not None:
            stereo = self._resampler.resample_chunk(stereo, last=last)
        self._ended = last
        if len(stereo):
            self.push(stereo * self._gain)

    def push(self, frames: NDArray[np.float32], *, front: bool = False) -> None:
        """Append decoded frames, or put frames that were not played back in front."""
        if front:
            self._ahead.insert(0, frames)
            self.position_s -= len(frames) / self.rate_hz
        else:
            self._ahead.append(frames)
        self._n_ahead += len(frames)

    def read(self, n_frames: int) -> NDArray[np.float32]:
        """Return the next frames (n, 2); fewer only at the end."""
        self.prefetch(n_frames)
        parts, have = [], 0
        while self._ahead and have < n_frames:
            part = self._ahead.pop(0)
            if have + len(part) > n_frames:
                self._ahead.insert(0, part[n_frames - have :])
                part = part[: n_frames - have]
            parts.append(part)
            have += len(part)
        self._n_ahead -= have
        self.position_s += have / self.rate_hz
        return np.concatenate(parts) if parts else np.empty((0, 2), dtype=np.float32)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _stereo(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert to stereo: duplicate mono, and mix channels from the third on into the first two."""
    if not len(block):
        return np.empty((0, 2), dtype=np.float32)
    block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    if block.shape[1] == 1:
        return np.repeat(block, 2, axis=1)
    if block.shape[1] == 2:
        return np.ascontiguousarray(block)
    rest = 0.5 * block[:, 2:].mean(axis=1, keepdims=True, dtype=np.float32)
    return np.ascontiguousarray(block[:, :2] * np.float32(0.7) + rest)
