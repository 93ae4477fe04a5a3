"""Feature extraction and its cache."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bci_affect.config import SignalSettings, WindowSettings
from bci_affect.datasets import Trial
from bci_affect.datasets.simulated import SimulatedDataset, SimulationSettings
from bci_affect.eeg import Chunk, Normaliser, Pipeline
from bci_affect.errors import BciAffectError
from bci_affect.training import corpus as corpus_module
from bci_affect.training.corpus import build_corpus, load_corpus
from bci_affect.training.extract import ExtractionSettings, SubjectWindows, extract_subject

SIGNAL = SignalSettings(
    window=WindowSettings(window_s=3, step_s=0.5, hop_s=0.5),
    bands={"theta": (4, 8), "alpha": (8, 13), "beta": (13, 30)},
    line_hz="off",
)
SMALL = SimulationSettings(subjects=2, trials=4, seconds=12)


def extract_all() -> dict[str, SubjectWindows]:
    data = SimulatedDataset(SMALL)
    return {
        name: extract_subject(data.trials(name), SIGNAL, ExtractionSettings())
        for name in data.subjects
    }


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return SimulatedDataset(SMALL).trials("s01")


def test_windows_equal_those_of_a_live_session(trials: list[Trial]) -> None:
    """The same samples in small chunks through the pipeline of a live session."""
    found = extract_subject(trials, SIGNAL, ExtractionSettings())
    pipeline = Pipeline(SIGNAL, 128.0, trials[0].montage)
    normaliser = Normaliser(32, 3, hop_s=0.5)
    live: dict[tuple[int, float], np.ndarray] = {}
    clock = 0.0
    for number, trial in enumerate(trials):
        n = trial.eeg.shape[1]
        times = clock + np.arange(n) / 128
        for start in range(0, n, 50):
            gap = 1.0 if number and not start else 0.0
            piece = slice(start, start + 50)
            for window in pipeline.push(Chunk(trial.eeg[:, piece], times[piece], gap)):
                bands = normaliser.apply(window)
                live[number, round(window.time + 1 / 128 - clock - 3.0, 3)] = bands
        clock = times[-1] + 1 / 128 + 1.0
    assert len(found.trial) == 4 * 10  # ends at 3, 4, ... 12 s of each trial
    for row, (trial_number, time) in enumerate(zip(found.trial, found.time_s, strict=True)):
        np.testing.assert_allclose(
            found.bands[row], live[int(trial_number), round(float(time), 3)], atol=1e-5
        )


def test_windows_are_causal(trials: list[Trial]) -> None:
    found = extract_subject(trials, SIGNAL, ExtractionSettings())
    later = [*trials[:2], *(replace(t, eeg=t.eeg * 3 + 5) for t in trials[2:])]
    changed = extract_subject(later, SIGNAL, ExtractionSettings())
    early = found.trial < 2
    np.testing.assert_array_equal(found.bands[early], changed.bands[early])
    assert not np.allclose(found.bands[~early], changed.bands[~early])


def test_windows_lie_within_the_stimulus(trials: list[Trial]) -> None:
    """Samples before the onset affect windows through the filter state only."""
    found = extract_subject(trials, SIGNAL, ExtractionSettings())
    assert found.time_s.min() == pytest.approx(3.0)
    assert found.time_s.max() == pytest.approx(12.0)


def test_music_is_delayed(trials: list[Trial]) -> None:
    embeddings = np.arange(20, dtype=np.float32)[:, None]
    with_music = [replace(t, music=embeddings, music_times=np.arange(20) + 0.5) for t in trials]
    found = extract_subject(with_music, SIGNAL, ExtractionSettings(music_delay_s=1.0))
    at = found.time_s == 6.0
    assert found.music[at][0] == pytest.approx((2 + 3 + 4) / 3)  # centres in (2, 5]
    mixed = [replace(trials[0], music=None, music_times=None), *with_music[1:]]
    assert np.isnan(extract_subject(mixed, SIGNAL, ExtractionSettings()).music[0])


def test_labels_are_high_above_the_threshold(trials: list[Trial]) -> None:
    rated = [
        replace(trials[0], ratings={"valence": 5.0, "arousal": 5.1}),
        replace(trials[1], ratings={"valence": 9.0}),
    ]
    found = extract_subject(rated, SIGNAL, ExtractionSettings())
    assert found.labels[0].tolist() == [0, 1]
    assert found.labels[1, 0] == 1
    assert np.isnan(found.labels[1, 1])
    assert np.isnan(found.music_labels).all()


def test_invalid_trials_and_settings_are_refused(trials: list[Trial]) -> None:
    short = [replace(t, eeg=t.eeg[:, : 128 * 5]) for t in trials]
    with pytest.raises(BciAffectError, match="too short"):
        extract_subject(short, SIGNAL, ExtractionSettings())
    with pytest.raises(BciAffectError, match="differ in rate"):
        extract_subject([trials[0], replace(trials[1], rate_hz=256)], SIGNAL, ExtractionSettings())
    with pytest.raises(BciAffectError, match="integer multiple"):
        extract_subject(trials, SIGNAL, ExtractionSettings(every_s=0.7))


def test_cache_is_used_keyed_and_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data = SimulatedDataset(SMALL)
    extracted: list[str] = []
    extract = extract_subject

    def counted(trials: list[Trial], *rest: object) -> object:
        extracted.append(trials[0].subject)
        return extract(trials, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(corpus_module, "extract_subject", counted)
    first = load_corpus(data, SIGNAL, cache=tmp_path)
    again = load_corpus(data, SIGNAL, cache=tmp_path)
    assert extracted == ["s01", "s02"]
    np.testing.assert_array_equal(first.features.bands, again.features.bands)

    load_corpus(data, SIGNAL, ExtractionSettings(threshold=4.0), cache=tmp_path)
    assert extracted == ["s01", "s02"] * 2  # another setting
    other = SimulatedDataset(SMALL.model_copy(update={"seed": 9}))
    load_corpus(other, SIGNAL, cache=tmp_path)
    assert extracted == ["s01", "s02"] * 3  # other data
    monkeypatch.setattr(corpus_module, "code_hash", lambda: "another version")
    load_corpus(data, SIGNAL, cache=tmp_path)
    assert extracted == ["s01", "s02"] * 4  # other code
    monkeypatch.undo()

    for path in tmp_path.glob("*.npz"):
        path.write_bytes(path.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        repaired = load_corpus(data, SIGNAL, cache=tmp_path)
    assert "damaged" in caplog.text
    np.testing.assert_array_equal(first.features.bands, repaired.features.bands)


def test_trials_are_numbered_per_subject_and_stimuli_across_subjects() -> None:
    data = SimulatedDataset(SMALL)
    people = {
        s: extract_subject(data.trials(s), SIGNAL, ExtractionSettings()) for s in data.subjects
    }
    found = build_corpus(people)
    features = found.features
    assert found.subjects == ("s01", "s02")
    assert len(set(features.trial)) == 8
    assert len(set(features.session)) == 2
    assert set(features.stimulus) == {0, 1, 2, 3}
    by_trial = {int(t): int(s) for t, s in zip(features.trial, features.subject, strict=True)}
    assert list(by_trial.values()) == [0] * 4 + [1] * 4
    # Every time of every track once, for all subjects together.
    assert len(found.catalogue) == 4 * 10
    assert len(np.unique(found.catalogue.embeddings, axis=0)) == 4 * 10


def test_other_montages_are_padded_and_masked() -> None:
    data = SimulatedDataset(SMALL)
    people = {
        s: extract_subject(data.trials(s), SIGNAL, ExtractionSettings()) for s in data.subjects
    }
    few = people["s02"]
    people["s02"] = replace(
        few,
        bands=few.bands[:, :, :8],
        mask=few.mask[:, :8],
        channels=few.channels[:8],
        positions=few.positions[:8],
    )
    features = build_corpus(people).features
    second = features.subject == 1
    assert features.positions.shape == (2, 32, 3)
    assert set(features.montage[second]) == {1}
    assert features.mask[second, :8].all()
    assert not features.mask[second, 8:].any()
    assert np.isfinite(features.bands).all()
