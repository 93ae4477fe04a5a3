"""The leak checker finds each planted leak in arrays that this program did not produce.

The arrays come from NumPy and the splits from scikit-learn.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    train_test_split,
)
from typer.testing import CliRunner

import bci_affect as ba
from bci_affect.cli.app import app
from bci_affect.training import read_split
from bci_affect.training.splits import make_splits
from tests.training.synthetic import make_data

N_PEOPLE, N_TRIALS, N_WINDOWS = 12, 16, 5


class Study:
    """A sound study: own random order and labels per person, stimuli without an effect."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        shape = (N_PEOPLE, N_TRIALS, N_WINDOWS)
        person, trial, window = np.indices(shape).reshape(3, -1)
        order = np.stack([rng.permutation(N_TRIALS) for _ in range(N_PEOPLE)])
        balanced = np.arange(N_TRIALS) % 2
        label = np.stack([rng.permutation(balanced) for _ in range(N_PEOPLE)])
        self.columns: dict[str, Any] = {
            "labels": label[person, trial],
            "subjects": np.array([f"P{p:02d}" for p in person]),
            "trials": trial,
            "stimuli": order[person, trial],
            "times": 100.0 * trial + 2.0 * window,
        }
        self.person, self.trial = person, trial
        self.groups = person * N_TRIALS + trial
        self.features = rng.normal(size=(len(person), 6))

    def people_out(self) -> list[tuple[Any, Any]]:
        return list(LeaveOneGroupOut().split(self.trial, groups=self.person))

    def check(self, folds: Any, **more: Any) -> ba.LeakReport:
        return ba.check_split(folds, **{**self.columns, "window_s": 2.0, **more})


def kinds(report: ba.LeakReport, severity: str = "leak") -> set[str]:
    return {finding.kind for finding in report.findings if finding.severity == severity}


def baseline(report: ba.LeakReport, name: str) -> Any:
    return next(found for found in report.baselines if found.name == name)


@pytest.mark.parametrize("seed", range(4))
def test_a_sound_split_has_no_leak(seed: int) -> None:
    study = Study(seed)
    report = study.check(study.people_out(), new=["subject"], features=study.features)
    assert kinds(report) == set(), str(report)
    assert kinds(report, "caution") == {"stimulus"}, "all people heard the same music"
    assert report.chance == 0.5
    assert all(b.low <= 0.5 <= b.high or abs(b.balanced_accuracy - 0.5) < 0.1
               for b in report.baselines)  # fmt: skip


def test_windows_of_a_trial_in_both_parts() -> None:
    study = Study()
    folds = list(KFold(5, shuffle=True, random_state=0).split(study.features))
    report = study.check(folds)
    assert {"trial", "order"} <= kinds(report)
    assert baseline(report, "nearest in time").balanced_accuracy > 0.95
    shared = next(finding for finding in report.findings if finding.kind == "trial")
    assert shared.share > 0.9


def test_people_in_both_parts() -> None:
    study = Study()
    folds = list(GroupKFold(4).split(study.features, groups=study.groups))
    assert "subject" in kinds(study.check(folds), "caution")
    assert "subject" in kinds(study.check(folds, new=["subject"]))
    assert "trial" not in kinds(study.check(folds))


def test_stimuli_that_carry_the_label() -> None:
    study = Study()
    study.columns["labels"] = study.columns["stimuli"] % 2  # the label is the music's
    report = study.check(study.people_out(), new=["stimulus"])
    assert "stimulus" in kinds(report)
    assert baseline(report, "stimulus mean").balanced_accuracy == 1.0
    out = list(GroupKFold(4).split(study.features, groups=study.columns["stimuli"]))
    assert "stimulus" not in kinds(study.check(out, new=["stimulus"]))


def test_the_same_row_twice_and_copies_of_rows() -> None:
    study = Study()
    train, test = train_test_split(np.arange(len(study.person)), random_state=0)
    overlapping = [(np.append(train, test[:5]), test)]
    assert "row" in kinds(ba.check_split(overlapping))
    people = study.people_out()
    copied = study.features.copy()
    copied[people[0][1][:3]] = copied[people[0][0][:3]]
    report = study.check(people, features=copied)
    assert kinds(report) == {"duplicate"}


def test_windows_that_overlap_across_trials() -> None:
    study = Study()
    study.columns["times"] = 10.0 * study.trial + 2.0 * (np.arange(len(study.trial)) % N_WINDOWS)
    folds = list(GroupKFold(4).split(study.features, groups=study.groups))
    assert "overlap" not in kinds(study.check(folds, window_s=2.0))
    report = study.check(folds, window_s=4.0)
    assert "overlap" in kinds(report)


