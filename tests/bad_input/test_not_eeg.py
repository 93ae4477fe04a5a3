"""Signals that are not EEG give no confident estimate; real EEG is not mistaken for one of them."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bci_affect.affect import AffectPath, Personalisation, PersonalModel
from bci_affect.config import SignalSettings
from bci_affect.eeg import Chunk, Pipeline, State, make_montage
from bci_affect.model import Predictor
from bci_affect.session import load_predictor
from bci_affect.streams import XdfSource, XdfWriter, build_header, read_to_end
from benchmarks.not_eeg import NEW, PAGE, WORDS, judge, summarise
from benchmarks.other_signals import MONTAGES, RATE_HZ, SIGNALS, Site, make_signal
from tests.cli.inside import run_inside
from tests.streams.lsl.live import end, opened, spawn

CONFIDENT = 0.1
HALF_GOOD = {"EEG, half of the channels dead", "EEG, half of the channels white noise"}
RECORDINGS = (
    "recordings/openbci_cyton.xdf",
    "people/dasps/sub-S12/ses-1/eeg/sub-S12_ses-1_task-dasps_run-001_eeg.xdf",
    "people/effort/sub-00/ses-1/eeg/sub-00_ses-1_task-effort_run-001_eeg.xdf",
    "people/eyes/sub-M26/ses-1/eeg/sub-M26_ses-1_task-eyes_run-002_eeg.xdf",
    "people/sequence/sub-30/ses-1/eeg/sub-30_ses-1_task-sequence_run-001_eeg.xdf",
)
"""Those nearest to the bounds."""


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return load_predictor(None)


@pytest.fixture(scope="module")
def calibrated(predictor: Predictor) -> Personalisation:
    """Return a listener whose estimates are as certain as a profile can make them."""
    population = PersonalModel.population(predictor.space)
    weights = np.full(predictor.space, 0.5)
    certain = replace(population.valence, gain=4.0, weights=weights, live_gain=2.0, conformal=0.4)
    certain = replace(certain, informative=True)
    personal = replace(population, valence=certain, arousal=certain, n_clips=24)
    return Personalisation(replace(personal, created=time.time()))


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.filterwarnings("ignore:.*encountered in cast")
def test_no_other_signal_gives_a_confident_estimate(name: str, predictor: Predictor) -> None:
    names = MONTAGES["4"]
    verdict = judge(make_signal(name, names, 20.0), names, predictor)
    assert verdict.reason
    assert verdict.confidence < CONFIDENT
    assert name in HALF_GOOD or verdict.readings < CONFIDENT


@pytest.mark.parametrize("name", list(SIGNALS)[5::6])
def test_a_certain_profile_gives_no_confidence_either(
    name: str, predictor: Predictor, calibrated: Personalisation
) -> None:
    names = MONTAGES["8"]
    eeg = Site(names, round(20 * RATE_HZ), np.random.default_rng(1)).eeg()
    assert judge(eeg, names, predictor, calibrated).confidence > 0.5
    verdict = judge(make_signal(name, names, 20.0), names, predictor, calibrated)
    assert verdict.reason
    assert verdict.confidence < CONFIDENT


def test_eeg_is_not_taken_for_another_signal(predictor: Predictor) -> None:
    for names in MONTAGES.values():
        eeg = Site(names, round(24 * RATE_HZ), np.random.default_rng(1)).eeg()
        verdict = judge(eeg, names, predictor)
        assert verdict.reason == ""
        assert verdict.readings == 1.0


@pytest.mark.parametrize("place", RECORDINGS)
def test_real_eeg_is_not_taken_for_another_signal(shared_data: Path, place: str) -> None:
    source = XdfSource(shared_data / place, offline=True)
    info = source.open(0.0)
    pipeline = Pipeline(SignalSettings(), info.rate_hz, info.montage)
    windows = [w for chunk in islice(read_to_end(source), 100) for w in pipeline.push(chunk)]
    said = {reason for window in windows for reason in window.reasons}
    words = "|".join(re.escape(WORDS[fault]) for fault in NEW)
    assert not [reason for reason in said if re.search(words, reason)]
    assert np.mean([window.state is State.OK for window in windows]) > 0.1


def test_a_bridge_that_forms_during_the_session_is_found() -> None:
    names = MONTAGES["8"]
    eeg = Site(names, round(70 * RATE_HZ), np.random.default_rng(1)).eeg()
    eeg[1, round(30 * RATE_HZ) :] = eeg[0, round(30 * RATE_HZ) :]
    pipeline = Pipeline(SignalSettings(), RATE_HZ, make_montage(names))
    windows = pipeline.push(Chunk(eeg.astype(np.float32), np.arange(eeg.shape[1]) / RATE_HZ))
    assert all(window.mask.all() for window in windows if window.time < 30)
    assert windows[-1].mask.tolist() == [False, False, *[True] * 6]
    assert pipeline.quality_reasons["Fp1"] == ("same signal as another electrode",)
    out = next(window.time for window in windows if not window.mask.all())
    assert out - 30 < 30


def test_trigger_codes_under_an_electrode_s_name_are_excluded() -> None:
    names = MONTAGES["8"]
    eeg = Site(names, round(24 * RATE_HZ), np.random.default_rng(1)).eeg()
    eeg[2] = 0.0
    for i in range(8):
        at = round((2 + 2 * i) * RATE_HZ)
        eeg[2, at : at + 20] = 1 + i % 2
    pipeline = Pipeline(SignalSettings(), RATE_HZ, make_montage(names))
    windows = pipeline.push(Chunk(eeg.astype(np.float32), np.arange(eeg.shape[1]) / RATE_HZ))
    judged = [window for window in windows if window.state is not State.WARMING]
    assert judged
    assert all(window.mask.tolist() == [i != 2 for i in range(8)] for window in judged)


def test_a_reversed_and_two_swapped_electrodes_of_a_cap_are_found() -> None:
    names = MONTAGES["32"]
    eeg = Site(names, round(24 * RATE_HZ), np.random.default_rng(1)).eeg()
    eeg[3] *= -1
    eeg[[0, -1]] = eeg[[-1, 0]]
    pipeline = Pipeline(SignalSettings(), RATE_HZ, make_montage(names))
    pipeline.push(Chunk(eeg.astype(np.float32), np.arange(eeg.shape[1]) / RATE_HZ))
    assert pipeline.quality_reasons == {
        names[0]: ("unlike its neighbours",),
        names[3]: ("polarity reversed",),
        names[-1]: ("unlike its neighbours",),
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("white noise, 10 uV", "only noise"),
        ("one EEG channel copied to all", "same signal as another electrode"),
        ("no finite value", "no sample has a finite value"),
    ],
)
def test_a_file_of_another_signal_gives_no_reading_and_the_reason(
    tmp_path: Path, name: str, reason: str
) -> None:
    names = MONTAGES["4"]
    path = tmp_path / "other.xdf"
    samples = make_signal(name, names, 20.0).T.astype(np.float32)
    with XdfWriter(path) as writer:
        header = build_header("Cap", "EEG", names, rate_hz=RATE_HZ, units=["microvolts"] * 4)
        stream = writer.add_stream(header)
        writer.samples(stream, samples, 5 + np.arange(len(samples)) / RATE_HZ)
    done = run_inside("process", str(path), "--out", str(tmp_path / "e.csv"))
    assert done.returncode == 1
    assert reason in done.stderr
    assert run_inside("inspect", str(path)).returncode == 0


def test_other_signals_over_lsl_give_no_confident_estimate(predictor: Predictor) -> None:
    names = MONTAGES["4"]
    signals = ("pink noise, independent per channel", "sine, 10 Hz", "50 Hz hum, 20 uV")
    process = spawn("tests.bad_input.signal_publisher", *signals)
    try:
        readers = {name: opened(name) for name in signals}
        time.sleep(12.0)
    finally:
        for reader in readers.values():
            reader.finish()
        end(process)
    for name, reader in readers.items():
        path = AffectPath(predictor, RATE_HZ, make_montage(names))
        steps = [step for chunk in reader.chunks for step in path.push(chunk)]
        assert len(steps) > 80, name
        verdict = summarise(steps, path.pipeline.warm_up_s)
        assert verdict.reason, name
        assert verdict.confidence < CONFIDENT, name


def test_the_page_lists_every_signal() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| {name} |" in page for name in SIGNALS)
