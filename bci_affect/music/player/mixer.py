"""Mixer of consecutive tracks: gapless, or with an equal-power crossfade."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bci_affect.music.player.track_reader import TrackReader

_THRESHOLD = 0.89  # threshold of the limiter, -1 dBFS


class Mixer:
    """Mixer of the current source and, during a crossfade, the preceding one.

    Parameters
    ----------
    rate_hz : int
        Sampling rate.
    crossfade_s : float
        Duration of the crossfade at the end of a track, 0 to 12 s; 0 is gapless.
    started, ended : callable
        Called when a source starts or ends, with the source and the offset of its first or last
        frame relative to the next frame returned by `read`.
    next_source : callable
        Called for the following source near the end of the current one.
    """

    def __init__(
        self,
        rate_hz: int,
        crossfade_s: float,
        *,
        started: Callable[[TrackReader, int], None],
        ended: Callable[[TrackReader, int], None],
        next_source: Callable[[], TrackReader | None],
    ) -> None:
        self.rate_hz = rate_hz
        self.crossfade_s = crossfade_s
        self.playing: TrackReader | None = None
        self._fading: TrackReader | None = None
        self._fade_at = 0  # frames of the crossfade done
        self._fade_n = 0  # and in all
        self._started, self._ended, self._next = started, ended, next_source

    def switch_to(self, source: TrackReader, fade_s: float) -> None:
        """Switch to a source from the next frame on."""
        self._drop_fading(0)
        before, self.playing = self.playing, source
        if before is not None:
            n = min(int(fade_s * self.rate_hz), before.prefetch(int(fade_s * self.rate_hz)))
            self._fading, self._fade_at, self._fade_n = before, 0, n
            if n == 0:
                self._drop_fading(0)
        self._started(source, 0)

    def stop(self) -> None:
        """Close all sources."""
        self._drop_fading(0)
        if self.playing is not None:
            self._ended(self.playing, 0)
            self.playing.close()
            self.playing = None

    def read(self, n_frames: int) -> NDArray[np.float32]:
        """Return the next frames (n, 2); fewer only at the end of the music."""
        out = np.zeros((n_frames, 2), dtype=np.float32)
        done = 0
        while done < n_frames and self.playing is not None:
            done += self._read_stretch(out, done)
        return _limit(out[:done])

    def _read_stretch(self, out: NDArray[np.float32], done: int) -> int:
        """Fill frames up to the next start or end of a source; return their number."""
        source = self.playing
        if source is None:
            return 0
        n = len(out) - done
        longest = int(min(self.crossfade_s, source.track.duration_s / 2) * self.rate_hz)
        left = source.prefetch(n + longest)
        if self._fading is not None:
            return self._crossfade(out, done, min(n, self._fade_n - self._fade_at))
        if source.ended:
            if left > longest:
                n = min(n, left - longest)
            elif self._advance(source, left, done):
                return 0
        frames = source.read(n)
        out[done : done + len(frames)] = frames
        return len(frames)

    def _advance(self, source: TrackReader, left: int, done: int) -> bool:
        """Start the next track at the end of the current one; return True if anything changed."""
        following = self._next()
        if following is not None:
            self.playing, self._fading = following, source
            self._fade_at, self._fade_n = 0, left
            if not left:
                self._drop_fading(done)
            self._started(following, done)
            return True
        if not left:
            self._ended(source, done)
            source.close()
            self.playing = None
        return not left

    def _crossfade(self, out: NDArray[np.float32], done: int, n: int) -> int:
        """Mix two sources with sine and cosine gains, for constant power."""
        new, old = self.playing, self._fading
        if new is None or old is None:
            return 0
        phase = (self._fade_at + np.arange(n, dtype=np.float32)) / np.float32(self._fade_n)
        phase *= np.float32(np.pi / 2)
        for source, gain in ((new, np.sin(phase)), (old, np.cos(phase))):
            frames = source.read(n)  # fewer if a track is shorter than the crossfade
            out[done : done + len(frames)] += frames * gain[: len(frames), None]
        self._fade_at += n
        if self._fade_at >= self._fade_n:
            self._drop_fading(done + n)
        return n

    def drop_fading(self) -> None:
        """Close the outgoing track if a crossfade is in progress."""
        self._drop_fading(0)

    def _drop_fading(self, ahead: int) -> None:
        if self._fading is not None:
            self._ended(self._fading, ahead)
            self._fading.close()
            self._fading = None


def _limit(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply a soft limiter above -1 dBFS, for the sum of two loud tracks."""
    if not len(frames) or np.abs(frames).max() <= _THRESHOLD:
        return frames
    size = np.abs(frames)
    headroom = np.float32(1.0 - _THRESHOLD)
    limited = np.float32(_THRESHOLD) + headroom * np.tanh(
        (size - np.float32(_THRESHOLD)) / headroom
    )
    return np.where(size > _THRESHOLD, np.sign(frames) * limited, frames).astype(np.float32)
