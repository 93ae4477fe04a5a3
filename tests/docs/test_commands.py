"""Every command that README and docs show is parsed, and run where a test machine can.

A page is a stranger's first hour: a line that does not work costs more than a failing test.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bci_affect.cli.app import app
from bci_affect.config import LiveSettings, SignalSettings, load_toml
from bci_affect.datasets import Labels
from bci_affect.model import ENCODERS
from bci_affect.resources import shipped
from tests.streams.lsl.live import end, spawn

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```(bash|sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    ((?:bci-affect|python|\./run) .*)$", re.MULTILINE)
INLINE = re.compile(r"`(bci-affect [^`]+)`")

# What is parsed here but not run, by how the command begins, and where it is run instead.
ELSEWHERE = {
    "sudo apt-get": "changes the machine; ./run installs the same packages",
    "pip install": "needs a package index; .ci/release-check installs into empty environments",
    "python3 -m venv": "as above",
    "~/bci/bin/": "as above",
    "bash .ci/release-check": "builds and installs for minutes; CI runs it",
    "pip-audit": "asks a package index",
    "pre-commit": "installs hooks into the clone",
    "./run": "this suite is run by it",
    "python ": "benchmarks and pictures take minutes; their files are compiled here",
    "mkdocs": "tests/docs/test_site.py",
    "bci-affect home": "opens a window; tests/gui/test_home.py",
    "bci-affect demo": "tests/cli/test_demo.py",
    "bci-affect live": "needs a headset or a screen; tests/cli/test_demo.py (--replay), tests/gui",
    "bci-affect doctor": "tests/cli/test_demo.py",
    "bci-affect simulate stream": "a publisher for tests/session/test_engine.py",
    "bci-affect play": "waits for a listener; tests/streams/lsl/test_inlet.py",
    "bci-affect record": "tests/streams/xdf/test_recorder.py",
    "bci-affect bridge": "needs a headset; tests/streams/test_bridge.py",
    "bci-affect calibrate": "needs a listener; tests/training/calibration",
    "bci-affect train": "tests/cli/test_study_commands.py",
    "bci-affect evaluate": "tests/cli/test_study_commands.py",
    "bci-affect report": "tests/cli/test_study_commands.py",
    "bci-affect benchmark": "measures for minutes",
    "bci-affect profile": "tests/cli/test_profile.py",
}
# Options added so that a line is quick; the last one given counts.
SHORTER = {
    "bci-affect simulate music": ["--count", "2", "--seconds", "4"],
    "bci-affect simulate deap": ["--subjects", "1", "--trials", "2", "--seconds", "8"],
    "bci-affect simulate xdf": ["--duration", "10"],
    "bci-affect streams": ["--timeout", "0.2"],
}


def shown(page: Path) -> list[str]:
    """Return the commands of a page in order, without comments."""
    text = page.read_text(encoding="utf-8")
    lines = [line for match in FENCED.finditer(text) for line in match[2].splitlines()]
    lines += [match[1] for match in INDENTED.finditer(FENCED.sub("", text))]
    found = [re.sub(r"\s+#.*$", "", line).removeprefix("$ ").strip() for line in lines]
    return [command for command in found if command and not command.startswith("#")]


def resolve(tokens: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that the words name, and what follows it."""
    command: click.Command = PROGRAM
    while tokens and hasattr(command, "commands"):
        known = command.commands
        if tokens[0].startswith("-"):
            break
        assert tokens[0] in known, f"there is no command '{tokens[0]}'"
        command, tokens = known[tokens[0]], tokens[1:]
    return command, tokens


PROGRAM = typer.main.get_command(app)
ALL = [(page, command) for page in PAGES for command in shown(page)]


def test_the_pages_show_commands() -> None:
    assert len(ALL) > 50
    assert {page.name for page, _ in ALL} >= {"README.md", "first-session.md", "replay.md"}


def test_every_command_is_parsed_or_marked() -> None:
    for page, command in ALL:
        words = shlex.split(command)
        if words[0] == "bci-affect":
            target, rest = resolve(words[1:])
            problem = ""
            try:
                with target.make_context(target.name, rest):
                    pass
            except click.exceptions.Exit:
                pass
            except click.UsageError as error:
                problem = str(error)
            # A file that only a user has is no fault of the page.
            assert not problem or "does not exist" in problem, f"{page.name}: {command}: {problem}"
        elif words[0] == "python":
            script = next(word for word in words[1:] if not word.startswith("-"))
            path = ROOT / script
            if words[1] == "-m":
                path = ROOT / words[2].replace(".", "/")
                path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
            compile(path.read_text(), str(path), "exec")
        else:
            assert any(command.startswith(start) for start in ELSEWHERE), f"{page.name}: {command}"


