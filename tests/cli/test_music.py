"""The library and the generated music from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bci_affect.music.emotion import EmotionHead, save_emotion_head
from tests.cli.inside import run_inside


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bci_affect", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_from_generated_music_to_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    made = run("simulate", "music", str(folder), "--count", "2", "--seconds", "5", "--json")
    assert made.returncode == 0, made.stderr
    pieces = json.loads(made.stdout)
    assert len(pieces) == 2
    added = json.loads(run("music", "add", str(folder), "--json").stdout)
    assert (added["added"], added["tracks"], added["failed"]) == (2, 2, [])
    listed = json.loads(run_inside("music", "list", "--json").stdout)
    assert {t["title"] for t in listed} == {p["title"] for p in pieces}
    assert run_inside("music", "like", "1").returncode == 0
    found = json.loads(run("music", "query", "--valence", "0.5", "--json").stdout)
    assert len(found) == 2
    assert {"score", "distance", "rule", "shared_tags"} <= found[0].keys()
    own = tmp_path / "head.json"
    none = (0.0,) * 128
    save_emotion_head(
        EmotionHead("mine", "rows", none, (1.0,) * 128, (none, none), (0.5, -0.5), (1, 1), "Mine."),
        own,
    )
    said = run_inside("music", "head", str(own))
    assert (said.returncode, said.stdout) == (0, "mine: Mine.\nIt predicts 2 of 2 tracks.\n")
    listed = json.loads(run_inside("music", "list", "--json").stdout)
    assert [t["arousal"] for t in listed] == pytest.approx([np.tanh(-0.5)] * 2, abs=1e-6)
    own.write_text("{}")
    assert run_inside("music", "head", str(own)).returncode == 1
    assert run_inside("music", "head").stdout.startswith("mine: ")
    assert not run_inside("music", "head", "--shipped").stdout.startswith("mine: ")
    out = tmp_path / "rows.npy"
    assert run("music", "embed", pieces[0]["file"], "--out", str(out)).returncode == 0
    assert np.load(out).shape[1] == 128


def test_mistakes_are_one_line_and_exit_1(tmp_path: Path) -> None:
    for arguments in (
        ("music", "add", str(tmp_path / "nowhere")),
        ("music", "query"),
        ("music", "like", "7"),
        ("simulate", "music", str(tmp_path), "--format", "midi"),
    ):
        result = run_inside(*arguments)
        assert result.returncode == 1, arguments
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stderr.startswith("bci-affect: ")
