"""Studies: resuming, independence of the executor, and validation before training."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.datasets.simulated import SimulationSettings, write_deap
from bci_affect.errors import BciAffectError
from bci_affect.model import load_model
from bci_affect.training import study as studies
from bci_affect.training.report import write_report
from bci_affect.training.study import open_study, prepare_study, reevaluate, run_study
from bci_affect.training.study_settings import StudyConfig

TOML = """
[signal]
line_hz = "off"
[signal.window]
window_s = 3.0
step_s = 1.0
hop_s = 1.0
[signal.bands]
alpha = [8, 13]
beta = [13, 30]
[train]
epochs = 2
batch_size = 64
[train.model]
width = 8
space = 4
[study]
folds = 3
cotrain = true
cotrain_folds = 2
permutations = 20
baselines = false
"""
VARIANTS = {"full": {}, "no-music": {"objective": {"contrastive": 0, "emotion_music": 0}}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_deap(folder, SimulationSettings(subjects=3, trials=6, seconds=8, effect=2))
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    from bci_affect.training.study_settings import load_study

    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(TOML)
    return load_study(path)


@pytest.fixture(scope="module")
def serial(
    data: Path, cache: Path, config: StudyConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the folder of a study run in this process without interruption."""
    out = tmp_path_factory.mktemp("runs") / "serial"
    run_study(prepare_study(config, data, out, cache=cache))
    return out


def test_content_of_the_run_folder(serial: Path) -> None:
    metrics = json.loads((serial / "metrics.json").read_text())
    assert set(metrics["results"]["streaming"]) == {"pretrain", "cotrain"}
    config = json.loads((serial / "config.json").read_text())
    assert config["study"]["validation"] == 0.2  # a default, written out
    study = json.loads((serial / "study.json").read_text())
    assert set(study) >= {"data_key", "git_revision", "versions"}
    history = [json.loads(line) for line in (serial / "history.jsonl").read_text().splitlines()]
    assert {entry["phase"] for entry in history} == {"pretrain", "cotrain"}
    assert all(np.isfinite(entry["train"]["total"]) for entry in history)


def test_every_subject_is_tested_by_models_trained_on_others(
    serial: Path, data: Path, cache: Path
) -> None:
    study = open_study(serial, data, cache=cache)
    features = study.corpus.features
    tested = []
    for task in study.tasks:
        phases = study.folder.read_fold(task.key)
        rows = phases["pretrain"].rows
        tested.append(rows)
        seen = np.concatenate([task.split.train, task.split.validation])
        assert not set(features.subject[rows]) & set(features.subject[seen])
        # Co-training also tests each of the subject's trials once.
        assert sorted(phases["cotrain"].rows) == sorted(rows)
    assert sorted(np.concatenate(tested)) == list(range(len(features)))


def test_calibration_error_is_also_that_of_all_people_together(serial: Path) -> None:
    results = json.loads((serial / "metrics.json").read_text())["results"]["streaming"]["cotrain"]
    of_people = results["valence"]["trial"]["ece"]["mean"]  # of six trials each: biased upwards
    assert 0 <= results["pooled_ece"]["valence"] < of_people


def test_final_model_and_its_card(serial: Path) -> None:
    model, card = load_model(serial / "model.safetensors")
    assert card.simulated
    assert list(card.bands) == ["alpha", "beta"]
    assert (card.window_s, card.step_s) == (3.0, 1.0)
    assert len(card.prior_mean) == 2
    assert all(sd > 0 for sd in card.prior_sd)
    assert model.settings.n_steps == 3
    assert card.metrics["pretrain"]["valence"]["trial"]["balanced_accuracy"]["n"] == 3


def test_reevaluation_gives_the_same_bytes(serial: Path, data: Path, cache: Path) -> None:
    before = (serial / "metrics.json").read_bytes()
    reevaluate(serial, data, cache=cache)
    assert (serial / "metrics.json").read_bytes() == before


