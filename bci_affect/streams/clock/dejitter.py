"""Causal dejittering: from a sender's raw stamps to evenly spaced times on this machine's clock.

Two steps, both sample by sample and independent of how samples were grouped, so that a live stream
and its recording have the same times:

1. `offsets.ClockOffsets` adds the sender-to-receiver offset that was valid when a sample arrived.
2. `Dejitter` fits a line through (sample index, stamp) over the last 30 s and evaluates
   it at the newest sample. A stamp that leaves the line is held, together with its successors,
   until its cause is clear. If the stamps return to the line, it was jitter (a burst of a Bluetooth
   headset); if they continue parallel to it, samples were lost (a gap) or the clock was set (a
   step). Only then are they returned, with the gap marked.

Regression over the sample index is how ``pyxdf`` and LSL remove jitter offline; here it is windowed
and causal, with a weak pull towards the nominal rate for the first second.
"""

from __future__ import annotations

import math

import numpy as np

from bci_affect.streams.clock.clock_events import ClockEvent, Floats, Stretch, StretchBuilder

WINDOW_S = 30.0
BLOCK_S = 0.25
PRIOR_S = 1.0
GAP_S = 0.05
GAP_SAMPLES = 2.0
GAP_SPREADS = 4.0
CONFIRM_S = 0.1
MAX_HOLD_S = 5.0
REFIT_S = 2.0
RESET_S = 1.0
LONGEST_GAP_S = 3600.0
UNKNOWN_GAP_S = 1.0
"""Length assigned to a gap of unknown length (the clock was reset in it)."""
MAX_EVENTS = 10_000


