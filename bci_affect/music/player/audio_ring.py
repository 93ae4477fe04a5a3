"""Lock-free ring buffer of decoded audio between the decode thread and the device's callback.

No locks are needed, as each index has one writer. The callback only copies, applies a ramped gain
and records times, without memory allocation.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

RAMP_S = 0.02
"""Duration of the ramps of pause, resume, seek, stop and volume."""


class AudioRing:
    """Ring buffer between the decode thread (writer) and the callback (reader), with master gain.

    Parameters
    ----------
    seconds : float
        Capacity.
    rate_hz : int
        Sampling rate.
    n_channels : int
        Number of channels.

    Attributes
    ----------
    written, read : int
        Total numbers of frames written and read.
    starved : int
        Number of underruns during playback.
    marks : deque of int
        Frame numbers whose time is requested, ascending (the decode thread appends).
    stamps : deque of (int, float)
        Frame numbers with the time at which they are audible (the callback appends).
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
        self._draining = False  # no more frames follow, so an empty ring is not an underrun
        self._target = 0.0
        self._gain = 0.0
        self._underrun = False
        largest = 1 << 14
        self._unit = np.arange(1, largest + 1, dtype=np.float32)[:, None]
        self._curve = np.empty((largest, 1), dtype=np.float32)
        self._step = 1.0 / max(1.0, RAMP_S * rate_hz)

    # --- decode thread ----------------------------------------------------------------------

    def free(self) -> int:
        """Return the number of frames that can be written."""
        return self.capacity - (self.written - self.read)

    def available(self) -> int:
        """Return the number of frames that can be read."""
        return self.written - self.read

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append frames (n, n_channels), at most `free`."""
        first = self.written % self.capacity
        n = min(len(frames), self.capacity - first)
        self._frames[first : first + n] = frames[:n]
        self._frames[: len(frames) - n] = frames[n:]
        self.written += len(frames)  # last, so that the reader gets complete frames only

    def retract(self, keep: int) -> NDArray[np.float32]:
        """Remove and return the frames written after the next `keep` frames.

        The callback continues to read in the meantime; this is safe as long as `keep` frames last
        longer than this call.
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

    def clear(self) -> None:
        """Discard all frames; only while the callback is silent or fading out."""
        self.marks.clear()
        self.read = self.written

    # --- commands, from any thread ----------------------------------------------------------

    def set_gain(self, gain: float) -> None:
        """Set the master gain, reached by a ramp."""
        self._target = gain

    def set_playing(self, playing: bool, ramp_s: float = RAMP_S) -> None:
        """Play, or fade out and pause; the ramp also applies to later changes of gain."""
        self._step = 1.0 / max(1.0, ramp_s * self.rate_hz)
        self._playing = playing

    def set_draining(self, draining: bool) -> None:
        """Set whether the last available frame is the end of the music."""
        self._draining = draining

    @property
    def silent(self) -> bool:
        """True if the callback has faded out completely."""
        return self._gain == 0.0

    # --- callback ---------------------------------------------------------------------------

    def fill(self, out: NDArray[np.float32], audible_at: float) -> None:
        """Fill a device's buffer (n, n_channels) whose first frame is audible at `audible_at`."""
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
            if not self._draining and not self._underrun and self._playing:
                self.starved += 1
            self._underrun = True
        else:
            self._underrun = False
        self._apply_gain(out, target)
        while self.marks and self.marks[0] < self.read + have:
            mark = self.marks.popleft()
            self.stamps.append((mark, audible_at + (mark - self.read) / self.rate_hz))
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
