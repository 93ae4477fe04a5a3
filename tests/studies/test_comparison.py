"""Tables of the comparison in the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bci_affect.config import load_toml
from bci_affect.datasets import SimulationSettings, open_dataset
from bci_affect.errors import BciAffectError
from studies.comparison import (
    CONDITIONS,
    SEEDS,
    TERMS,
    _people,
    condition_studies,
    finished,
    studies,
)
from studies.comparison_tables import (
    BEGIN,
    CONDITION_MARKS,
    END,
    condition_tables,
    tables,
    write_docs,
)


def metrics(model: str, values: list[float]) -> dict[str, Any]:
    def table(shift: float) -> dict[str, Any]:
        people = {f"s{i}": value - shift for i, value in enumerate(values)}
        found: dict[str, Any] = {
            f"{target}/trial/{measure}": people
            for target in ("valence", "arousal")
            for measure in ("balanced_accuracy", "auc")
        }
        found["retrieval/stimulus/all/trial/MRR"] = people
        found["retrieval/stimulus/all/trial/chance MRR"] = dict.fromkeys(people, 0.2)
        return found

    return {
        "counts": {"people": 3, "trials": 30, "tracks": 10, "windows": 300},
        "people": {f"{model}/pretrain": table(0.0), "baseline/linear": table(0.1)},
    }


def test_tables_pool_all_groups() -> None:
    text = tables(
        {
            "people": [metrics("streaming", [0.6, 0.7, 0.8]), metrics("streaming", [0.5, 0.9])],
            "people-paper": [metrics("paper", [0.5, 0.6, 0.7]), metrics("paper", [0.6, 0.8])],
        },
        "Effect 1",
    )
    assert "60 trials, 10 tracks per group, 600 windows. Effect 1; the null" in text
    assert "people: 6 people, people-paper: 6 people." in text
    row = next(line for line in text.splitlines() if line.startswith("| streaming |"))
    assert row.startswith("| streaming | 0.700 [0.5")
    assert "| 0.1250 |" in row  # all of 2^5 sign flips: four of five above chance, one at it
    assert "| 0.200 | 0.0625 |" in row
    # Three people .1 better, then one .1 worse and one .1 better.
    assert "| paper | people | valence BA | +0.060 [" in text
    assert "| +0.100, +0.000 |" in text
    assert "| linear | people | valence BA | +0.100 [+0.100, +0.100] |" in text
    assert "Null" not in text  # those studies were not run


def test_null_reports_the_number_of_intervals() -> None:
    null = metrics("streaming", [0.52, 0.49, 0.48, 0.51])
    people = {"people": [metrics("streaming", [0.6, 0.7, 0.8])], "null": [null]}
    text = tables(people, "Effect 1")
    # Track MRR is .5 where .2 is chance: one of five intervals, p = 2 of 2^4 sign flips.
    assert "Of the 5 intervals of streaming on the null, 1 exclude chance" in text
    assert "the smallest p is 0.1250, corrected for their number 0.62." in text


def test_only_the_text_between_the_marks_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "doc.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_docs(path, "new")
    write_docs(path, "newer")
    assert path.read_text() == f"before\n{BEGIN}\n\nnewer\n{END}\nafter\n"
    path.write_text("no marks")
    with pytest.raises(BciAffectError, match="marks"):
        write_docs(path, "new")


def test_tables_of_conditions_have_marks_of_their_own(tmp_path: Path) -> None:
    found = {"drift": [metrics("streaming", [0.6, 0.7, 0.8])] * 2}
    text = condition_tables(found, {"drift": "Gains drift", "lasting": "States last"}, "Effect 1")
    assert "### Gains drift" in text
    assert "6 people, seeds: 2." in text
    assert "| streaming | 0.700 [" in text
    assert "States last" not in text  # not run
    path = tmp_path / "doc.md"
    path.write_text(f"{BEGIN}\nmain\n{END}\n{CONDITION_MARKS[0]}\n{CONDITION_MARKS[1]}\n")
    write_docs(path, text, CONDITION_MARKS)
    assert "main" in path.read_text()
    assert "### Gains drift" in path.read_text()


def test_people_of_every_condition_can_be_simulated(tmp_path: Path) -> None:
    for name, (data, config) in condition_studies().items():
        path = _people(tmp_path, data, 3)
        settings = load_toml(path, SimulationSettings)
        assert settings.seed == 3
        off = settings.model_copy(update=dict.fromkeys(CONDITIONS[name][1], 0))
        assert off != settings, "the condition is switched on"
        assert open_dataset("simulated", path).subjects == tuple(f"s{n:02d}" for n in range(1, 13))
        assert config.study.baselines
    null = load_toml(_people(tmp_path, "real-null", 0), SimulationSettings)
    assert (null.effect, null.coupling, null.music_effect) == (0, 0, 0)
    assert null.gain_drift_db > 0
    assert load_toml(_people(tmp_path, "effect", 0), SimulationSettings).gain_drift_db == 0


def test_finished_studies_are_read_without_shifting_groups(tmp_path: Path) -> None:
    for name in ("people-0", "people-2", "null-0", "null-1"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps({"which": name}))
    found = finished(tmp_path)
    assert found == {  # the third group must not take the place of the second
        "people": [{"which": "people-0"}],
        "null": [{"which": "null-0"}, {"which": "null-1"}],
    }


def test_studies_have_valid_configurations() -> None:
    found = studies()
    assert set(found) >= {"people", "people-paper", "tracks", "both", "null", "terms"}
    for data, config in found.values():
        assert data in ("effect", "null")
        assert config.train.batch_size == 64
    assert set(found["terms"][1].variant_names) == set(TERMS)
    assert len(SEEDS) >= 3
    splits = {config.study.split_seed for _, config in found.values()}
    assert len(splits) == 1  # models are compared on the same splits
