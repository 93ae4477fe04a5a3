"""Putting tracks together: one after the other without a gap, or crossfaded at equal power."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bci_affect.music.player.track_reader import TrackReader

_LIMIT = 0.89  # -1 dBFS: where the limiter begins to bend


class Mixer:
    """What is heard next: the playing source, and during a crossfade the one before it.

    Parameters
    ----------
    rate_hz : int
        Rate of the frames.
    crossfade_s : float
        Length of a crossfade at a track's natural end, 0 to 12 s; 0 is gapless.
    started, ended : callable
        Told of a source whose first frame, or of one whose last frame, is the given number of
        frames ahead of what the next `take` returns first.
    next_source : callable
        Asked for the source that follows, when the playing one nears its end.
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

    def change_to(self, source: TrackReader, fade_s: float) -> None:
        """Go over to a source from the next frame on."""
        self._drop_fading(0)
        before, self.playing = self.playing, source
        if before is not None:
            n = min(int(fade_s * self.rate_hz), before.look_ahead(int(fade_s * self.rate_hz)))
            self._fading, self._fade_at, self._fade_n = before, 0, n
            if n == 0:
                self._drop_fading(0)
        self._started(source, 0)

    def stop(self) -> None:
        """Let go of all sources."""
        self._drop_fading(0)
        if self.playing is not None:
            self._ended(self.playing, 0)
            self.playing.close()
            self.playing = None

    def take(self, n_frames: int) -> NDArray[np.float32]:
        """Return the next frames (n, 2); fewer only when the music is at its end."""
        out = np.zeros((n_frames, 2), dtype=np.float32)
        done = 0
        while done < n_frames and self.playing is not None:
            done += self._some(out, done)
        return _limited(out[:done])

    def _some(self, out: NDArray[np.float32], done: int) -> int:
        """Fill a stretch in which nothing begins or ends; return its length."""
        source = self.playing
        if source is None:
            return 0
        n = len(out) - done
        longest = int(min(self.crossfade_s, source.track.duration_s / 2) * self.rate_hz)
        left = source.look_ahead(n + longest)
        if self._fading is not None:
            return self._crossfade(out, done, min(n, self._fade_n - self._fade_at))
        if source.ended:
            if left > longest:
                n = min(n, left - longest)
            elif self._go_on(source, left, done):
                return 0
        frames = source.take(n)
        out[done : done + len(frames)] = frames
        return len(frames)

    def _go_on(self, source: TrackReader, left: int, done: int) -> bool:
        """At a track's end: begin the next one, if there is one; say whether anything changed."""
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
        """Mix two sources by sine and cosine, so that the power stays the same."""
        new, old = self.playing, self._fading
        if new is None or old is None:
            return 0
        phase = (self._fade_at + np.arange(n, dtype=np.float32)) / np.float32(self._fade_n)
        phase *= np.float32(np.pi / 2)
        for source, gain in ((new, np.sin(phase)), (old, np.cos(phase))):
            frames = source.take(n)  # fewer where a track is shorter than the crossfade
            out[done : done + len(frames)] += frames * gain[: len(frames), None]
        self._fade_at += n
        if self._fade_at >= self._fade_n:
            self._drop_fading(done + n)
        return n

    def drop_fading(self) -> None:
        """Let go of the outgoing track, if a crossfade is going on."""
        self._drop_fading(0)

    def _drop_fading(self, ahead: int) -> None:
        if self._fading is not None:
            self._ended(self._fading, ahead)
            self._fading.close()
            self._fading = None


def _limited(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend what exceeds -1 dBFS (two loud tracks at once) instead of clipping it."""
    if not len(frames) or np.abs(frames).max() <= _LIMIT:
        return frames
    size = np.abs(frames)
    room = np.float32(1.0 - _LIMIT)
    bent = np.float32(_LIMIT) + room * np.tanh((size - np.float32(_LIMIT)) / room)
    return np.where(size > _LIMIT, np.sign(frames) * bent, frames).astype(np.float32)