def test_commands_in_the_text_have_their_options() -> None:
    for page in PAGES:
        for match in INLINE.finditer(page.read_text(encoding="utf-8")):
            words = match[1].replace("...", "").split()[1:]
            if not words or words[0].isupper() or "|" in words:
                continue
            target, rest = resolve(words)
            options = {name for p in target.params for name in (*p.opts, *p.secondary_opts)}
            for word in rest:
                name = word.split("=")[0]
                known = name in options or name in ("--help", "-h", "-v", "-vv")
                assert not name.startswith("--") or known, f"{page.name}: {match[0]}"


def place(home: Path) -> None:
    """Lay out what a page takes for granted: a recording, music, data."""
    run = CliRunner().invoke
    for words in (
        ["simulate", "xdf", "session.xdf", "--duration", "10"],
        ["simulate", "music", str(home / "Music"), "--count", "2", "--seconds", "4"],
        ["music", "add", str(home / "Music"), "--workers", "1"],
    ):
        result = run(app, words)
        assert result.exit_code == 0, result.output


def runnable(page: Path) -> Iterator[list[str]]:
    """Yield the commands that are run here, as words."""
    for command in shown(page):
        if any(command.startswith(start) for start in ELSEWHERE):
            continue
        extra = next((more for start, more in SHORTER.items() if command.startswith(start)), [])
        yield [*shlex.split(command)[1:], *extra]


def test_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one scratch home, page after page; a line that was run before is not run again."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    place(home)
    seen: set[tuple[str, ...]] = set()
    for page in PAGES:
        for words in runnable(page):
            words = [re.sub("^~", str(home), word) for word in words]
            if tuple(words) in seen:
                continue
            seen.add(tuple(words))
            for i, word in enumerate(words[:-1]):  # what a line writes may be there from before
                if word in ("--out", "--features", "xdf", "deap"):
                    _make_way(tmp_path / words[i + 1])
            result = CliRunner().invoke(app, words)
            problem = result.output[-600:] or repr(result.exception)
            assert result.exit_code == 0, f"{page.name}: {' '.join(words)}: {problem}"
    assert len(seen) > 12


def _make_way(path: Path) -> None:
    if path.is_dir():
        path.rename(path.with_name(f"{path.name}.old"))
    elif path.exists():
        path.unlink()


def python_blocks(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def headset() -> Iterator[None]:
    """Send EEG over LSL from another process, as a headset does."""
    device = spawn("bci_affect", "simulate", "stream", "--cap", "cyton", "--duration", "300")
    yield
    end(device)


@pytest.mark.usefixtures("headset")
def test_python_on_the_pages_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bci_affect.model.registry.ENCODERS", dict(ENCODERS))  # a page adds one
    run = CliRunner().invoke
    for words in (
        ["simulate", "xdf", "session.xdf", "--duration", "12"],
        ["process", "session.xdf", "--out", "affect.csv", "--features", "features.npz"],
    ):
        result = run(app, words)
        assert result.exit_code == 0, result.output
    assert np.load("features.npz")["bands"].ndim == 4
    for page in ("replay.md", "python.md", "leak-check.md", "other-programs.md", "extending.md"):
        blocks = python_blocks(page)
        assert blocks, page
        for block in blocks:
            exec(compile(block, page, "exec"), {"__name__": page})
    assert re.search(r"^(ok|artifact) -?0\.\d+ ", capsys.readouterr().out, re.MULTILINE)
    for path in (ROOT / "docs").glob("*.md"):
        for block in python_blocks(path.name):
            compile(block, path.name, "exec")


def test_toml_on_the_pages_is_taken(tmp_path: Path) -> None:
    seen = 0
    for page in PAGES:
        for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.M | re.S):
            kind = Labels if "labels" in tomllib.loads(block) else LiveSettings
            path = tmp_path / "block.toml"
            path.write_text(block)
            load_toml(path, kind)
            seen += 1
    assert seen >= 3


def test_the_live_preset_shows_every_default(tmp_path: Path) -> None:
    path = shipped("configs/live.toml")
    assert load_toml(path, LiveSettings) == LiveSettings()
    shown = re.sub(r"^# ?(?=\[|\w+ = )", "", path.read_text(), flags=re.MULTILINE)
    (tmp_path / "all.toml").write_text(shown)
    every = load_toml(tmp_path / "all.toml", LiveSettings)
    assert every.signal == SignalSettings()
    said = tomllib.loads(shown)["signal"]
    for section in ("quality", "artifacts", "asr"):
        assert set(said[section]) == set(getattr(SignalSettings(), section).model_dump())
    by_model = {"window", "bands", "covariance"}
    assert set(SignalSettings().model_dump()) - set(said) == {"resample_hz", *by_model}


def test_the_dry_presets_agree() -> None:
    live = load_toml(shipped("configs/live-dry.toml"), LiveSettings)
    assert live.signal == load_toml(shipped("configs/signal-dry.toml"), SignalSettings)
