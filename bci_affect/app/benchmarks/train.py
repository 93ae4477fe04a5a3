"""Speed of features and training, compared with the method of the paper's released code.

The reference is a plain reimplementation of that method, not its code: features by a zero-phase
filter per electrode and a short-time Fourier transform per electrode, window and second; training
by a DataLoader over single windows and an LSTM over electrodes (12 -> 128 -> 256, flattened, 1.5
million weights) in float32. Ours are `training.extract` (the live pipeline: causal, with quality,
artifacts and normalisation, eight windows a second) and `training.trainer`. Both alternate in the
same process, one thread each, and the best of the turns counts, so that other work on the machine
disturbs the ratio little. Seconds are processor time of the process; those of a model are for one
epoch, without building and scaling before the first. `paper_features` are the reference's own
features (four bands, 3 s, one window a second) by our pipeline.

The core-hours of a complete study on DEAP are extrapolated from one fold that is run in full: the
preset's epochs without an early stop, the linear start, validation on a fifth, and the test, scaled
from its number of windows to the 61,132 windows of 31 people, times 32 folds. Both targets are one
model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bci_affect.training import FeatureSet

_RATE_HZ = 128
_N_ELECTRODES = 32
_BANDS_HZ = ((4.0, 8.0), (8.0, 14.0), (14.0, 30.0), (30.0, 45.0))
_DEAP = {"people": 32, "trials": 34, "seconds": 60, "windows": 1972}  # per person: the last three


def run(quick: bool) -> dict[str, Any]:
    """Return seconds of features per subject, windows per second of training, and both ratios."""
    n_trials, seconds, turns = (1, 20, 2) if quick else (4, 60, 2)
    features = _compare(
        {
            "ours": _timed(lambda: _our_features(n_trials, seconds, "streaming")),
            "paper_features": _timed(lambda: _our_features(n_trials, seconds, "paper")),
            "reference": _timed(lambda: _reference_features(n_trials, seconds)),
        },
        turns,
    )
    scale = _DEAP["trials"] * _DEAP["seconds"] / (n_trials * seconds)
    made = {name: _windows(name, n_trials, seconds) for name in features}
    n_windows = 512 if quick else 2048
    steps = _compare(
        {
            "streaming": _training("streaming", n_windows, {}),
            "streaming_equal_width": _training(
                "streaming", n_windows, {"width": 128, "hidden": 128}
            ),
            "paper": _training("paper", n_windows, {"width": 128}),
            "reference": _reference_training(n_windows),
        },
        turns,
    )
    speed = {name: n_windows / spent for name, spent in steps.items()}
    people, windows = _DEAP["people"], _DEAP["windows"]
    begun = time.process_time()
    _fold(n_windows)
    fold_s = (time.process_time() - begun) * (people - 1) * windows / n_windows
    return {
        "features_s_per_subject": {name: scale * spent for name, spent in features.items()},
        "features_ms_per_window": {
            name: 1e3 * spent / made[name] for name, spent in features.items()
        },
        "features_times_faster_per_subject": features["reference"] / features["ours"],
        "features_times_faster_at_the_same_features": features["reference"]
        / features["paper_features"],
        "features_times_faster_per_window": (features["reference"] / made["reference"])
        / (features["ours"] / made["ours"]),
        "training_windows_per_s": speed,
        "training_times_faster": speed["streaming"] / speed["reference"],
        "training_times_faster_at_equal_width": speed["streaming_equal_width"] / speed["reference"],
        "deap_loso_core_hours": people * fold_s / 3600,
    }


def _compare(jobs: dict[str, Callable[[], float]], turns: int) -> dict[str, float]:
    """Run all jobs in turn, several times; return the least of the times that each returns."""
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(turns):
        for name, job in jobs.items():
            spent[name].append(job())
    return {name: min(times) for name, times in spent.items()}


def _timed(job: Callable[[], object]) -> Callable[[], float]:
    """Return a job that returns the processor time that it took."""

    def timed() -> float:
        begun = time.process_time()
        job()
        return time.process_time() - begun

    return timed


def _eeg(n_trials: int, seconds: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    shape = (n_trials, _N_ELECTRODES, seconds * _RATE_HZ)
    return (10 * rng.standard_normal(shape)).astype(np.float32)


def _windows(name: str, n_trials: int, seconds: int) -> int:
    """Count windows: one of 3 s a second (reference), eight of 6 s, two of 3 s (the presets)."""
    made = {
        "reference": seconds - 2,
        "ours": 8 * (seconds - 8),
        "paper_features": 2 * (seconds - 5),
    }
    return n_trials * made[name]


# --- features -------------------------------------------------------------------------------


def _our_features(n_trials: int, seconds: int, preset: str) -> object:
    from bci_affect.datasets import CHANNELS, Trial
    from bci_affect.eeg import make_montage
    from bci_affect.training import extract_subject, load_study

    montage = make_montage(CHANNELS)
    trials = [
        Trial(
            eeg=eeg,
            rate_hz=float(_RATE_HZ),
            montage=montage,
            subject="s01",
            session="1",
            stimulus=f"v{index}",
            ratings={"valence": 6.0, "arousal": 4.0},
            index=index,
        )
        for index, eeg in enumerate(_eeg(n_trials, seconds))
    ]
    settings = load_study(preset)
    return extract_subject(trials, settings.signal, settings.features)


def _reference_features(n_trials: int, seconds: int) -> object:
    from scipy import signal

    b, a = signal.butter(3, (4.0, 45.0), "bandpass", fs=_RATE_HZ)
    features = []
    for trial in _eeg(n_trials, seconds):
        cleaned = np.stack([signal.filtfilt(b, a, electrode) for electrode in trial])
        for start in range(seconds - 2):
            window = np.zeros((_N_ELECTRODES, 3 * len(_BANDS_HZ)))
            for electrode in range(_N_ELECTRODES):
                for second in range(3):
                    at = (start + second) * _RATE_HZ
                    part = cleaned[electrode, at : at + _RATE_HZ]
                    hz, _, spectrum = signal.stft(part, _RATE_HZ, nperseg=_RATE_HZ)
                    power = (np.abs(spectrum) ** 2).mean(axis=1)
                    for band, (low, high) in enumerate(_BANDS_HZ):
                        inside = (hz >= low) & (hz < high)
                        value = np.log(power[inside].mean())
                        window[electrode, second * len(_BANDS_HZ) + band] = value
            features.append(window)
    return np.stack(features)


# --- training -------------------------------------------------------------------------------


def _training(encoder: str, n_windows: int, shape: dict[str, int]) -> Callable[[], float]:
    """Return a job that trains two epochs the house's way, music branch and all, and times one."""
    from bci_affect.model import ModelSettings
    from bci_affect.training import ObjectiveSettings, TrainSettings, fit

    fixed = encoder == "paper"
    n_steps, n_bands = (3, 4) if fixed else (12, 5)
    model = ModelSettings(
        encoder=encoder,
        n_steps=n_steps,
        n_bands=n_bands,
        n_channels=_N_ELECTRODES if fixed else 0,
        **shape,
    )
    objective = ObjectiveSettings(contrastive=0.0, domain=0.1) if fixed else ObjectiveSettings()
    settings = TrainSettings(
        model=model, objective=objective, epochs=2, batch_size=128, linear_start=False
    )
    features = _random_windows(n_windows, n_steps, n_bands)

    def job() -> float:
        ends: list[float] = []
        fit(features, None, settings, seed=0, on_epoch=lambda _: ends.append(time.process_time()))
        return ends[1] - ends[0]

    return job


