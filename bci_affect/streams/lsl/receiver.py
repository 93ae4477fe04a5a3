"""Receiver of a connection's samples: chunks for the reader, raw data for the recording."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.streams.assemble import Assembler
from bci_affect.streams.clock.advice import advice
from bci_affect.streams.clock.even_rate import rate_note
from bci_affect.streams.clock.offsets import JUMP_S
from bci_affect.streams.header import StreamHeader, with_processed_rate
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.chunk_queue import ChunkQueue
from bci_affect.streams.lsl.link import Link
from bci_affect.streams.numeric_markers import MAX_PENDING, TriggerReader
from bci_affect.streams.source import Marker
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

AGE_WEIGHT = 0.01
RATE_OFF = 0.05
RATE_NEWS = 0.02
"""Change of a rate's deviation that is reported again."""
FAR_S = 5.0
"""Distance of the first corrected stamp from the present that is another clock than LSL's."""
SETTLE_S = 2.0
"""Seconds over which the constant between such a clock and LSL's is estimated."""


class _FirstSamples:
    """First samples of a device, until the clock of their stamps is known.

    Attributes
    ----------
    settled : bool
        True once it is known.
    constant : float
        Seconds to add to the stamps; 0 if they are on LSL's clock.
    """

    def __init__(self) -> None:
        self.settled = False
        self.constant = 0.0
        self._parts: list[tuple[NDArray[Any], NDArray[np.float64]]] = []
        self._least = math.inf  # of arrival minus stamp
        self._began = math.nan

    def push(self, samples: NDArray[Any], stamps: NDArray[np.float64], now: float) -> None:
        """Append samples (n, n_channels) with stamps (n,) that arrived at `now`.

        `now` is on the sender's LSL clock.
        """
        self._parts.append((samples, stamps))
        finite = stamps[np.isfinite(stamps)]
        delay = now - float(finite[-1]) if finite.size else 0.0
        self._least = min(self._least, delay)
        if math.isnan(self._began):
            self._began = now
        if abs(delay) <= FAR_S:  # also after old samples that were sent at once
            self.settled = True
        elif now - self._began >= SETTLE_S:
            self.settled, self.constant = True, self._least

    def finish(self) -> None:
        """Decide from the samples so far, because the device has broken off."""
        self.settled = True
        self.constant = self._least if FAR_S < abs(self._least) < math.inf else 0.0

    @property
    def empty(self) -> bool:
        """True before the first sample."""
        return not self._parts

    def all(self) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return all samples (n, n_channels) and stamps (n,)."""
        if len(self._parts) == 1:
            return self._parts[0]
        samples, stamps = zip(*self._parts, strict=True)
        return np.concatenate(samples), np.concatenate(stamps)


class Receiver:
    """Receiver of one device's samples, over any number of connections.

    Parameters
    ----------
    header : StreamHeader
        Header of the device's stream.
    channels : sequence of str or None
        Channels to keep.
    key : str
        Key of the stream for the tap.
    announced_hz : float, optional
        Announced rate, if `header` has another one.

    Attributes
    ----------
    assembler : Assembler
        Assembler of the chunks.
    queue : ChunkQueue
        Queue of chunks for the reader.
    markers : deque of Marker
        Changes of trigger columns that were not read yet.
    announced_to : RawTap or None
        Tap to which the stream was announced.
    fresh_offset : float or None
        New measurement, valid from the next samples on; any thread may set it.
    newest : float
        Time of the newest sample.
    constant : float
        Seconds between the clock of the device's stamps and LSL's; 0 for a device on LSL's clock.
    """

    def __init__(
        self,
        header: StreamHeader,
        channels: Sequence[str] | None,
        key: str,
        announced_hz: float | None = None,
    ) -> None:
        self.key = key
        self._announced_hz = header.rate_hz if announced_hz is None else announced_hz
        self.assembler = Assembler(header, channels)
        self.queue = ChunkQueue(header.rate_hz)
        self.markers: deque[Marker] = deque(maxlen=MAX_PENDING)
        self._triggers = TriggerReader(header)
        self.announced_to: RawTap | None = None
        self.fresh_offset: float | None = None
        self.newest = math.nan
        self.constant = 0.0
        self._first: _FirstSamples | None = _FirstSamples()
        self._off = 0.0  # deviation of the rate that was last reported
        self._age = math.nan  # usual age of a sample at arrival, seconds

    def take(
        self,
        samples: NDArray[Any],
        stamps: NDArray[np.float64],
        link: Link,
        tap: RawTap | None,
        arrived: float | None = None,
    ) -> None:
        """Append samples (n, n_channels) with raw stamps (n,), in order of arrival.

        If the first stamps are on another clock, the samples are held for `SETTLE_S`. `arrived` is
        the LSL time of their arrival; now by default.
        """
        if self._first is not None:
            now = lsl.local_clock() if arrived is None else arrived
            self._first.push(samples, stamps, now - link.offset)
            if self._first.settled:
                self._release(self._first, link, tap)
            return
        self._hand_on(samples, stamps, link, tap)

    def finish_first(self, link: Link, tap: RawTap | None) -> None:
        """Hand on samples that are still held, because the device has broken off."""
        if self._first is not None and not self._first.empty:
            self._first.finish()
            self._release(self._first, link, tap)

    def _release(self, held: _FirstSamples, link: Link, tap: RawTap | None) -> None:
        self._first = None
        self._set_constant(held.constant, link)
        self._hand_on(*held.all(), link, tap)

    def _hand_on(
        self, samples: NDArray[Any], stamps: NDArray[np.float64], link: Link, tap: RawTap | None
    ) -> None:
        offsets = self.assembler.offsets
        jumps = offsets.jumps(stamps)
        if jumps.size and jumps[-1] > 0:  # each stretch separately: it may have another clock
            first = int(jumps[jumps > 0][0])
            self._hand_on(samples[:first], stamps[:first], link, tap)
            self.note_age()
            self._hand_on(samples[first:], stamps[first:], link, tap)
            return
        fresh, self.fresh_offset = self.fresh_offset, None
        if fresh is not None:
            link.measured = fresh
        if jumps.size:
            self._follow_clock(stamps, link)
        if fresh is not None or jumps.size or (tap is not None and tap is not self.announced_to):
            self._offset_from(stamps, jumps, link, tap)
        if tap is not None:
            tap.samples(self.key, samples, stamps)
        self._triggers.push(samples)
        chunks = self.assembler.push(samples, stamps)
        for chunk in chunks:
            self.markers.extend(self._triggers.stamp(chunk.times))
        if chunks:
            self.queue.put(chunks)
        self.newest = float(stamps[-1]) + offsets.value

    def _set_constant(self, constant: float, link: Link) -> None:
        if constant:
            self.constant = constant
            link.shift += constant
            logger.warning(
                "The stamps of '%s' are not on LSL's clock; they are shifted by %.3f s from the "
                "first sample on.%s",
                self.assembler.info.name,
                constant,
                advice(self.assembler.info.name),
            )

    def figures(self) -> dict[str, Any]:
        """Return rates and losses for `Health`."""
        dejitter = self.assembler.dejitter
        return {
            "effective_hz": dejitter.effective_hz,
            "expected": dejitter.expected,
            "received": dejitter.received,
            "lost": dejitter.lost + self.queue.dropped,
            "late": dejitter.late,
            "clock_offset_s": self.assembler.offsets.value,
        }

    def remark(self) -> str:
        """Return warnings about a running stream for the user, or ""."""
        info, rate_hz = self.assembler.info, self.assembler.dejitter.effective_hz
        note = rate_note(info.name, self._announced_hz, info.rate_hz)
        off = rate_hz / info.rate_hz - 1.0
        if not abs(off) > RATE_OFF:
            self._off = 0.0
        elif abs(off - self._off) > RATE_NEWS:
            self._off = off
        if self._off:
            note = (
                f"The device sends {info.rate_hz * (1 + self._off):.0f} samples a second, not "
                f"{info.rate_hz:g}: frequencies are read {abs(self._off):.0%} too "
                f"{'low' if self._off > 0 else 'high'}. Set the rate in the device's program, and "
                "start again."
            )
        return " ".join(filter(None, (note, self.assembler.unit_note)))

    def _follow_clock(self, stamps: NDArray[np.float64], link: Link) -> None:
        """Handle a jump of the stamps: without a gap, the sender has set its clock.

        After a gap, stamps jump forwards, and not beyond the present. Any other jump shifts the
        offset so that samples have their usual age; the recording stores that offset.
        """
        time = float(stamps[-1]) + link.offset
        change = lsl.local_clock() - time - self._age
        if time < self.newest - JUMP_S or change < -JUMP_S:  # false if a value is still unknown
            link.shift += change
            logger.warning("The device has set its clock by %.3f s.", -change)

    def note_age(self) -> None:
        """Update the usual age of the newest samples at arrival; late ones count little."""
        age = lsl.local_clock() - self.newest
        if math.isfinite(age):
            self._age = self._age + AGE_WEIGHT * (age - self._age) if age > self._age else age

    def _offset_from(
        self,
        stamps: NDArray[np.float64],
        jumps: NDArray[np.int64],
        link: Link,
        tap: RawTap | None,
    ) -> None:
        """Apply the link's offset from these samples on, and pass it to the tap."""
        offsets = self.assembler.offsets
        starts = [float(stamps[i]) for i in jumps if math.isfinite(stamps[i])]
        if not jumps.size or jumps[0] != 0:
            starts.insert(0, math.nextafter(offsets.reached, math.inf))
        if tap is not None and tap is not self.announced_to:
            rate_hz, header = self.assembler.info.rate_hz, link.header
            if rate_hz != header.rate_hz:
                header = with_processed_rate(header, rate_hz)
            tap.open_stream(self.key, header)
            self.announced_to = tap
        for start in starts:
            offsets.add(start, link.offset)
            if tap is not None:
                tap.clock_offset(self.key, start, link.offset)
