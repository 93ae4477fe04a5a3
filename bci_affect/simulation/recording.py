"""Writing of a simulated session to a file, and its publishing over LSL."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from bci_affect.events import encode
from bci_affect.simulation.session import SessionPlan, SimulatedSession
from bci_affect.streams import (
    MARKER_PATIENCE_S,
    RawOutlet,
    StreamHeader,
    XdfWriter,
    build_header,
    local_clock,
    simulated_event_header,
)

FILE_START_S = 1000.0
"""Time of a simulated file's first sample, on its recorder's clock."""
OFFSET_EVERY_S = 5.0
FLUSH_S = 0.5


def truth_header() -> StreamHeader:
    """Return the header of the ground truth: moods, gains and faults."""
    return build_header(
        "bci_affect.truth", "Truth", ["truth"], fmt="string", source_id="simulated-truth"
    )


def simulate_xdf(path: str | Path, plan: SessionPlan) -> dict[str, float]:
    """Write a session as the recorder would have: EEG, events, and the ground truth.

    Returns
    -------
    dict
        ``samples``, ``events``, ``seconds`` and ``bytes``.

    Raises
    ------
    BciAffectError
        If the file exists or cannot be written, or the plan cannot be simulated.
    """
    session = SimulatedSession(plan)
    with XdfWriter(path) as writer:
        eeg = writer.add_stream(session.header)
        events = writer.add_stream(simulated_event_header())
        truth = writer.add_stream(truth_header())
        marks = [(time, events, encode(event)) for time, event in session.events()]
        marks += [(time, truth, text) for time, text in session.truth()]
        marks.sort(key=lambda mark: mark[0])
        for stream in (events, truth):
            writer.clock_offset(stream, FILE_START_S, 0.0)
        samples = 0
        shift, next_offset, next_flush = np.nan, 0.0, FLUSH_S
        done = 0
        for block in session.blocks():
            now = block.arrival_s
            while done < len(marks) and marks[done][0] <= now:
                time, stream, text = marks[done]
                writer.texts(stream, [[text]], np.array([FILE_START_S + time]))
                done += 1
            if now >= next_offset or session.clock_shift(now) != shift:
                shift, next_offset = session.clock_shift(now), now + OFFSET_EVERY_S
                writer.clock_offset(eeg, FILE_START_S + float(block.stamps[0]), -shift)
            writer.samples(eeg, block.samples, FILE_START_S + block.stamps)
            samples += len(block.stamps)
            if now >= next_flush:
                next_flush = now + FLUSH_S
                writer.flush()
        for time, stream, text in marks[done:]:
            writer.texts(stream, [[text]], np.array([FILE_START_S + time]))
    return {
        "samples": samples,
        "events": len(session.events()),
        "seconds": plan.seconds,
        "bytes": writer.size_bytes,
    }


def simulate_stream(plan: SessionPlan, stop: threading.Event, *, wait: bool = True) -> int:
    """Publish a session over LSL, now and at its own pace, until its end or `stop`.

    Returns
    -------
    int
        Samples sent.
    """
    session = SimulatedSession(plan)
    eeg = RawOutlet(session.header, own=False)
    events = RawOutlet(simulated_event_header(), own=False)
    while wait and not eeg.has_consumers():
        if stop.wait(0.02):
            return 0
    patient_until = local_clock() + (MARKER_PATIENCE_S if wait else 0.0)
    while not events.has_consumers() and local_clock() < patient_until:
        if stop.wait(0.02):  # readers search for markers after the EEG
            return 0
    origin = local_clock()
    marks = session.events()
    done = sent = 0
    for block in session.blocks():
        while (left := origin + block.arrival_s - local_clock()) > 0:
            if stop.wait(left):
                return sent
        while done < len(marks) and marks[done][0] <= block.arrival_s:
            time, event = marks[done]
            events.push([[encode(event)]], np.array([origin + time]))
            done += 1
        eeg.push(block.samples, origin + block.stamps)
        sent += len(block.stamps)
    stop.wait(1.0)  # let receivers read the samples in transit
    return sent
