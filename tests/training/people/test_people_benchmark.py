"""Benchmark of people on recordings with a known effect, without one, and with a planted order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_affect.eeg import CAPS
from bci_affect.errors import BciAffectError
from bci_affect.streams.header import build_header
from bci_affect.streams.xdf.writer import XdfWriter
from bci_affect.training.people.benchmark import benchmark_people, find_sets
from bci_affect.training.people.page import conclusion, people_table, write_people_page
from bci_affect.training.study_settings import StudyConfig, load_study

RATE, REST_S, TRIAL_S, GAP_S, TRIALS, PEOPLE = 128, 18, 9, 3, 6, 6
NAMES = CAPS["epoc"]
LABELS = """
[labels]
calm = { valence = 5, arousal = 2 }
busy = { valence = 5, arousal = 8 }
[rest]
markers = ["baseline"]
[trial]
seconds = 9
"""


def small(**dataset: object) -> StudyConfig:
    """The preset with two bands and three electrode sets: a fit takes a fraction of a second."""
    document = load_study("people").model_dump()
    document["signal"]["bands"] = {"alpha": (8.0, 12.0), "beta": (15.0, 25.0)}
    document["train"]["electrode_sets"] = 3
    document["train"]["model"]["n_bands"] = 2
    document["dataset"] |= dataset
    return StudyConfig.model_validate(document)


def write_people(root: Path, *, effect: float, calm_first: bool) -> Path:
    """Write people whose alpha falls by `effect` nats in busy trials; each has a mixing of theirs.

    Calm comes first for everyone, or states alternate, beginning with either.
    """
    n = len(NAMES)
    root.mkdir()
    (root / "LABELS.toml").write_text(LABELS)
    rng = np.random.default_rng(5)
    common = rng.normal(size=(n, n)) + 3 * np.eye(n)
    for person in range(PEOPLE):
        mixing = common + 0.4 * rng.normal(size=(n, n))
        seconds = REST_S + TRIALS * (TRIAL_S + GAP_S)
        marks, alpha = [(0.0, "baseline")], np.ones(seconds * RATE)
        for trial in range(TRIALS):
            busy = trial >= TRIALS // 2 if calm_first else (trial + person // 2) % 2 == 1
            start = REST_S + trial * (TRIAL_S + GAP_S)
            marks.append((float(start), "busy" if busy else "calm"))
            alpha[start * RATE : (start + TRIAL_S) * RATE] = np.exp(-effect * busy)
        time = np.arange(len(alpha)) / RATE
        sources = 2.0 * rng.normal(size=(len(alpha), n))
        rhythm = np.sin(2 * np.pi * (9.5 * time[:, None] + rng.random(n)))
        envelope = 1 + 0.3 * np.sin(2 * np.pi * (0.2 * time[:, None] + rng.random(n)))
        sources[:, n // 2 :] += (3 * rhythm * envelope * alpha[:, None])[:, n // 2 :]
        path = root / f"sub-{person:02d}" / f"sub-{person:02d}_ses-1_run-1_eeg.xdf"
        path.parent.mkdir()
        with XdfWriter(path) as writer:
            header = build_header("Amp", "EEG", NAMES, units=["microvolts"] * n, rate_hz=RATE)
            eeg = writer.add_stream(header)
            events = writer.add_stream(build_header("Task", "Markers", ["marker"], fmt="string"))
            writer.samples(eeg, (sources @ mixing.T).astype(np.float32), 100 + time)
            for at, text in marks:
                writer.texts(events, [(text,)], np.array([100 + at]))
    return root


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    write_people(root / "effort", effect=0.7, calm_first=True)
    write_people(root / "nothing", effect=0.0, calm_first=False)
    (root / "empty").mkdir()
    return benchmark_people(root, quick=True, config=small(), cache=root / "cache")


def rows_of(result, name: str) -> dict:
    (one,) = (one for one in result["sets"] if one["name"] == name)
    return {row["name"]: row for row in one["rows"]}


def mean(row) -> float:
    return row["balanced_accuracy"]["mean"]


def test_an_effect_is_found_in_people_held_out(result):
    rows = rows_of(result, "effort")
    assert mean(rows["all electrodes"]) > 0.85
    assert rows["all electrodes"]["p"] < 0.05
    assert mean(rows["8 electrodes (Cyton)"]) > 0.75
    assert mean(rows["5 electrodes fail after rest"]) > 0.75
    assert mean(rows["power minus rest"]) > 0.85
    assert mean(rows["tangent space, per band"]) > 0.75
    assert mean(rows["majority"]) == 0.5
    assert 0.2 < mean(rows["permuted labels"]) < 0.8


def test_nothing_is_found_where_there_is_nothing(result):
    rows = rows_of(result, "nothing")
    for name in ("all electrodes", "power minus rest", "tangent space, per band"):
        assert 0.2 < mean(rows[name]) < 0.8
        assert rows[name]["p"] > 0.05
    (one,) = (one for one in result["sets"] if one["name"] == "nothing")
    assert any("not above chance" in sentence for sentence in conclusion(one, "arousal"))


def test_an_order_that_tells_the_label_is_reported(result):
    for name, tells in (("effort", True), ("nothing", False)):
        (one,) = (one for one in result["sets"] if one["name"] == name)
        sentences = conclusion(one, "arousal")
        assert (
            any("place of a trial in the sitting reveals" in sentence for sentence in sentences)
            == tells
        )
    assert mean(rows_of(result, "effort")["place in the sitting, no EEG"]) == 1.0


def test_the_document_and_its_files(result, tmp_path: Path):
    assert [one["name"] for one in result["sets"]] == ["effort", "nothing"], "controls come first"
    assert set(result) == {
        "format", "code", "preset", "seeds", "folds", "quick", "chance", "sets",
    }  # fmt: skip
    first = result["sets"][0]
    assert (first["people"], first["trials"], first["electrodes"]) == (PEOPLE, PEOPLE * TRIALS, 14)
    assert first["targets"] == ["arousal"]
    assert set(first["not_asked"]) == {"valence"}
    for row in first["rows"]:
        assert set(row) == {
            *("target", "group", "name", "condition", "people", "trials", "balanced_accuracy"),
            *("auc", "auc_pooled", "p", "seeds", "by_person"),
        }
        assert set(row["balanced_accuracy"]) == {"mean", "low", "high", "n", "level"}
    page, figure, table, document = write_people_page(result, tmp_path / "people.html")
    assert json.loads(document.read_text())["sets"][1]["name"] == "nothing"
    text = page.read_text()
    assert "<svg" in text
    assert "https://" not in text.replace("https://matplotlib.org/", "")
    assert figure.read_text().startswith("<svg")
    assert table.read_text() == people_table(result)
    assert "| effort, arousal: 6 people, 36 trials | all electrodes |" in people_table(result)


def test_every_condition_and_ablation(tmp_path: Path):
    """Sittings, drift and the encoder without its parts, on one data set with an effect."""
    root = write_people(tmp_path / "effort", effect=0.6, calm_first=True)
    config = small(subjects=tuple(f"{number:02d}" for number in range(4)))
    found = benchmark_people(root, seeds=1, config=config, cache=tmp_path / "cache")
    rows = rows_of(found, "effort")
    for name in ("each state a sitting of its own", "gain drifts by 3 dB"):
        assert mean(rows[name]) > 0.7
        assert rows[name]["trials"] == 4 * TRIALS
    assert (
        rows["each state a sitting of its own"]["by_person"] == rows["all electrodes"]["by_person"]
    )
    without = {name: row for name, row in rows.items() if row["group"] == "ablation"}
    assert {name.split(",")[0] for name in without} >= {
        "without covariance",
        "without power",
        "without paired fit",
        "without electrode dropout",
        "without thresholds by size",
        "without calibration to rest",
        "without rest reference (first half minute instead)",
    }
    for row in without.values():
        assert -1 <= row["difference"]["mean"] <= 1


def test_mistakes_are_one_sentence(tmp_path: Path):
    with pytest.raises(BciAffectError, match="is no folder"):
        find_sets(tmp_path / "absent")
    (tmp_path / "photos").mkdir()
    with pytest.raises(BciAffectError, match="holds no recordings"):
        find_sets(tmp_path)
    root = write_people(tmp_path / "one", effect=0.0, calm_first=True)
    (root / "LABELS.toml").write_text(LABELS.replace("arousal = 8", "arousal = 2"))
    with pytest.raises(BciAffectError, match="too few people have trials with high"):
        benchmark_people(
            root, quick=True, config=small(subjects=("00", "01")), cache=tmp_path / "cache"
        )


def test_people_of_a_real_set(shared_data: Path, tmp_path: Path):
    root = shared_data / "people" / "effort"
    if not root.is_dir():
        pytest.skip("needs ../shared/data/people/effort, which is absent")
    config = small(subjects=("00", "02", "04", "06"))
    found = benchmark_people(root, quick=True, config=config, cache=tmp_path)
    rows = rows_of(found, "effort")
    assert rows["all electrodes"]["trials"] == 32
    assert mean(rows["place in the sitting, no EEG"]) == 1.0