class Dejitter:
    """Causal times for a regularly sampled stream from its corrected stamps.

    `push` may return fewer samples than it received (some are held) and returns them later, in
    order; none is dropped. Times always increase strictly. The result does not depend on how
    stamps were grouped into calls.

    Parameters
    ----------
    rate_hz : float
        Nominal rate, > 0.

    Attributes
    ----------
    received, lost, late, steps, resets : int
        Pushed samples; missing ones by the stamps; held ones that were only late (bursts); and
        counts of backward steps and jumps of the clock.
    events : list of ClockEvent
        The first 10,000 of them.
    """

    def __init__(self, rate_hz: float) -> None:
        if not rate_hz > 0:
            raise ValueError("dejitter needs a regular stream")
        self.rate_hz = rate_hz
        self._period = 1.0 / rate_hz
        self._block = max(1, round(rate_hz * BLOCK_S))
        self._confirm = max(3, math.ceil(rate_hz * CONFIRM_S))
        self._max_hold = max(2 * self._confirm, math.ceil(rate_hz * MAX_HOLD_S))
        self._prior = max(rate_hz * PRIOR_S, 2.0) ** 3 / 12.0
        self._n_blocks = max(8, round(WINDOW_S * rate_hz / self._block))
        self.received = self.lost = self.late = self.steps = self.resets = 0
        self.events: list[ClockEvent] = []
        self._held: list[float] = []
        self._emitted = 0
        self._last_stamp = math.nan
        self._shift = 0.0  # added to every stamp after a reset that no offset explains
        self._floor = -math.inf  # of time minus a tenth of a period per sample
        self._last_time = math.nan
        self._restart(0.0)
        self._origin_set = False

    # -- public ----------------------------------------------------------------------------------

    @property
    def effective_hz(self) -> float:
        """Measured rate over the window; NaN until two seconds have been seen."""
        if self._total[0] + self._part[0] < 2.0 * self.rate_hz:
            return math.nan
        return 1.0 / (self._period + self._line()[2])

    @property
    def expected(self) -> int:
        """Samples due by the stamps: received and lost."""
        return self.received + self.lost

    def push(self, stamps: Floats) -> list[Stretch]:
        """Append stamps (n,) in order of arrival; return the times that are now certain."""
        stamps = self._filled(np.asarray(stamps, np.float64))
        self.received += stamps.size
        if stamps.size and not self._origin_set:
            self._restart(float(stamps[0] + self._shift))
        out = StretchBuilder()
        i = 0
        while i < stamps.size:
            if self._held:
                self._held.append(float(stamps[i]))
                i += 1
                self._assess(out)
                continue
            shifted = stamps[i : i + self._room()] + self._shift
            times = self._extend(shifted.tolist(), self._limit)
            if times:
                out.extend(np.array(times))
            i += len(times)
            if len(times) < shifted.size:
                self._held.append(float(stamps[i]))
                i += 1
        return out.stretches

    def flush(self) -> list[Stretch]:
        """Return the times that are still held, at the end of a stream."""
        out = StretchBuilder()
        if self._held:
            self._resolve(out, np.array(self._held) + self._shift)
        return out.stretches

    # -- the line --------------------------------------------------------------------------------

    def _restart(self, origin: float) -> None:
        """Begin a new line at `origin`, without the old one's samples."""
        self._origin = origin
        self._origin_set = True
        self._x = 0  # index of the next sample, lost ones counted
        self._blocks = np.zeros((self._n_blocks, 6))  # sums of full blocks, a ring
        self._n_full = 0
        self._total = [0.0] * 6  # of full blocks: n, x, y, xx, xy, residual squared
        self._part = [0.0] * 6  # of the block being filled
        self._limit = max(GAP_SAMPLES * self._period, GAP_S)  # stamps further off are held

    def _line(self) -> tuple[float, float, float]:
        """Return centre x, centre y and slope (seconds a sample beyond the nominal period)."""
        n, sx, sy, sxx, sxy = (
            part + total for part, total in zip(self._part[:5], self._total[:5], strict=True)
        )
        if n == 0:
            return 0.0, 0.0, 0.0
        slope = (sxy - sx * sy / n) / (sxx - sx * sx / n + self._prior)
        return sx / n, sy / n, slope

    def _room(self) -> int:
        """Return the number of samples until the block being filled is full, at least one."""
        return self._block - int(self._part[0])

    def _extend(self, stamps: list[float], limit: float) -> list[float]:
        """Extend the line by stamps until one is further off than `limit`; return their times.

        Plain floats are faster than arrays for the few samples of a live chunk.

        Parameters
        ----------
        stamps : list of float
            With the shift added, as many as `_room` at most.
        limit : float
            Seconds. If it is infinite, the residuals do not count for the spread of the stamps.
        """
        origin, period, prior = self._origin, self._period, self._prior
        p0, p1, p2, p3, p4, p5 = self._part
        t0, t1, t2, t3, t4, _ = self._total
        x, emitted, floor, lean = self._x, self._emitted, self._floor, 0.1 * self._period
        judged = limit < math.inf
        n, sx, sy, sxx, sxy = p0 + t0, p1 + t1, p2 + t2, p3 + t3, p4 + t4
        times: list[float] = []
        for stamp in stamps:
            y = stamp - origin - x * period
            if n and judged:
                slope = (sxy - sx * sy / n) / (sxx - sx * sx / n + prior)
                residual = y - (sy / n + slope * (x - sx / n))
                if abs(residual) > limit:
                    break
                p5 += residual * residual
            p0 += 1.0
            p1 += x
            p2 += y
            p3 += x * x
            p4 += x * y
            n, sx, sy, sxx, sxy = p0 + t0, p1 + t1, p2 + t2, p3 + t3, p4 + t4
            slope = (sxy - sx * sy / n) / (sxx - sx * sx / n + prior)
            # Times increase strictly, by a tenth of a period at least.
            leant = lean * emitted
            level = origin + (x * period + (sy / n + slope * (x - sx / n))) - leant
            if level > floor:
                floor = level
            times.append(floor + leant)
            emitted += 1
            x += 1
        if times:
            self._part = [p0, p1, p2, p3, p4, p5]
            self._x, self._emitted, self._floor = x, emitted, floor
            self._last_time = times[-1]
            if p0 >= self._block:
                self._close_block()
        return times

    def _close_block(self) -> None:
        self._blocks[self._n_full % self._n_blocks] = self._part
        self._n_full += 1
        self._total = self._blocks[: self._n_full].sum(axis=0).tolist()
        self._part = [0.0] * 6
        spread = math.sqrt(self._total[5] / self._total[0])
        self._limit = max(GAP_SAMPLES * self._period, GAP_S, min(GAP_SPREADS * spread, RESET_S))

    # -- stamps that left the line ---------------------------------------------------------------

    def _assess(self, out: StretchBuilder) -> None:
        """Classify the held stamps if their cause is clear."""
        held = np.array(self._held[-self._max_hold :]) + self._shift
        newest = self._residuals(held[-1:], len(self._held) - 1)[0]
        if abs(newest) <= self._limit:
            self._release(out)
            return
        if len(self._held) < self._confirm:
            return
        tail = held[-self._confirm :]
        running = np.ptp(tail) >= 0.25 * (self._confirm - 1) * self._period
        if running or len(self._held) >= self._max_hold:
            self._resolve(out, np.array(self._held) + self._shift)

    def _residuals(self, stamps: Floats, first: int) -> Floats:
        """Distance from the line, for held stamps from number `first` on."""
        centre_x, centre_y, slope = self._line()
        x = self._x + first + np.arange(stamps.size)
        line: Floats = self._origin + x * self._period + centre_y + slope * (x - centre_x)
        return stamps - line

    def _release(self, out: StretchBuilder) -> None:
        """Accept held stamps as jitter; outliers are moved onto the line, so as not to bend it."""
        stamps = np.array(self._held) + self._shift
        residual = self._residuals(stamps, 0)
        self.late += int(np.count_nonzero(residual > self._limit))
        self._join(stamps, residual, out)

    def _join(
        self, stamps: Floats, residual: Floats, out: StretchBuilder, gap: float | None = None
    ) -> None:
        self._held = []
        joined = np.where(np.abs(residual) > self._limit, stamps - residual, stamps).tolist()
        times: list[float] = []
        while len(times) < len(joined):
            times += self._extend(joined[len(times) : len(times) + self._room()], math.inf)
        out.extend(np.array(times), gap)

    def _resolve(self, out: StretchBuilder, stamps: Floats) -> None:
        """Accept held stamps parallel to the line: a gap, or the clock was set."""
        residual = self._residuals(stamps, 0)
        moved = float(np.median(residual[-self._confirm :]))
        period = self._period + self._line()[2]
        if moved < -RESET_S or moved > LONGEST_GAP_S:
            self._reset_clock(out, moved, period)
        elif moved < 0:
            self.steps += 1
            self._note("step", moved, 0)
            self._restart(float(np.median(stamps - np.arange(stamps.size) * self._period)))
            self._join(stamps, self._residuals(stamps, 0), out)
        else:
            lost = max(1, round(moved / period))
            self.lost += lost
            self._note("gap", moved, lost)
            if moved > REFIT_S:
                self._restart(float(np.median(stamps - np.arange(stamps.size) * self._period)))
            else:
                self._x += lost
            self._join(stamps, self._residuals(stamps, 0), out, gap=lost * period)

    def _reset_clock(self, out: StretchBuilder, moved: float, period: float) -> None:
        """Continue after our own time, with a gap of unknown length; no offset explains it."""
        self.resets += 1
        raw = np.array(self._held)
        anchor = float(np.median(raw - np.arange(raw.size) * self._period))
        self._shift = self._last_time + period + UNKNOWN_GAP_S - anchor
        self._note("reset", moved, 0)
        stamps = raw + self._shift
        self._restart(anchor + self._shift)
        self._join(stamps, self._residuals(stamps, 0), out, gap=UNKNOWN_GAP_S)

    def _note(self, kind: str, seconds: float, lost: int) -> None:
        if len(self.events) < MAX_EVENTS:
            time = self._last_time + max(seconds, 0.0) + self._period
            if kind == "reset":
                time = self._last_time + UNKNOWN_GAP_S + self._period
            self.events.append(ClockEvent(kind, self._emitted, time, seconds, lost))

    def _filled(self, stamps: Floats) -> Floats:
        """Replace NaN stamps by values that follow from their predecessors."""
        if stamps.size == 1 and math.isfinite(stamps[0]):
            self._last_stamp = float(stamps[0])
            return stamps
        bad = ~np.isfinite(stamps)
        if bad.any():
            stamps = stamps.copy()
            for i in np.flatnonzero(bad):
                before = stamps[i - 1] if i else self._last_stamp
                stamps[i] = (before if math.isfinite(before) else 0.0) + self._period
        if stamps.size:
            self._last_stamp = float(stamps[-1])
        return stamps
