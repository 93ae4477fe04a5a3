"""Conditions of the benchmark of people: sittings, drifting gain, electrodes and references."""

from __future__ import annotations

import numpy as np

from bci_affect.eeg import CAPS, make_montage
from bci_affect.training.corpus import Corpus, build_catalogue
from bci_affect.training.people.conditions import (
    central_electrodes,
    failing_electrodes,
    headset_electrodes,
    permute_labels,
    with_bands,
    with_drifting_gain,
    with_own_sittings,
    with_start_as_rest,
)
from bci_affect.training.person import unpack
from tests.training.test_person_fit import people

TEN_TWENTY = (
    "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz",
    "P4", "P8", "O1", "O2",
)  # fmt: skip
CAP = make_montage(TEN_TWENTY)


def corpus(n_people: int) -> Corpus:
    """People of `test_person_fit`, twelve trials each, as a corpus of one session a person."""
    features = people(n_people, seed=0)
    names = tuple(f"p{i}" for i in range(n_people))
    n_trials = len(features)
    return Corpus(
        features,
        build_catalogue(features),
        names,
        tuple((name, "1") for name in names),
        (),
        (CAPS["epoc"],),
        np.arange(n_trials, dtype=np.float32)[:, None, None] * np.ones((14, 14), np.float32),
        np.zeros((n_people, 2), np.float32),
        np.ones((n_people, 2), np.float32),
    )


def test_each_state_is_a_session_in_an_order_of_each_persons_own() -> None:
    base = corpus(6)
    begins_high = set()
    for seed in range(3):
        own = with_own_sittings(base, seed)
        features, before = own.features, base.features
        assert features.person is not None
        assert before.person is not None
        assert (np.diff(features.trial) >= 0).all()
        assert len(own.sessions) == 12
        for subject in range(6):
            rows = np.flatnonzero(features.subject == subject)
            high = features.labels[rows, 1]
            assert len(np.unique(features.session[rows])) == 2
            for session in np.unique(features.session[rows]):
                assert len(np.unique(high[features.session[rows] == session])) == 1
                assert own.sessions[session][0] == own.subjects[subject]
            begins_high.add((subject, bool(high[0])))
        # Every trial keeps its windows and its covariance.
        for row in range(len(features)):
            was = int(own.covariance[features.trial[row], 0, 0])
            np.testing.assert_array_equal(features.person.sums[row], before.person.sums[was])
            assert features.labels[row, 1] == before.labels[was, 1]
    assert len(begins_high) > 6, "orders differ between people and seeds"


def test_gain_walks_from_rest_into_the_trials() -> None:
    base = corpus(40)
    before = base.features.person
    after = with_drifting_gain(base, base.features, 3.0, seed=0).person
    assert before is not None
    assert after is not None

    def db(new: np.ndarray, old: np.ndarray) -> np.ndarray:
        ratio = np.diagonal(unpack(new / old)[:, 0], axis1=1, axis2=2)
        return 10 * np.log10(ratio)  # (n_windows, n_channels)

    trials = db(after.sums, before.sums).reshape(40, 12, 14)
    rest = np.stack([db(new, old) for new, old in
                     zip(after.rest_sums, before.rest_sums, strict=True)])  # fmt: skip
    assert 2.7 < trials.std() < 3.3
    assert 2.7 < rest.std() < 3.3
    np.testing.assert_allclose(rest[:, 0], rest[:, 4], atol=1e-4)
    for one, other in ((rest[:, 0], rest[:, 5]), (rest[:, 7], trials[:, 0])):
        assert 0.7 < np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.9
    assert abs(np.corrcoef(trials[:, 0].ravel(), trials[:, 11].ravel())[0, 1]) < 0.25


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
