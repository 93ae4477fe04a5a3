"""Damage files in every way we can think of, and see what readers make of it.

``python -m tests.streams.xdf.damage 100`` prints the table of docs/streams.md.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bci_affect.errors import BciAffectError
from bci_affect.streams.header import build_header
from bci_affect.streams.xdf.reader import parse_xdf, read_xdf
from bci_affect.streams.xdf.writer import XdfWriter


def write_session(path, seconds, *, rate=128, channels=4, checksums=True, seed=0):
    """Write EEG, an accelerometer and events as the recorder does, flushed twice a second."""
    rng = np.random.default_rng(seed)
    labels = [f"E{i}" for i in range(channels)]
    with XdfWriter(path, checksums=checksums) as writer:
        eeg = writer.add_stream(
            build_header("Cap", "EEG", labels, units=["microvolts"] * channels, rate_hz=rate)
        )
        acc = writer.add_stream(build_header("Acc", "ACC", ["x", "y"], rate_hz=32, fmt="int16"))
        events = writer.add_stream(build_header("Events", "Markers", ["a", "b"], fmt="string"))
        for half in range(int(seconds * 2)):
            start = 100.0 + half / 2
            if half % 10 == 0:
                writer.clock_offset(eeg, start, 0.25)
                writer.clock_offset(acc, start, -0.5)
            n = rate // 2
            values = rng.normal(0, 30, (n, channels)).astype("f4")
            writer.samples(eeg, values, start + np.arange(n) / rate)
            writer.samples(
                acc, rng.integers(-999, 999, (16, 2)).astype("i2"), start + np.arange(16) / 32
            )
            writer.texts(events, [[f"mark {half}", "é"]], np.array([start + 0.1]))
            writer.flush()
    return path


def content(path):
    """Read by our reader: the recording, and per stream name stamps and samples."""
    return _content(read_xdf(path))


def _content(recording):
    found = {}
    for stream in recording.streams:
        rows = stream.texts if stream.header.is_text else stream.samples().tolist()
        found[stream.header.name] = (stream.corrected(), [tuple(row) for row in rows])
    return recording, found


def pyxdf_content(path):
    """Read by pyxdf: the same shape."""
    import pyxdf

    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False, verbose=False)
    found = {}
    for stream in streams:
        name = stream["info"]["name"][0]
        found[name] = (
            np.asarray(stream["time_stamps"], float),
            [tuple(np.asarray(row).tolist()) for row in stream["time_series"]],
        )
    return found


@dataclass
class Verdict:
    """Outcome of reading a damaged file."""

    raised: bool = False
    refused: bool = False
    wrong: int = 0
    bad_stamps: int = 0
    missing: int = 0
    reported: int = 0
    damage: tuple = ()


_written = {}


def judge(found, truth):
    """Compare what was read with what was written."""
    verdict = Verdict()
    if id(truth) not in _written:
        _written.clear()
        _written[id(truth)] = {
            name: set(zip(np.round(stamps, 6).tolist(), rows, strict=True))
            for name, (stamps, rows) in truth.items()
        }
    for name, (_, rows) in truth.items():
        written = _written[id(truth)][name]
        got_stamps, got_rows = found.get(name, (np.zeros(0), []))
        verdict.bad_stamps += int(np.count_nonzero(~np.isfinite(got_stamps)))
        right = 0
        for stamp, row in zip(np.round(got_stamps, 6).tolist(), got_rows, strict=False):
            if (stamp, row) in written:
                right += 1
            else:
                verdict.wrong += 1
        verdict.missing += len(rows) - right
    return verdict


def ours(data, truth, folder=None):
    """Score our reader."""
    try:
        recording, found = _content(parse_xdf(data, Path("damaged.xdf")))
    except BciAffectError:
        return Verdict(refused=True, reported=1, missing=sum(len(r) for _, r in truth.values()))
    verdict = judge(found, truth)
    verdict.damage = tuple(recording.damage)
    verdict.reported = len(recording.damage)
    return verdict


def _too_long(*_):
    raise TimeoutError


def theirs(data, truth, folder):
    """Score pyxdf; a file not read in three seconds of CPU (it can loop) counts as raised."""
    path = Path(folder) / "damaged.xdf"
    path.write_bytes(data)
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, 3.0)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return judge(pyxdf_content(path), truth)
    except Exception:
        return Verdict(raised=True)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        logging.disable(logging.NOTSET)


def damaged(data, rng, kind):
    """Return a damaged copy of a file's bytes; the first 400 bytes (the headers) may be hit too."""
    at = int(rng.integers(4, len(data)))
    if kind == "cut":
        return data[:at]
    if kind == "one bit":
        return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    size = {"64 bytes": 64, "4 kB of zeros": 4096}.get(kind, int(rng.integers(1, 3000)))
    stop = min(at + size, len(data))
    if kind == "64 bytes":
        return data[:at] + rng.bytes(stop - at) + data[stop:]
    if kind == "4 kB of zeros":
        return data[:at] + bytes(stop - at) + data[stop:]
    if kind == "bytes removed":
        return data[:at] + data[stop:]
    return data[:at] + rng.bytes(size) + data[at:]  # bytes inserted


KINDS = ("cut", "one bit", "64 bytes", "4 kB of zeros", "bytes removed", "bytes inserted")


def trial(data, kind, count, truth, folder, seed=0, readers=(ours,)):
    """Damage a file `count` times; count what each reader makes of it."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    totals = [Counter() for _ in readers]
    for _ in range(count):
        broken = damaged(data, rng, kind)
        for total, reader in zip(totals, readers, strict=True):
            verdict = reader(broken, truth, folder)
            total["raised"] += verdict.raised
            total["refused"] += verdict.refused
            total["bad stamps"] += verdict.bad_stamps > 0
            total["wrong"] += verdict.wrong > 0
            total["wrong, silent"] += verdict.wrong > 0 and not verdict.reported
            total["missing, silent"] += bool(verdict.missing and not verdict.reported)
            total["samples lost"] += verdict.missing
    return totals


def main():
    """Print the table; the argument is the number of trials of each kind."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        print(
            "| file | damage | trials | reader | raises | wrong numbers | of these silent "
            "| invalid stamps | samples lost |"
        )
        print("|" + "---|" * 9)
        for label, checksums in (("with checksums", True), ("without checksums", False)):
            path = write_session(Path(folder) / f"{checksums}.xdf", 60, checksums=checksums)
            data = path.read_bytes()
            truth = content(path)[1]
            whole = sum(len(rows) for _, rows in truth.values())
            for kind in KINDS:
                totals = trial(data, kind, count, truth, folder, readers=(ours, theirs))
                for reader, total in zip(("`read_xdf`", "pyxdf"), totals, strict=True):
                    lost = total["samples lost"] / count / whole
                    print(
                        f"| {label} | {kind} | {count} | {reader} | {total['raised']} "
                        f"| {total['wrong']} | {total['wrong, silent']} "
                        f"| {total['bad stamps']} | {lost:.1%} |"
                    )
                    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