@pytest.mark.timeout(300)
def test_two_processes_give_the_same_metrics(
    serial: Path, data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    run_study(prepare_study(config, data, tmp_path / "joblib", cache=cache), n_jobs=2)
    finished = prepare_study(config, data, tmp_path / "joblib", cache=cache)
    run_study(finished, n_jobs=2)  # no fold is run again
    assert (tmp_path / "joblib/metrics.json").read_bytes() == (serial / "metrics.json").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(300)  # each worker imports torch, which is slow on a busy machine
def test_two_ray_workers_give_the_same_metrics(
    serial: Path, data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    study = prepare_study(config, data, tmp_path / "ray", cache=cache)
    run_study(study, n_jobs=2, cluster="local")
    assert (tmp_path / "ray/metrics.json").read_bytes() == (serial / "metrics.json").read_bytes()


def test_unreachable_cluster_is_refused(
    data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    study = prepare_study(config, data, tmp_path / "run", cache=cache)
    with pytest.raises(BciAffectError, match="cannot be reached") as caught:
        run_study(study, cluster="127.0.0.1:1")
    assert "\n" not in str(caught.value)


def test_report_needs_neither_data_nor_features(
    serial: Path, data: Path, cache: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(serial, run)
    _move_data(run, tmp_path / "gone")
    calls: list[tuple[str, str, int, int]] = []
    page = write_report(run, progress=lambda *call: calls.append(call)).read_text()
    assert [stage for stage, *_ in calls] == ["Figures"]
    assert "Common space" in page or "common space" in page

    # A run of an earlier version has no such file: its data set is read, once.
    (run / "figures.npz").unlink()
    with pytest.raises(BciAffectError, match="gone"):
        write_report(run)
    again = write_report(run, data=data, cache=cache).read_text()
    assert again == page
    assert (run / "figures.npz").is_file()


def test_damaged_figure_data_are_refused_in_one_sentence(serial: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(serial, run)
    (run / "figures.npz").write_bytes((run / "figures.npz").read_bytes()[:500])
    with pytest.raises(BciAffectError, match=r"is damaged .*delete it") as caught:
        write_report(run)
    assert "\n" not in str(caught.value)


def _move_data(run: Path, to: Path) -> None:
    study = json.loads((run / "study.json").read_text())
    (run / "study.json").write_text(json.dumps(study | {"data_root": str(to)}))


def test_progress_names_stage_items_and_total(
    data: Path, cache: Path, config: StudyConfig, serial: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(serial, run)
    shutil.rmtree(next((run / "folds" / "streaming" / "seed-0").iterdir()))
    calls: list[tuple[str, str, int, int]] = []

    def record(*call: Any) -> None:
        calls.append(call)

    run_study(prepare_study(config, data, run, cache=cache, progress=record), progress=record)
    features = [call for call in calls if call[0] == "Features"]
    assert [(done, total) for *_, done, total in features] == [(n, 3) for n in range(4)]
    folds = [call for call in calls if call[0] == "Folds"]
    assert [(done, total) for *_, done, total in folds] == [(2, 3), (3, 3)]  # two were finished


@pytest.mark.timeout(300)
def test_killed_study_resumes(
    serial: Path, data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    """After kill -9 the second run must not train the finished folds again."""
    path, out = tmp_path / "small.toml", tmp_path / "killed"
    path.write_text(TOML)
    command = [sys.executable, "-m", "bci_affect", "train", str(path), "--data", str(data)]
    command += ["--out", str(out), "--cache", str(cache)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 90
    while not list(out.glob("folds/*/*/*/fold.json")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finished = {path: os.stat(path).st_mtime_ns for path in out.glob("folds/*/*/*/fold.json")}
    assert 1 <= len(finished) < 3
    assert not (out / "metrics.json").exists()

    run_study(prepare_study(config, data, out, cache=cache))
    for path, written in finished.items():
        assert os.stat(path).st_mtime_ns == written
    assert (out / "metrics.json").read_bytes() == (serial / "metrics.json").read_bytes()


def test_folder_of_another_study_is_refused(
    serial: Path, data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    other = config.model_copy(update={"train": config.train.model_copy(update={"epochs": 3})})
    with pytest.raises(BciAffectError, match="another configuration"):
        prepare_study(other, data, serial, cache=cache)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BciAffectError, match="not empty"):
        prepare_study(config, data, tmp_path, cache=cache)


def test_run_of_a_version_without_a_setting_is_the_same_study(
    serial: Path, data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(serial, run)
    stored = json.loads((run / "config.json").read_text())
    del stored["signal"]["low_pass_hz"]
    (run / "config.json").write_text(json.dumps(stored))
    assert prepare_study(config, data, run, cache=cache).folder.config() == config


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[study]\nprotocoll = 'loso'", "protocoll"),
        ("[train.objective]\ncontrastiv = 1", "contrastiv"),
        ("[variants.a.objective]\ncontrastiv = 1", "contrastiv"),
        ("[pretrain]\nepochs = 0", "epochs"),
        ("[study]\nprotocol = 'stimulus'\ncotrain = true", "cotrain"),
        ("[study]\ntargets = []", "target"),
        ("[dataset]\nname = 'seed'", "name"),
    ],
)
def test_invalid_configuration_is_refused(tmp_path: Path, text: str, named: str) -> None:
    from bci_affect.training.study_settings import load_study

    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(BciAffectError, match=named) as caught:
        load_study(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dataset": {"subjects": ["s01", "s02", "s09"]}}, "missing subjects s09"),
        ({"dataset": {"subjects": ["s01", "s02"]}, "study": {"folds": 0}}, "Too few subjects"),
        ({"train": {"model": {"encoder": "transformer"}}}, "no encoder"),
        ({"features": {"threshold": 9}}, "ratings of only one class"),
    ],
)
def test_invalid_studies_are_refused_before_training(
    data: Path,
    cache: Path,
    config: StudyConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    named: str,
) -> None:
    raw = config.model_dump()
    for section, values in change.items():
        raw[section] = {**raw[section], **values}
    monkeypatch.setattr(studies, "run_fold", _must_not_run)
    with pytest.raises(BciAffectError, match=named) as caught:
        run_study(
            prepare_study(StudyConfig.model_validate(raw), data, tmp_path / "run", cache=cache)
        )
    assert "\n" not in str(caught.value)


def _must_not_run(*_: object) -> None:
    raise AssertionError("a fold was run")


def test_unfinished_studies_are_refused(
    data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    with pytest.raises(BciAffectError, match="not a finished study"):
        reevaluate(tmp_path, data)
    prepare_study(config, data, tmp_path / "started", cache=cache)
    with pytest.raises(BciAffectError, match="3 folds have not been run"):
        reevaluate(tmp_path / "started", data, cache=cache)


def test_variants_change_only_their_own_settings(config: StudyConfig) -> None:
    both = StudyConfig.model_validate({**config.model_dump(), "variants": VARIANTS})
    full, bare = (both.training(name) for name in both.variant_names)
    assert full == config.train
    assert bare.objective.contrastive == 0
    assert bare.objective.emotion_eeg == full.objective.emotion_eeg
    assert bare.model == full.model


def test_labels_of_other_targets_are_hidden(
    data: Path, cache: Path, config: StudyConfig, tmp_path: Path
) -> None:
    from bci_affect.training.fold import hide_targets

    study = prepare_study(config, data, tmp_path / "run", cache=cache)
    only = config.model_copy(
        update={"study": config.study.model_copy(update={"targets": ("arousal",)})}
    )
    hidden = hide_targets(study.corpus.features, only)
    assert np.isnan(hidden.labels[:, 0]).all()
    assert np.isnan(hidden.music_labels[:, 0]).all()
    np.testing.assert_array_equal(hidden.labels[:, 1], study.corpus.features.labels[:, 1])
