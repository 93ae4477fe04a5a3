"""Profiles from the command line: what a user does to one, and the mistakes on the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bci_affect.affect.fusion import PersonalModel
from bci_affect.cli.app import app
from bci_affect.profiles.store import ProfileStore


def run(*arguments: str, text: str = "") -> str:
    result = CliRunner().invoke(app, ["profile", *arguments], input=text, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def ada() -> None:
    with ProfileStore() as store:
        store.create("Ada")
        summary = {
            "n_clips": 12,
            "dimensions": {"arousal": {"standing": "above chance", "verdict": "Arousal: yes."}},
        }
        store.add_calibration("Ada", PersonalModel.population(4, "demo@1"), summary, report="/r")


def test_nobody_yet() -> None:
    assert "No profiles yet" in run("list")
    assert json.loads(run("list", "--json")) == []


@pytest.mark.usefixtures("ada")
def test_list_and_show() -> None:
    assert "12 clips, model demo@1: arousal above chance" in run("list")
    shown = run("show", "ada")
    assert "Arousal: yes." in shown
    assert "report: /r" in shown
    (entry,) = json.loads(run("list", "--json"))
    assert entry["calibrations"][0]["summary"]["n_clips"] == 12


@pytest.mark.usefixtures("ada")
def test_export_delete_import_undo(tmp_path: Path) -> None:
    file = tmp_path / "ada.json"
    run("export", "Ada", str(file))
    assert "Deleted" in run("delete", "Ada", text="y\n")
    assert "No profiles yet" in run("list")
    assert "Imported 'Ada B'" in run("import", str(file), "--name", "Ada B")
    assert "0 calibrations" in run("undo", "Ada B")
    assert "never calibrated" in run("list")
    with ProfileStore() as store:
        assert store.load("Ada B").personal is None


@pytest.mark.usefixtures("ada")
def test_delete_asks_first() -> None:
    result = CliRunner().invoke(app, ["profile", "delete", "Ada"], input="n\n")
    assert result.exit_code == 1
    with ProfileStore() as store:
        assert store.names() == ["Ada"]


def test_create() -> None:
    run("create", "Bob", "--note", "left-handed")
    assert "left-handed" in run("show", "Bob")
    with ProfileStore() as store:
        store.save_normalisation("Bob", "k", {"mean": np.zeros(2)})
