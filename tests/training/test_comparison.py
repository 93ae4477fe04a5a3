"""The tables of the documentation hold what the studies found, and leave out what was not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bci_affect.errors import BciAffectError
from bci_affect.training.comparison import BEGIN, END, studies, tables, write_docs


def metrics(name: str, values: list[float]) -> dict[str, Any]:
    people = {f"s{i}": value for i, value in enumerate(values)}
    mean = sum(values) / len(values)
    found = {"mean": mean, "low": min(values), "high": max(values)}
    result = {
        t: {"trial": {"balanced_accuracy": found, "auc": found}} for t in ("valence", "arousal")
    }
    table = {f"{t}/trial/balanced_accuracy": people for t in ("valence", "arousal")}
    return {
        "counts": {"people": 3, "trials": 30, "tracks": 10, "windows": 300},
        "results": {name: {"pretrain": {**result, "p": {"valence": 0.01, "arousal": 0.2}}}},
        "baselines": {"linear": result},
        "people": {f"{name}/pretrain": table, "baseline/linear": table},
        "comparisons": [],
    }


def test_tables_say_what_was_found() -> None:
    text = tables(
        {
            "people": metrics("streaming", [0.6, 0.7, 0.8]),
            "people-paper": metrics("paper", [0.5, 0.6, 0.7]),
        }
    )
    assert "| streaming | 0.700 [0.600, 0.800] | 0.010 | 0.700 [0.600, 0.800] |" in text
    assert "| paper | people | valence BA | +0.100" in text
    assert "| linear | people | valence BA | +0.000" in text
    assert "null" not in text  # those studies were not run


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "doc.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_docs(path, "new")
    write_docs(path, "newer")
    assert path.read_text() == f"before\n{BEGIN}\n\nnewer\n{END}\nafter\n"
    path.write_text("no marks")
    with pytest.raises(BciAffectError, match="marks"):
        write_docs(path, "new")


def test_presets_and_their_changes_fit() -> None:
    found = studies()
    assert set(found) >= {"people", "people-paper", "null", "both", "terms"}
    for data, config in found.values():
        assert data in ("effect", "null")
        assert config.train.batch_size == 64
    splits = {config.study.split_seed for _, config in found.values()}
    assert len(splits) == 1  # models are compared on the same splits