def _fold(n_windows: int) -> None:
    """Run one fold of the preset: four fifths train, one fifth validates and is then the test."""
    from bci_affect.training import fit, load_study, predict

    settings = load_study("streaming").train
    settings = settings.model_copy(update={"patience": settings.epochs})
    features = _random_windows(n_windows, settings.model.n_steps, settings.model.n_bands)
    rows = np.arange(n_windows)
    held = features.select(rows % 5 == 0)
    predict(fit(features.select(rows % 5 != 0), held, settings, seed=0).model, held)


def _random_windows(n: int, n_steps: int, n_bands: int) -> FeatureSet:
    from bci_affect.datasets import CHANNELS
    from bci_affect.eeg import make_montage
    from bci_affect.training import FeatureSet

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (n, 2)).astype(np.float32)
    numbers = np.arange(n, dtype=np.int64)
    return FeatureSet(
        bands=rng.standard_normal((n, n_steps, _N_ELECTRODES, n_bands)).astype(np.float32),
        mask=np.ones((n, _N_ELECTRODES), np.bool_),
        positions=make_montage(CHANNELS).positions[None],
        montage=np.zeros(n, np.int64),
        labels=labels,
        music=rng.standard_normal((n, 128)).astype(np.float32),
        music_labels=labels,
        trial=numbers // 58,
        subject=np.zeros(n, np.int64),
        session=np.zeros(n, np.int64),
        stimulus=numbers // 58 % 34,
        time_s=(numbers % 58).astype(np.float32),
    )


def _reference_training(n_windows: int) -> Callable[[], float]:
    """Return a job that trains one epoch of the EEG branch the reference's way and times it."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    class ReferenceBranch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(_N_ELECTRODES)
            self.first = nn.LSTM(12, 128, batch_first=True)
            self.second = nn.LSTM(128, 256, batch_first=True)
            self.project = nn.Linear(_N_ELECTRODES * 256, 128)
            self.head = nn.Linear(128, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            states, _ = self.second(self.first(self.norm(x))[0])
            logit: torch.Tensor = self.head(torch.relu(self.project(states.flatten(1))))
            return logit.squeeze(-1)

    rng = torch.Generator().manual_seed(0)
    data = TensorDataset(
        torch.randn(n_windows, _N_ELECTRODES, 12, generator=rng),
        torch.randint(0, 2, (n_windows,), generator=rng).float(),
    )

    def job() -> float:
        torch.set_num_threads(1)
        model = ReferenceBranch().train()
        optimiser = torch.optim.Adam(model.parameters(), 1e-4)
        begun = time.process_time()
        for x, y in DataLoader(data, batch_size=128, shuffle=True):
            loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return time.process_time() - begun

    return job
