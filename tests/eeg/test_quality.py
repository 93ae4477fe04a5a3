"""Planted faults are found at their electrode and nowhere else; artifacts hold the state."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.app.benchmarks import signal_faults
from bci_affect.config import QualitySettings, SignalSettings, load_toml
from bci_affect.eeg import Chunk, Pipeline, State, make_montage
from bci_affect.eeg.quality import Fault, Quality
from bci_affect.errors import BciAffectError
from bci_affect.resources import shipped
from tests.eeg.signals import CAP_8, SHORT, pink, run, times_of


@pytest.mark.parametrize("fault", list(signal_faults.FAULTS))
def test_a_planted_fault_takes_its_electrode_out_and_no_other(fault):
    got = signal_faults.run_faults(1, only=(fault,))[fault]
    assert got["recall"] > 0.95
    assert got["named_rightly"] > 0.9
    assert got["false_alarms"] < 0.01
    assert got["reaction_s"] <= 5.0


def test_blinks_and_clenches_are_found_and_nothing_else_is():
    got = signal_faults.run_artifacts(1, 90.0)
    for word in ("blink", "jaw clench"):
        assert got[word]["events"] >= 3
        assert got[word]["recall"] >= 0.75
        assert got[word]["false_hops_per_minute"] <= 2


def test_movement_of_all_electrodes_is_an_artifact_and_blames_no_electrode():
    eeg = pink(1, 8, 5000)
    swing = np.float32(400 * np.sin(np.arange(250) / 20))
    eeg[:, 3000:3250] += np.array([1, -1, 0.8, -1.2, 1, -1, 1.3, -0.7], np.float32)[:, None] * swing
    windows = run(eeg, 250.0, names=CAP_8)
    during = [w for w in windows if 112.3 < w.time < 113.0]
    assert all(w.state is State.ARTIFACT and "movement" in w.reasons for w in during)
    assert all(w.mask.all() for w in windows)
    assert windows[-1].state is State.OK


def test_artifacts_can_be_switched_off():
    eeg = pink(1, 8, 5000)
    eeg[:, 3000:3250] += np.float32(400 * np.sin(np.arange(250) / 20))
    off = SHORT.model_copy(
        update={"artifacts": SHORT.artifacts.model_copy(update={"enabled": False})}
    )
    states = {w.state for w in run(eeg, 250.0, names=CAP_8, settings=off)}
    assert states == {State.WARMING, State.OK}


def test_all_channels_bad_is_said_and_not_guessed():
    windows = run(np.full((8, 3000), 7.0, np.float32), 250.0, names=CAP_8)
    assert windows[-1].state is State.ARTIFACT
    assert windows[-1].reasons[0] == "no usable electrode"
    assert "Fp1: flat" in windows[-1].reasons
    assert windows[-1].quality.max() < 0.1


def test_unplaced_electrodes_are_masked_with_a_message():
    montage = make_montage(["Ch1", "Ch2"])
    pipeline = Pipeline(SHORT, 250.0, montage)
    windows = pipeline.push(Chunk(pink(2, 2, 2000), times_of(2000, 250.0)))
    assert windows[-1].state is State.ARTIFACT
    assert "Ch1, Ch2" in pipeline.messages[0]


def test_a_channel_taken_out_by_hand_stays_out_until_given_back():
    pipeline = Pipeline(SHORT, 250.0, make_montage(CAP_8))
    eeg, times = pink(3, 8, 3000), times_of(3000, 250.0)
    pipeline.push(Chunk(eeg[:, :2000], times[:2000]))
    pipeline.set_bad("C3")
    out = pipeline.push(Chunk(eeg[:, 2000:2500], times[2000:2500]))
    pipeline.set_bad("C3", False)
    back = pipeline.push(Chunk(eeg[:, 2500:], times[2500:]))
    assert not any(w.mask[2] for w in out)
    assert "C3: taken out by hand" in out[0].reasons
    assert out[0].state is State.OK
    assert all(w.mask[2] for w in back)
    with pytest.raises(BciAffectError, match="no EEG channel 'Nose'"):
        pipeline.set_bad("Nose")


def test_a_vote_needs_time_both_ways():
    judge = Quality(QualitySettings(vote_s=4.0), make_montage(CAP_8), 0.5)
    eeg = iter(np.split(pink(4, 8, 46 * 125).T.astype(np.float64), 46))

    def tick(dead: bool) -> bool:
        x = next(eeg).copy()
        if dead:
            x[:, 0] = 0.0
        size = np.sqrt((x**2).mean(axis=0))
        judge.update(x, x, x, size, 0.1 * size, artifact=False)
        return bool(judge.good[0])

    out = [tick(True) for _ in range(16)]
    assert out[0]
    assert not out[-1]
    assert judge.reasons()["Fp1"][0] == "flat"
    back = [tick(False) for _ in range(30)]
    assert not back[0]
    assert back[-1]
    assert judge.votes[Fault.FLAT, 1:].max() == 0


@pytest.mark.parametrize("name", ["signal-dry", "signal-wet"])
def test_presets_are_valid(name):
    preset = load_toml(shipped(f"configs/{name}.toml"), SignalSettings)
    if name == "signal-wet":
        assert preset == SignalSettings()
    else:
        assert preset.quality.max_uv > SignalSettings().quality.max_uv
        assert preset.bands == SignalSettings().bands
