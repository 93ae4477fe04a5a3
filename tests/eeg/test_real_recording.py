"""A real headset's recording: offsets of 62,000 uV, hum of 400 uV, blinks, clenches, closed eyes.

The times below were read off a plot of the recording (docs/signal-path.md), not off the program.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyxdf

from bci_affect.config import SignalSettings
from bci_affect.eeg import Chunk, FeatureWindow, Pipeline, State, make_montage

BLINKS = [(15.3, 16.7), (17.7, 18.0), (76.3, 77.0), (78.6, 79.0), (79.6, 81.2)]
CLENCHES = [(8.4, 9.5), (9.9, 11.2), (11.7, 12.5), (13.0, 14.3), (82.0, 82.8), (83.1, 84.1)]
MOVEMENT = (86.2, 88.6)
QUIET = (29.0, 76.0)
OPEN_EYES, CLOSED_EYES = (19.0, 24.5), (29.0, 75.0)


Run = tuple[np.ndarray, np.ndarray, Pipeline, list[FeatureWindow]]


def run_through(path: Path, settings: SignalSettings) -> Run:
    """Times, everything shown, the pipeline, and all windows of the recording."""
    streams, _ = pyxdf.load_xdf(str(path), verbose=False)
    stream = next(s for s in streams if s["info"]["type"][0] == "EEG")
    described = stream["info"]["desc"][0]["channels"][0]["channel"]
    eeg = stream["time_series"].T.astype(np.float32)
    times = stream["time_stamps"] - stream["time_stamps"][0]
    montage = make_montage([c["label"][0] for c in described])
    assert {c["unit"][0] for c in described} == {"microvolts"}
    pipeline = Pipeline(settings, 250.0, montage)
    windows, shown = [], []
    for start in range(0, len(times), 500):  # read the screen's traces every two seconds
        piece = slice(start, start + 500)
        windows += pipeline.push(Chunk(eeg[:, piece], times[piece]))
        shown.append(pipeline.traces(len(times[piece]) / 250.0)[1])
    return times, np.concatenate(shown, axis=1), pipeline, windows


@pytest.fixture(scope="module")
def cyton(cyton_xdf: Path) -> Run:
    return run_through(cyton_xdf, SignalSettings())


def test_one_window_per_hop_and_ok_after_warm_up(cyton):
    times, _, pipeline, windows = cyton
    assert len(windows) == int((len(times) / 250.0) / 0.125)
    first = next(w for w in windows if w.state is State.OK)
    assert first.time == pytest.approx(pipeline.warm_up_s, abs=0.01)


def test_offset_and_hum_are_gone_from_the_first_second(cyton):
    _, shown, pipeline, _ = cyton
    assert pipeline.line_hz == 60.0
    # The wearer moves in the first three seconds; an offset of 62,000 uV would leave far more.
    assert np.abs(shown[:, :250]).max() < 500
    assert np.abs(shown[:, 1000:1050]).max() < 100
    quiet = shown[:, int(QUIET[0] * 250) : int(QUIET[1] * 250)]
    assert np.median(quiet.std(axis=1)) < 15


@pytest.mark.parametrize(
    ("word", "spans"),
    [("blink", BLINKS), ("jaw clench", CLENCHES), ("movement", [MOVEMENT])],
)
def test_artefacts_are_found_where_they_are(cyton, word, spans):
    windows = cyton[3]
    for start, end in spans:
        inside = [w for w in windows if start <= w.time <= end + 0.3]
        assert any(word in w.reasons and w.state is State.ARTIFACT for w in inside), (start, end)


def test_the_quiet_minute_has_no_artefact_and_all_electrodes(cyton):
    quiet = [w for w in cyton[3] if QUIET[0] < w.time < QUIET[1]]
    assert {w.state for w in quiet} == {State.OK}
    assert np.mean([w.mask.all() for w in quiet]) > 0.99


def test_closing_the_eyes_raises_occipital_alpha(cyton_xdf):
    """With the device's own reference: the average of 8 electrodes would spread alpha to all."""
    _, _, pipeline, windows = run_through(cyton_xdf, SignalSettings(reference="none"))
    names = pipeline.montage.names
    back = [names.index("O1"), names.index("O2")]
    front = [names.index("Fp1"), names.index("C3"), names.index("C4")]

    def alpha(span, rows):
        within = [w.bands[-1, rows, 2].mean() for w in windows if span[0] < w.time < span[1]]
        return np.median(within)

    gain_back = alpha(CLOSED_EYES, back) - alpha(OPEN_EYES, back)
    gain_front = alpha(CLOSED_EYES, front) - alpha(OPEN_EYES, front)
    assert gain_back > 0.2  # nats of amplitude: 1.7 dB
    assert gain_back > gain_front + 0.1
    assert alpha(CLOSED_EYES, back) > alpha(CLOSED_EYES, front) + 0.3
