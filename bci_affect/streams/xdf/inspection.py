"""Inspection of a recording: content and damage as one plain document."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg import UNIT_NAMES, eeg_scales, unit_doubt, with_inferred
from bci_affect.streams.header import StreamHeader
from bci_affect.streams.numeric_markers import has_markers
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recording import XdfRecording, XdfStream, triggers

MARKERS_SHOWN, MARKER_LENGTH = 20, 60
UNSTEADY_UV, UNSTEADY_SHARE = 250.0, 0.3
"""Swing of a second, and the share of such seconds above which a channel is unsteady."""
MAINS_PERIOD_S = 0.02
RAILED_SHARE = 0.01
FLAT_UV = 0.1


def inspect_xdf(path: str | Path) -> dict[str, Any]:
    """Describe a recording: streams, rates, gaps, clock resets, damage, and channels.

    Raises
    ------
    BciAffectError
        If it cannot be read as XDF.
    """
    recording = read_xdf(path)
    difference = recording.clock_difference()
    return {
        "file": str(recording.path),
        "bytes": recording.path.stat().st_size,
        "healthy": not recording.damage,
        "checksums": recording.checked,
        "damage": [
            {"offset": d.offset, "length": d.length, "what": d.what} for d in recording.damage
        ],
        "clocks": difference.text if difference else "",
        "streams": [_describe(recording, stream) for stream in recording.streams],
        "markers": _count_markers(recording),
    }


def _count_markers(recording: XdfRecording) -> dict[str, dict[str, int]]:
    """Count the markers of each stream by text, events by kind; the most frequent ones."""
    found: dict[str, Counter[str]] = {}
    for marker in recording.markers():
        what = marker.event.KIND.value if marker.event else marker.text[:MARKER_LENGTH]
        found.setdefault(marker.stream, Counter())[what] += 1
    return {stream: dict(counts.most_common(MARKERS_SHOWN)) for stream, counts in found.items()}


def _describe(recording: XdfRecording, stream: XdfStream) -> dict[str, Any]:
    header = stream.header
    times, events, dejitter = stream.timeline()
    notes: list[str] = []
    duration = float(times[-1] - times[0]) if times.size > 1 else 0.0
    if not times.size:
        notes.append("no samples")
    if not header.has_labels and not header.is_text:
        notes.append("names no channel labels; they were made up")
    if not stream.footer:
        notes.append("no footer: the recording was not ended in order")
    if header.is_text and header.rate_hz > 0:
        notes.append("text with a nominal rate, which is ignored")
    measured = dejitter.effective_hz if dejitter is not None else math.nan
    announced = stream.announced_hz
    if stream.rate_note:
        notes.append(stream.rate_note)
    elif math.isfinite(measured) and abs(measured / announced - 1) > 0.01:
        notes.append(f"the measured rate is {measured:.2f} Hz, not {announced:g} Hz")
    described: dict[str, Any] = {
        "id": stream.id,
        "name": header.name,
        "role": _role(header),
        "type": header.type,
        "source_id": header.source_id,
        "format": header.format,
        "channels": header.n_channels,
        "labels": list(header.labels),
        "units": list(header.units),
        "rate_hz": announced,
        "measured_hz": measured,
        "samples": int(times.size),
        "removed": stream.removed,
        "start": float(times[0]) if times.size else math.nan,
        "duration_s": duration,
        "clock_offsets": len(stream.offsets),
        "lost": dejitter.lost if dejitter is not None else 0,
        "late": dejitter.late if dejitter is not None else 0,
        "gaps": [
            {"time": e.time, "seconds": e.seconds, "lost": e.lost}
            for e in events
            if e.kind == "gap"
        ],
        "clock_resets": [{"time": e.time, "seconds": e.seconds} for e in events if e.kind != "gap"],
        "simulated": header.simulated,
        "notes": notes,
    }
    if header.is_text:
        described["events"] = len(stream.texts)
    elif has_markers(header) and header.rate_hz <= 0:
        described["events"] = int(times.size)
    else:
        described["triggers"] = {label: len(found) for label, found in triggers(stream).items()}
        for label, count in described["triggers"].items():
            notes.append(f"column {label} holds triggers: {count} markers")
    numeric_eeg = header.type.upper() == "EEG" and "events" not in described
    if numeric_eeg and times.size:
        described["quality"] = _quality(stream, notes)
    return described


def _role(header: StreamHeader) -> str:
    """Return the role of a stream: EEG, markers, results of a session, or side stream."""
    if header.is_text or has_markers(header):
        return "markers"
    if header.type.upper() == "EEG":
        return "EEG"
    return "results" if header.name.startswith("bci_affect.") else "side stream"


def _quality(stream: XdfStream, notes: list[str]) -> list[dict[str, Any]]:
    """Grade each channel by its robust spread, and by the share of samples at its extremes."""
    header = stream.header
    raw = stream.samples()
    info = header.info()
    declared = eeg_scales(info.units, info.montage.is_eeg)
    unknown = np.isnan(declared)
    with np.errstate(invalid="ignore"):  # damaged floats may be signalling NaNs
        scales = with_inferred(declared, raw, header.rate_hz)
        samples = raw[:: max(1, len(stream) // 200_000)].astype(np.float64)
    if unknown.any():
        notes.append(
            f"{int(unknown.sum())} channels name no unit that is known; by their size they are "
            f"taken to be in {UNIT_NAMES[float(scales[unknown][0])]}"
        )
    elif info.montage.is_eeg.any():
        is_eeg = info.montage.is_eeg
        eeg = (samples * scales)[:, is_eeg].T
        doubt = unit_doubt(eeg, header.name, scales[is_eeg][0])
        if doubt:
            notes.append(doubt)
    swings = _swings(stream, header.rate_hz) * scales
    found: list[dict[str, Any]] = []
    for i, label in enumerate(header.labels):
        values = samples[:, i] * scales[i]
        finite = values[np.isfinite(values)]
        if not finite.size:
            found.append({"label": label, "verdict": "no finite value"})
            continue
        offset = float(np.median(finite))
        # Differences over a second ignore an electrode's drift.
        lag = min(round(header.rate_hz), finite.size - 1)
        moved = finite[lag:] - finite[:-lag] if lag else np.zeros(1)
        spread = float(np.median(np.abs(moved)) * 1.4826 / math.sqrt(2))
        edges = np.mean((finite == finite.max()) | (finite == finite.min()))
        railed = bool(edges > RAILED_SHARE and finite.max() > finite.min())
        with np.errstate(invalid="ignore"):
            unsteady = float(np.mean(swings[:, i] > UNSTEADY_UV)) if len(swings) else 0.0
        verdict = "railed" if railed else "flat" if spread < FLAT_UV else "ok"
        if verdict == "ok" and unsteady > UNSTEADY_SHARE:
            verdict = "unsteady"
        found.append(
            {
                "label": label,
                "is_eeg": bool(info.montage.is_eeg[i]),
                "offset_uv": offset + 0.0,  # no -0
                "spread_uv": spread,
                "unsteady_share": unsteady,
                "not_finite": int(values.size - finite.size),
                "verdict": verdict if info.montage.is_eeg[i] else "not EEG",
            }
        )
    return found


def _swings(stream: XdfStream, rate_hz: float) -> NDArray[np.float64]:
    """Return the swing of each second after its trend, without mains hum, (n_seconds, n_channels).

    In the stream's own unit.
    """
    per_block = max(1, round(MAINS_PERIOD_S * rate_hz))
    per_second = round(1.0 / MAINS_PERIOD_S)
    size = per_block * per_second
    found = [np.empty((0, stream.header.n_channels))]
    for start in range(0, len(stream) - size + 1, 100 * size):
        stop = start + min(100, (len(stream) - start) // size) * size
        with np.errstate(invalid="ignore", over="ignore"):
            raw = stream.samples(start, stop).astype(np.float64)
            blocks = raw.reshape(-1, per_second, per_block, raw.shape[1]).mean(axis=2)
            trend = np.linspace(0.0, 1.0, per_second)[:, None]
            blocks -= blocks[:, :1] + trend * (blocks[:, -1:] - blocks[:, :1])
            found.append(blocks.max(axis=1) - blocks.min(axis=1))
    return np.concatenate(found)
