"""What is ready to be heard: a ring that one thread fills and the device's callback empties.

No locks: each index has one writer. The callback only copies, applies a ramped gain and notes
times; everything that it touches exists before it runs.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

RAMP_S = 0.02
"""Length of the ramps of pause, resume, seek, stop and volume."""


class AudioRing:
    """Frames between the decode thread (writes) and the callback (reads), with the master gain.

    Parameters
    ----------
    seconds : float
        How much it holds.
    rate_hz : int
        Rate of the frames.
    n_channels : int
        Channels of each frame.

    Attributes
    ----------
    written, read : int
        Frames ever written and ever read; their difference is what is ready.
    starved : int
        Times the callback found too little while it should have played.
    marks : deque of int
        Frame numbers whose time is wanted, rising (the decode thread appends).
    stamps : deque of (int, float)
        Frame numbers with the time at which they are heard (the callback appends).
    """

    def __init__(self, seconds: float, rate_hz: int, n_channels: int = 2) -> None:
        self.rate_hz = rate_hz
        self.capacity = int(seconds * rate_hz)
        self._frames = np.zeros((self.capacity, n_channels), dtype=np.float32)
        self.written = 0
        self.read = 0
        self.starved = 0
        self.marks: deque[int] = deque()
        self.stamps: deque[tuple[int, float]] = deque()
        self._playing = False
        self._draining = False  # no more comes: an empty ring is no starvation
        self._target = 0.0
        self._gain = 0.0
        self._hungry = False
        largest = 1 << 14
        self._unit = np.arange(1, largest + 1, dtype=np.float32)[:, None]
        self._curve = np.empty((largest, 1), dtype=np.float32)
        self._step = 1.0 / max(1.0, RAMP_S * rate_hz)

    # --- the decode thread's side -----------------------------------------------------------

    def room(self) -> int:
        """Return how many frames may be written."""
        return self.capacity - (self.written - self.read)

    def ready(self) -> int:
        """Return how many frames wait to be heard."""
        return self.written - self.read

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append frames (n, n_channels); never more than `room`."""
        first = self.written % self.capacity
        n = min(len(frames), self.capacity - first)
        self._frames[first : first + n] = frames[:n]
        self._frames[: len(frames) - n] = frames[n:]
        self.written += len(frames)  # last: the reader sees whole frames only

    def take_back(self, keep: int) -> NDArray[np.float32]:
        """Remove what was written beyond the next `keep` frames, and return it.

        The callback goes on reading meanwhile; it is safe as long as `keep` frames last longer
        than this call.
        """
        start = max(self.read + keep, 0)
        end = self.written
        if start >= end:
            return np.empty((0, self._frames.shape[1]), dtype=np.float32)
        self.written = start
        index = np.arange(start, end) % self.capacity
        while self.marks and self.marks[-1] >= start:
            self.marks.pop()
        return self._frames[index]

    def forget(self) -> None:
        """Drop everything that waits; only while the callback is silent or being faded."""
        self.marks.clear()
        self.read = self.written

    # --- commands, from any thread ----------------------------------------------------------

    def set_gain(self, gain: float) -> None:
        """Set the master gain; it is reached by a ramp."""
        self._target = gain

    def set_playing(self, playing: bool, ramp_s: float = RAMP_S) -> None:
        """Play, or fade out and hold; the ramp is also that of later changes of gain."""
        self._step = 1.0 / max(1.0, ramp_s * self.rate_hz)
        self._playing = playing

    def set_draining(self, draining: bool) -> None:
        """Say whether the end of what is ready is the end of the music."""
        self._draining = draining

    @property
    def silent(self) -> bool:
        """Whether the callback has faded out entirely."""
        return self._gain == 0.0

    # --- the callback's side ----------------------------------------------------------------

    def fill(self, out: NDArray[np.float32], heard_at: float) -> None:
        """Fill a device's buffer (n, n_channels) whose first frame is heard at `heard_at`."""
        n = len(out)
        target = self._target if self._playing else 0.0
        if not self._playing and self._gain == 0.0:
            out[:] = 0.0
            return
        ready = self.written - self.read
        have = n if ready >= n else max(ready, 0)
        first = self.read % self.capacity
        one = min(have, self.capacity - first)
        out[:one] = self._frames[first : first + one]
        out[one:have] = self._frames[: have - one]
        if have < n:
            out[have:] = 0.0
            if not self._draining and not self._hungry and self._playing:
                self.starved += 1
            self._hungry = True
        else:
            self._hungry = False
        self._apply_gain(out, target)
        while self.marks and self.marks[0] < self.read + have:
            mark = self.marks.popleft()
            self.stamps.append((mark, heard_at + (mark - self.read) / self.rate_hz))
        self.read += have

    def _apply_gain(self, out: NDArray[np.float32], target: float) -> None:
        if self._gain == target:
            if target != 1.0:
                np.multiply(out, np.float32(target), out=out)
            return
        done = 0
        while done < len(out):
            n = min(len(out) - done, len(self._unit))
            step = self._step if target > self._gain else -self._step
            curve = self._curve[:n]
            np.multiply(self._unit[:n], np.float32(step), out=curve)
            np.add(curve, np.float32(self._gain), out=curve)
            if step > 0:
                np.minimum(curve, np.float32(target), out=curve)
            else:
                np.maximum(curve, np.float32(target), out=curve)
            part = out[done : done + n]
            np.multiply(part, curve, out=part)
            end = float(curve[n - 1, 0])
            self._gain = target if abs(end - target) < 1e-6 else end
            done += n
