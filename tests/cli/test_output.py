"""Output files are whole or absent, and JSON is JSON."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from bci_affect.cli.output import new_file, print_json
from bci_affect.errors import BciAffectError


def test_json_is_plain_and_knows_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": np.float32(0.5), "b": [float("nan"), np.arange(2)], "c": float("inf")})
    assert json.loads(capsys.readouterr().out) == {"a": 0.5, "b": [None, [0, 1]], "c": None}


def test_a_finished_file_appears_under_its_name(tmp_path: Path) -> None:
    with new_file(tmp_path / "new" / "out.csv") as partial:
        partial.write_text("whole")
    assert (tmp_path / "new" / "out.csv").read_text() == "whole"


def test_a_failed_file_leaves_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(RuntimeError), new_file(tmp_path / "out.csv") as partial:
        partial.write_text("half")
        raise RuntimeError
    assert list(tmp_path.glob("*out.csv*")) == []


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with (
        pytest.raises(BciAffectError, match="exists already"),
        new_file(path),
    ):
        pass
    assert path.read_text() == "mine"
