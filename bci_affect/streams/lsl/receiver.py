"""From what a connection gives to chunks for a reader, and the very same to the recording."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.streams.assemble import Assembler
from bci_affect.streams.clock.offsets import JUMP_S
from bci_affect.streams.header import StreamHeader
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.chunk_queue import ChunkQueue
from bci_affect.streams.lsl.link import Link
from bci_affect.streams.tap import RawTap

logger = logging.getLogger(__name__)

AGE_WEIGHT = 0.01
RATE_OFF = 0.05


class Receiver:
    """Takes samples of one device, over as many connections as it needs.

    Parameters
    ----------
    header : StreamHeader
        Of the device's stream.
    channels : sequence of str or None
        Channels to keep.
    key : str
        Names the stream for the tap.

    Attributes
    ----------
    assembler : Assembler
        Makes chunks of them.
    queue : ChunkQueue
        Chunks that wait for the reader.
    told : RawTap or None
        The tap that knows of the stream.
    fresh_offset : float or None
        Newly measured, to hold from the next samples on; any thread may set it.
    newest : float
        Time of the newest sample.
    """

    def __init__(self, header: StreamHeader, channels: Sequence[str] | None, key: str) -> None:
        self.key = key
        self.assembler = Assembler(header, channels)
        self.queue = ChunkQueue(header.rate_hz)
        self.told: RawTap | None = None
        self.fresh_offset: float | None = None
        self.newest = math.nan
        self._age = math.nan  # usual seconds from a sample's time to its arrival

    def take(
        self, samples: NDArray[Any], stamps: NDArray[np.float64], link: Link, tap: RawTap | None
    ) -> None:
        """Take samples (n, n_channels) with raw stamps (n,), in order of arrival."""
        offsets = self.assembler.offsets
        jumps = offsets.jumps(stamps)
        if jumps.size and jumps[-1] > 0:  # each stretch by itself: it may be of another clock
            first = int(jumps[jumps > 0][0])
            self.take(samples[:first], stamps[:first], link, tap)
            self.note_age()
            self.take(samples[first:], stamps[first:], link, tap)
            return
        fresh, self.fresh_offset = self.fresh_offset, None
        if fresh is not None:
            link.measured = fresh
        if jumps.size:
            self._follow_clock(stamps, link)
        if fresh is not None or jumps.size or (tap is not None and tap is not self.told):
            self._offset_from(stamps, jumps, link, tap)
        if tap is not None:
            tap.samples(self.key, samples, stamps)
        chunks = self.assembler.push(samples, stamps)
        if chunks:
            self.queue.put(chunks)
        self.newest = float(stamps[-1]) + offsets.value

    def figures(self) -> dict[str, Any]:
        """Return what `Health` says of rates and losses."""
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
        """Return what the user should know of a stream that runs, or ""."""
        rate_hz, named_hz = self.assembler.dejitter.effective_hz, self.assembler.info.rate_hz
        if abs(rate_hz / named_hz - 1.0) > RATE_OFF:
            return f"The device sends {rate_hz:.1f} samples a second, not {named_hz:g} as it says."
        return self.assembler.unit_note

    def _follow_clock(self, stamps: NDArray[np.float64], link: Link) -> None:
        """Stamps have jumped: where no hole explains it, the sender has set its clock.

        A hole lets stamps jump forwards, and no further than to now. Anything else shifts the
        offset so that samples are as old as they used to be; the recording stores that offset.
        """
        time = float(stamps[-1]) + link.offset
        change = lsl.local_clock() - time - self._age
        if time < self.newest - JUMP_S or change < -JUMP_S:  # false where something is unknown yet
            link.shift += change
            logger.warning("The device has set its clock by %.3f s.", -change)

    def note_age(self) -> None:
        """Learn how old the newest samples are that have just come; late ones say little."""
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
        """Let the link's offset hold from these samples on, and tell the tap the very same."""
        offsets = self.assembler.offsets
        starts = [float(stamps[i]) for i in jumps if math.isfinite(stamps[i])]
        if not jumps.size or jumps[0] != 0:
            starts.insert(0, math.nextafter(offsets.reached, math.inf))
        if tap is not None and tap is not self.told:
            tap.open_stream(self.key, link.header)
            self.told = tap
        for start in starts:
            offsets.add(start, link.offset)
            if tap is not None:
                tap.clock_offset(self.key, start, link.offset)
