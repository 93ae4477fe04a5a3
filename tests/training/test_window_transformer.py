"""`WindowTransformer` alone, and in pipelines of scikit-learn, MNE, MOABB and braindecode."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

import bci_affect as ba

NAMES, RATE = ["C3", "C4", "O1"], 250.0
APPLIES = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)
"""Checks of scikit-learn that give no table of two dimensions to the estimator."""


@pytest.fixture(scope="module")
def eeg() -> tuple[np.ndarray, np.ndarray]:
    """Epochs in volts, half of them with alpha at O1."""
    x = np.random.default_rng(0).normal(0, 10e-6, (24, 3, 1000))
    y = np.arange(24) % 2
    x[y == 1, 2] += 20e-6 * np.sin(2 * np.pi * 10 * np.arange(1000) / RATE)
    return x, y


def epochs(x: np.ndarray, y: np.ndarray) -> mne.EpochsArray:
    events = np.stack([np.arange(len(y)) * 1000, np.zeros(len(y), int), y], axis=1)
    return mne.EpochsArray(x, mne.create_info(NAMES, RATE, "eeg"), events, verbose="error")


@pytest.mark.parametrize("name", APPLIES)
def test_checks_of_scikit_learn_that_apply(name: str) -> None:
    getattr(estimator_checks, name)("WindowTransformer", ba.WindowTransformer())


def test_the_page_lists_the_checks_and_the_exemptions() -> None:
    page = (Path(__file__).parents[2] / "docs/python.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(check_(?!split)\w+)`", page))
    assert listed == set(APPLIES)
    assert not ba.WindowTransformer().__sklearn_tags__().input_tags.two_d_array


def test_mne_epochs_and_arrays_give_the_same_features(eeg: tuple[np.ndarray, ...]) -> None:
    x, y = eeg
    of_array = ba.WindowTransformer(RATE, NAMES).fit_transform(x * 1e6)
    of_mne = ba.WindowTransformer().fit_transform(epochs(x, y))
    np.testing.assert_allclose(of_array, of_mne, atol=1e-5)
    assert of_mne.shape == (24, 15)


def test_an_epoch_gives_the_features_of_the_pipeline(eeg: tuple[np.ndarray, ...]) -> None:
    x = eeg[0][:2] * 1e6
    transformer = ba.WindowTransformer(RATE, NAMES, window_s=2.0, every_s=0.5, output="windows")
    windows = transformer.fit_transform(x)
    assert windows.shape == (2, 5, 4, 3, 5)
    signal = transformer._settings(1000, RATE)
    arrays = ba.features(x[1], RATE, NAMES, signal=signal)
    np.testing.assert_array_equal(windows[1, -1], arrays["bands"][-1 - (arrays["index"][-1] % 4)])


def test_epochs_do_not_depend_on_each_other(eeg: tuple[np.ndarray, ...]) -> None:
    x = eeg[0] * 1e6
    transformer = ba.WindowTransformer(RATE, NAMES).fit(x)
    alone = clone(transformer).fit(x[5:6]).transform(x[5:6])
    np.testing.assert_array_equal(transformer.transform(x)[5:6], alone)


@pytest.mark.parametrize("model", [LogisticRegression(), ba.AffectClassifier(epochs=1)])
def test_pipelines_find_a_real_difference(eeg: tuple[np.ndarray, ...], model: Any) -> None:
    x, y = eeg
    pipeline = make_pipeline(ba.WindowTransformer(RATE, NAMES), StandardScaler(), model)
    assert cross_val_score(pipeline, x * 1e6, y, cv=3).mean() > 0.85


def test_windows_go_into_the_classifier_with_positions(eeg: tuple[np.ndarray, ...]) -> None:
    x, y = eeg
    transformer = ba.WindowTransformer(RATE, NAMES, window_s=2.0, output="windows")
    windows = transformer.fit_transform(x * 1e6)
    model = ba.AffectClassifier(transformer.positions_, epochs=1).fit(windows, y)
    assert model.score(windows, y) > 0.7


def test_wrong_epochs_are_named(eeg: tuple[np.ndarray, ...]) -> None:
    x = eeg[0] * 1e6
    for arguments, data, message in (
        ((), x, "rate and channel names"),
        ((RATE, ["C3"]), x, "1 names"),
        ((RATE, NAMES), x[0], "must be"),
        ((RATE, NAMES), x[..., :100], "too short"),
        ((RATE, NAMES), np.where(x > 0, np.nan, x), "NaN"),
    ):
        with pytest.raises(ba.BciAffectError, match=message):
            ba.WindowTransformer(*arguments).fit(data)


@pytest.mark.filterwarnings("ignore")
def test_moabb_evaluates_our_pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moabb", reason="needs moabb (tested with 1.7.2)", exc_type=ImportError)
    from moabb.datasets.fake import FakeDataset
    from moabb.evaluations import WithinSessionEvaluation
    from moabb.paradigms import LeftRightImagery

    monkeypatch.setenv("MNE_DATA", str(tmp_path))
    monkeypatch.setenv("_MNE_FAKE_HOME_DIR", str(tmp_path))
    cap = ("C3", "Cz", "C4")
    data = FakeDataset(["left_hand", "right_hand"], 1, 1, 1, paradigm="imagery", channels=cap)
    windows = ba.WindowTransformer(128.0, list(cap), window_s=1.0)
    pipelines = {
        "logistic": make_pipeline(windows, StandardScaler(), LogisticRegression()),
        "affect": make_pipeline(windows, ba.AffectClassifier(epochs=1)),
    }
    evaluation = WithinSessionEvaluation(
        paradigm=LeftRightImagery(fmin=1, fmax=45),
        datasets=[data],
        overwrite=True,
        hdf5_path=str(tmp_path),
    )
    results = evaluation.process(pipelines)
    assert sorted(results["pipeline"]) == ["affect", "logistic"]
    assert results["score"].between(0.2, 0.8).all(), "the data set is noise"


@pytest.mark.filterwarnings("ignore")
def test_braindecode_data_sets_are_epochs(
    eeg: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "moabb" not in sys.modules:
        monkeypatch.setitem(sys.modules, "moabb", None)  # braindecode 0.8 needs an older one
    pytest.importorskip(
        "braindecode.datasets", reason="needs braindecode (tested with 0.8.1)", exc_type=ImportError
    )
    from braindecode.datasets import create_from_mne_epochs

    x, y = eeg
    data = create_from_mne_epochs([epochs(x, y)], 1000, 1000, False)
    got = ba.WindowTransformer().fit_transform(data)
    np.testing.assert_allclose(
        got, ba.WindowTransformer(RATE, NAMES).fit_transform(x * 1e6), atol=1e-4
    )
