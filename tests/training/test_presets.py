"""Training and testing of every variant of every shipped preset, one epoch of one fold each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_affect.datasets.simulated import SimulationSettings
from bci_affect.training.fold import run_fold
from bci_affect.training.study import prepare_study
from bci_affect.training.study_settings import StudyConfig, load_study

PRESETS = ("ablation", "deap", "eeg-only", "paper", "streaming")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the settings file of three simulated subjects; its folder holds the feature cache."""
    path = tmp_path_factory.mktemp("people") / "people.toml"
    settings = SimulationSettings(subjects=3, trials=4, seconds=10)
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in settings.model_dump().items())
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_trains(preset: str, people: Path, tmp_path: Path) -> None:
    raw = load_study(preset).model_dump()
    raw["dataset"]["name"] = "simulated"
    raw["train"]["epochs"] = 1
    raw["cotrain"]["epochs"] = 1
    raw["study"] |= {"cotrain_folds": 2, "seeds": (0,)}
    config = StudyConfig.model_validate(raw)
    study = prepare_study(config, people, tmp_path / "run", cache=people.parent / "cache")
    first = study.splits[0].name
    tasks = [task for task in study.tasks if task.split.name == first]
    assert [task.variant for task in tasks] == list(config.variant_names)
    for task in tasks:
        found = run_fold(study.corpus, config, task)
        assert set(found.phases) == ({"pretrain", "cotrain"} if preset == "paper" else {"pretrain"})
        for phase in found.phases.values():
            assert len(phase.rows) == len(phase.probability) > 0
            assert np.isfinite(phase.probability).all()
        if config.training(task.variant).linear_only:
            assert not found.history
            continue
        terms = set(found.history[0]["train"]) - {"total"}
        weights = config.training(task.variant).objective.model_dump()
        assert terms == {
            name
            for name in ("emotion_eeg", "emotion_music", "contrastive", "domain")
            if weights[name]
        }
