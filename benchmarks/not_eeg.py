"""Signals that are not EEG, and the program's report on each.

python -m benchmarks.not_eeg                  print the table
python -m benchmarks.not_eeg --write          write it into docs/bad-input.md
python -m benchmarks.not_eeg --check          exit with status 1 where the page is not current
python -m benchmarks.not_eeg --recordings FOLDER
                                              false alarms of the same tests on real recordings

Each signal is sent through the complete path (signal path, shipped model, estimate) on three
montages. The table states the faults in most windows, the share of windows after the warm-up that
are readings, and the largest confidence of any window.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bci_affect.affect import AffectPath, AffectStep, Personalisation
from bci_affect.config import SignalSettings
from bci_affect.eeg import Chunk, Pipeline, State, make_montage
from bci_affect.eeg.quality import WORDS, Fault
from bci_affect.model import Predictor
from bci_affect.session import load_predictor
from bci_affect.streams import XdfSource, read_to_end
from benchmarks.other_signals import MONTAGES, RATE_HZ, SIGNALS, Array, make_signal

PAGE = Path(__file__).resolve().parents[1] / "docs" / "bad-input.md"
START, END = (
    "<!-- signals: python -m benchmarks.not_eeg --write -->\n",
    "<!-- end of signals -->\n",
)


@dataclass(frozen=True)
class Verdict:
    """Report on one signal.

    Attributes
    ----------
    reason : str
        Reasons in most windows after the warm-up, else the most frequent one; "" for none.
    readings : float
        Share of windows after the warm-up that are readings.
    confidence : float
        Largest confidence of any window.
    """

    reason: str
    readings: float
    confidence: float


def judge(
    samples: Array,
    names: tuple[str, ...],
    predictor: Predictor,
    personal: Personalisation | None = None,
) -> Verdict:
    """Send samples through the path, of a calibrated person if one is given."""
    path = AffectPath(predictor, RATE_HZ, make_montage(names), personal=personal)
    times = 100.0 + np.arange(samples.shape[1]) / RATE_HZ
    steps: list[AffectStep] = []
    for at in range(0, len(times), 250):
        piece = slice(at, at + 250)
        steps += path.push(Chunk(samples[:, piece].astype(np.float32), times[piece]))
    return summarise(steps, path.pipeline.warm_up_s)


def summarise(steps: list[AffectStep], warm_up_s: float) -> Verdict:
    """Return the verdict on the steps of a path."""
    if not steps:
        return Verdict("no sample has a finite value", 0.0, 0.0)
    start = steps[0].window.time + warm_up_s
    late = [step for step in steps if step.window.time > start]
    found: Counter[str] = Counter()
    for step in late:
        said = [r.split(": ", 1)[-1] for r in step.window.reasons if r != "no usable electrode"]
        found.update({word for words in said for word in words.split(", ") if "window" not in word})
    often = [word for word, count in sorted(found.items()) if count > len(late) / 2]
    return Verdict(
        ", ".join(often or [word for word, _ in found.most_common(1)]),
        float(np.mean([step.estimate.state is State.OK for step in late])) if late else 0.0,
        max(step.estimate.confidence for step in steps),
    )


def measure() -> dict[str, dict[str, Verdict]]:
    """Return the verdict on each signal at each montage."""
    predictor = load_predictor(None)
    return {
        name: {
            size: judge(make_signal(name, electrodes), electrodes, predictor)
            for size, electrodes in MONTAGES.items()
        }
        for name in SIGNALS
    }


def render(found: dict[str, dict[str, Verdict]]) -> str:
    """Return the table for the page, one row per signal."""
    rows = [
        "| signal | reported in words | readings | largest confidence |",
        "|---|---|---|---|",
    ]
    for name, by_montage in found.items():
        said = [word for v in by_montage.values() for word in v.reason.split(", ")]
        reasons = [word or "nothing" for word in dict.fromkeys(said)]
        readings = max(v.readings for v in by_montage.values())
        confidence = max(v.confidence for v in by_montage.values())
        rows.append(f"| {name} | {', '.join(reasons)} | {readings:.0%} | {confidence:.2f} |")
    return "\n".join(rows) + "\n"


NEW = (
    Fault.COUNTER,
    Fault.SPIKES,
    Fault.REVERSED,
    Fault.COPY,
    Fault.TONE,
    Fault.NOISE,
    Fault.UNRELATED,
)
"""Faults of signals that are not EEG."""


def false_alarms(folder: Path) -> int:
    """Print, per recording with one, the electrodes that a test for other signals found."""
    words = {WORDS[fault] for fault in NEW}
    seconds = electrode_seconds = 0
    found: Counter[tuple[str, str, str]] = Counter()
    files = sorted(folder.rglob("*.xdf")) if folder.is_dir() else [folder]
    for file in files:
        source = XdfSource(file, offline=True)
        info = source.open(0.0)
        pipeline = Pipeline(SignalSettings(), info.rate_hz, info.montage)
        n_electrodes, pushed = int(info.montage.is_eeg.sum()), 0.0
        for chunk in read_to_end(source):
            pipeline.push(chunk)
            pushed += len(chunk.times) / info.rate_hz
            if pushed < 1.0:
                continue
            pushed -= 1.0
            seconds += 1
            electrode_seconds += n_electrodes
            for electrode, faults in pipeline.quality_reasons.items():
                for fault in words.intersection(faults):
                    found[file.stem, electrode, fault] += 1
        source.close()
    for (stem, electrode, fault), count in found.most_common():
        print(f"{stem} {electrode}: {fault}, {count} s")
    alarms = sum(found.values())
    print(
        f"{len(files)} recordings, {seconds} s, {electrode_seconds} seconds of electrodes: "
        f"{alarms} with such a fault ({alarms / max(1, electrode_seconds):.4%})"
    )
    return 0


def current() -> tuple[str, str]:
    """Return the page as it is, and with a current table."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    _, after = rest.split(END)
    return page, f"{before}{START}{render(measure())}{END}{after}"


def main() -> int:
    """Run the command; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--recordings", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.recordings:
        return false_alarms(options.recordings)
    if not (options.write or options.check):
        print(render(measure()))
        return 0
    page, wanted = current()
    if options.write:
        PAGE.write_text(wanted, encoding="utf-8")
    elif page != wanted:
        print(f"{PAGE} is not current: python -m benchmarks.not_eeg --write", file=sys.stderr)
    return int(options.check and page != wanted)


if __name__ == "__main__":
    sys.exit(main())