def test_an_order_that_is_alike_for_all_people() -> None:
    study = Study()
    study.columns["labels"] = (study.trial >= N_TRIALS // 2).astype(int)  # rest first, for all
    report = study.check(study.people_out())
    assert "order" in kinds(report)
    assert "blocks" in kinds(report, "caution")
    assert baseline(report, "place in the sitting").balanced_accuracy > 0.9
    assert baseline(report, "nearest in time").p == 1.0, "no sitting is in both parts"


def test_blocks_of_each_persons_own() -> None:
    study = Study()
    flip = study.person % 2
    study.columns["labels"] = ((study.trial >= N_TRIALS // 2) ^ flip).astype(int)
    folds = list(StratifiedKFold(4, shuffle=True, random_state=0).split(
        np.zeros(N_PEOPLE * N_TRIALS), study.columns["labels"][::N_WINDOWS]
    ))  # fmt: skip
    rows = np.arange(len(study.person)).reshape(-1, N_WINDOWS)
    report = study.check([(rows[a].ravel(), rows[b].ravel()) for a, b in folds])
    assert "order" in kinds(report)
    assert baseline(report, "nearest in time").balanced_accuracy > 0.85
    assert baseline(report, "place in the sitting").balanced_accuracy < 0.7
    assert "blocks" in kinds(report, "caution")


def test_people_with_classes_of_their_own() -> None:
    study = Study()
    rng = np.random.default_rng(1)
    share = np.where(study.person % 2, 0.9, 0.1)[::N_WINDOWS]
    study.columns["labels"] = np.repeat(rng.random(len(share)) < share, N_WINDOWS).astype(int)
    folds = list(GroupKFold(4).split(study.features, groups=study.groups))
    report = study.check(folds)
    assert baseline(report, "person mean").balanced_accuracy > 0.8
    assert "subject" in kinds(report, "caution")
    assert baseline(study.check(study.people_out()), "person mean").p > 0.05


def test_sessions_and_trials_are_numbered_within_their_person() -> None:
    study = Study()
    report = study.check(study.people_out(), sessions=np.zeros(len(study.person)))
    assert "session" in kinds(report, "ok")
    assert report.counts["trial"] == N_PEOPLE * N_TRIALS == report.n_trials


def test_several_classes_and_no_labels() -> None:
    study = Study()
    report = study.check(study.people_out(), labels=np.array(["a", "b", "c"])[study.trial % 3])
    assert report.chance == pytest.approx(1 / 3)
    bare = study.check(study.people_out(), labels=None)
    assert not bare.baselines
    assert any("no labels" in text for text in bare.unknown)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"folds": np.zeros(4)}, "both training and test"),
        ({"folds": np.arange(4), "labels": np.zeros(3)}, "different lengths"),
        ({"folds": np.arange(40), "labels": np.random.default_rng(0).random(40)}, "give classes"),
        ({"folds": np.arange(4), "new": ["music"]}, "no unit"),
        ({"folds": [([0, 1], [9])], "labels": np.zeros(4)}, "row 9"),
    ],
)
def test_wrong_input_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ba.BciAffectError, match=message):
        ba.check_split(**arguments)


class Outside(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v or "" for k, v in attrs if k in ("src", "href")]
        assert tag not in ("script", "link", "iframe")


def write_csv(path: Path, study: Study, **more: Any) -> None:
    names = {"labels": "felt", "subjects": "sub", "trials": "trial", "times": "time", **more}
    names = {key: name for key, name in names.items() if key in study.columns}
    rows = [";".join(names.values())]
    rows += [
        ";".join(map(str, row)) for row in zip(*(study.columns[k] for k in names), strict=True)
    ]
    path.write_text("\n".join(rows))


def test_the_command_reads_a_table_and_writes_a_page_for_a_reviewer(tmp_path: Path) -> None:
    study = Study()
    study.columns["folds"] = np.arange(len(study.person)) % 5
    table, page = tmp_path / "s.csv", tmp_path / "<b>.html"
    write_csv(table, study, folds="part")
    words = ["leak-check", str(table), "--column", "subject=sub", "--column", "label=felt"]
    words += ["--column", "fold=part", "--out", str(page), "--json", "--title", "<i>Mine</i>"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1, result.output
    document = json.loads(result.output)
    assert {f["kind"] for f in document["findings"] if f["severity"] == "leak"} >= {"trial"}
    text = page.read_text()
    outside = Outside()
    outside.feed(text)
    assert not outside.found
    assert "&lt;i&gt;Mine" in text
    assert "near copies" in text
    assert len(text) < 20_000


def test_columns_of_parts_and_arrays(tmp_path: Path) -> None:
    study = Study()
    parts = np.where(study.person < 8, "train", np.where(study.person < 10, "val", "test"))
    study.columns["part"] = parts
    table = tmp_path / "s.csv"
    write_csv(table, study, part="split")
    sound = ba.check_split(**read_split(table, {"subject": "sub"}), new=["subject"])
    assert not sound.leaks
    assert sound.n_folds == 1
    train, test = study.people_out()[0]
    arrays = tmp_path / "s.npz"
    np.savez(arrays, train_1=train, test_1=np.append(test, train[0]), trial=study.groups)
    assert kinds(ba.check_split(**read_split(arrays))) == {"row", "trial"}
    np.savez(arrays, trial=study.groups)
    with pytest.raises(ba.BciAffectError, match="needs a column 'fold'"):
        read_split(arrays)
    table.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(ba.BciAffectError, match="Cannot read"):
        read_split(table)


def test_the_splits_of_this_program_pass() -> None:
    features = make_data()
    splits = make_splits(features, "stimulus")
    report = ba.check_split(
        [(np.concatenate([s.train, s.validation]), s.test) for s in splits],
        subjects=features.subject,
        trials=features.trial,
        stimuli=features.stimulus,
        new=["stimulus"],
    )
    assert not report.leaks
    assert report.n_folds == 5
