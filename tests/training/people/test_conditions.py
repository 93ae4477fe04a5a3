"""Conditions of the benchmark of people: sittings, drifting gain, electrodes and references."""

from __future__ import annotations

import numpy as np

from bci_affect.datasets import Trial
from bci_affect.eeg import CAPS, make_montage
from bci_affect.training.people.conditions import (
    DriftingGain,
    OwnSittings,
    central_electrodes,
    failing_electrodes,
    headset_electrodes,
    permute_labels,
    with_bands,
    with_start_as_rest,
)
from tests.training.test_person_fit import people

TEN_TWENTY = (
    "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz",
    "P4", "P8", "O1", "O2",
)  # fmt: skip
CAP = make_montage(TEN_TWENTY)
N_TRIALS = 8


class Recorded:
    """Three people with eight trials of ones, low first, after a rest of 40 s."""

    name = "recorded"
    simulated = False
    subjects = ("a", "b", "c")

    def content_key(self, subject: str) -> str:
        return subject

    def trials(self, subject: str) -> list[Trial]:
        return [
            self._trial(subject, 10, 2.0 + 6 * (i >= N_TRIALS // 2), i) for i in range(N_TRIALS)
        ]

    def rests(self, subject: str) -> list[Trial]:
        return [self._trial(subject, 40, 5.0, 0)]

    def _trial(self, subject: str, seconds: int, arousal: float, index: int) -> Trial:
        eeg = np.ones((len(CAP), seconds * 10), np.float32)
        return Trial(eeg, 10.0, CAP, subject, "one", "", ratings={"arousal": arousal}, index=index)


def test_each_state_is_a_session_in_an_order_of_each_persons_own() -> None:
    orders = set()
    for seed in range(4):
        changed = OwnSittings(Recorded(), 5.0, seed)
        for subject in changed.subjects:
            trials = changed.trials(subject)
            assert [trial.index for trial in trials] == list(range(N_TRIALS))
            by_session: dict[str, set[float]] = {}
            for trial in trials:
                by_session.setdefault(trial.session, set()).add(trial.ratings["arousal"])
            assert sorted(map(len, by_session.values())) == [1, 1]
            orders.add((subject, trials[0].ratings["arousal"]))
            again = [trial.session for trial in OwnSittings(Recorded(), 5.0, seed).trials(subject)]
            assert again == [trial.session for trial in trials]
    assert len(orders) == 6, "both orders occur in every person"
    keys = {OwnSittings(Recorded(), 5.0, seed).content_key("a") for seed in range(3)}
    assert len(keys | {"a"}) == 4


def test_gain_walks_from_rest_into_the_trials() -> None:
    walks = []
    for seed in range(30):
        changed = DriftingGain(Recorded(), 3.0, seed)
        (rest,) = changed.rests("a")
        gain = [rest.eeg[:, at] for at in (0, 150, 300)]
        gain += [trial.eeg[:, 0] for trial in changed.trials("a")]
        assert all((trial.eeg == trial.eeg[:, :1]).all() for trial in changed.trials("a"))
        walks.append(20 * np.log10(gain))
    db = np.array(walks)  # (n_seeds, n_steps, n_channels)
    assert 2.7 < db.std() < 3.3
    assert abs(db.mean()) < 0.3
    steps = np.corrcoef(db[:, 2].ravel(), db[:, 3].ravel())[0, 1]
    assert 0.7 < steps < 0.9, "the last step of rest and the first trial adjoin"


def test_electrodes_of_headsets_are_the_nearest_ones() -> None:
    for cap in ("epoc", "cyton", "muse"):
        chosen = headset_electrodes(CAP.positions, cap)
        assert chosen is not None
        assert chosen.sum() == len(CAPS[cap])
    cyton = headset_electrodes(CAP.positions, "cyton")
    assert {TEN_TWENTY[i] for i in np.flatnonzero(cyton)} == set(CAPS["cyton"])
    assert headset_electrodes(make_montage(CAPS["muse"]).positions, "muse") is None
    assert headset_electrodes(make_montage(CAPS["cyton"]).positions, "epoc") is None


def test_central_and_failing_electrodes() -> None:
    central = central_electrodes(TEN_TWENTY, 20)
    assert central is not None
    assert [TEN_TWENTY[i] for i in np.flatnonzero(central)] == [
        "C3", "Cz", "C4", "P7", "P3", "Pz", "P4", "P8", "O1", "O2",
    ]  # fmt: skip
    assert central_electrodes(CAPS["muse"], 4) is None
    one = failing_electrodes("a", 19, 0)
    assert one.sum() == 14
    assert (one == failing_electrodes("a", 19, 0)).all()
    assert (one != failing_electrodes("b", 19, 0)).any()


def test_bands_rest_and_labels_of_windows() -> None:
    features = people(3, seed=0)
    assert features.person is not None
    fewer = with_bands(features, [1])
    assert fewer.bands.shape[-1] == 1
    assert fewer.person is not None
    np.testing.assert_array_equal(fewer.person.sums[:, 0], features.person.sums[:, 1])
    start = with_start_as_rest(features)
    assert start.person is not None
    for subject in range(3):
        first = np.flatnonzero(features.subject == subject)[:8]
        np.testing.assert_array_equal(start.person.rest_sums[subject], features.person.sums[first])
    shuffled = permute_labels(features, seed=0)
    for subject in range(3):
        own = features.subject == subject
        assert shuffled.labels[own, 1].sum() == features.labels[own, 1].sum()
    assert (shuffled.labels[:, 1] != features.labels[:, 1]).any()
