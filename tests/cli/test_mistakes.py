"""A user's mistake gets one line on stderr, exit status 1 (usage: 2), and leaves nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from tests.cli.inside import run_inside as run
from tests.cli.test_app import run as run_process


def one_line(stderr: str) -> str:
    """Return the sentence that the user sees; nothing else may be there."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("bci-affect: ")
    return lines[0]


@pytest.fixture
def not_xdf(tmp_path: Path) -> Path:
    path = tmp_path / "notes.xdf"
    path.write_text("these are notes, not a recording")
    return path


def test_process_of_something_else_than_xdf(tmp_path: Path, not_xdf: Path) -> None:
    out = tmp_path / "out.csv"
    result = run("process", str(not_xdf), "--out", str(out))
    assert result.returncode == 1
    assert "XDF" in one_line(result.stderr)
    assert not out.exists()


def test_process_of_a_missing_file(tmp_path: Path) -> None:
    result = run("process", str(tmp_path / "gone.xdf"), "--out", str(tmp_path / "o.csv"))
    assert result.returncode == 1
    assert "gone.xdf" in one_line(result.stderr)


def test_a_model_that_is_none(tmp_path: Path) -> None:
    model = tmp_path / "noise.safetensors"
    model.write_bytes(np.random.default_rng(0).bytes(400))
    result = run("live", "--headless", "--no-music", "--wait", "1", "--model", str(model))
    assert result.returncode == 1
    assert "noise.safetensors" in one_line(result.stderr)


def test_no_stream_says_how_to_check(tmp_path: Path) -> None:
    """This one as the user does it, in a process of its own."""
    estimates = tmp_path / "new.csv"
    result = run_process(
        *("live", "--headless", "--no-music", "--wait", "1", "--stream", "Nobody"),
        *("--estimates", str(estimates)),
    )
    assert result.returncode == 1
    assert "bci-affect streams" in one_line(result.stderr)
    assert not estimates.exists()


def test_estimates_are_never_overwritten(tmp_path: Path) -> None:
    estimates = tmp_path / "mine.csv"
    estimates.write_text("mine")
    result = run("live", "--headless", "--no-music", "--wait", "1", "--estimates", str(estimates))
    assert result.returncode == 1
    assert "overwritten" in one_line(result.stderr)
    assert estimates.read_text() == "mine"


def test_steering_without_a_target() -> None:
    result = run("live", "--headless", "--no-music", "--policy", "steer")
    assert result.returncode == 1
    assert "--target" in one_line(result.stderr)


@pytest.mark.parametrize(
    ("option", "value"), [("--policy", "dance"), ("--target", "high"), ("--target", "3,0")]
)
def test_usage_errors_exit_2(option: str, value: str) -> None:
    result = run("live", "--headless", option, value)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_an_unknown_profile(tmp_path: Path) -> None:
    result = run("live", "--headless", "--no-music", "--wait", "1", "--profile", "nobody")
    assert result.returncode == 1
    assert "nobody" in one_line(result.stderr)


@pytest.mark.parametrize("command", [("live", "--no-music"), ("calibrate",)])
def test_a_profile_that_another_session_uses(command: tuple[str, ...]) -> None:
    from bci_affect.profiles.lock import hold_profile

    with hold_profile("Ada"):
        result = run(*command, "--headless", "--wait", "1", "--profile", "Ada")
    assert result.returncode == 1
    assert "'Ada' is in use by another session" in one_line(result.stderr)


def test_the_first_start_refuses_a_profile_in_use_before_anything_runs() -> None:
    from bci_affect.app.start import SessionStarter
    from bci_affect.gui.services import StartChoice
    from bci_affect.profiles.lock import hold_profile
    from bci_affect.session import SessionOptions

    said: list[str] = []
    with SessionStarter(SessionOptions(), wait_s=1.0) as starter, hold_profile("Ada"):
        with pytest.raises(BciAffectError, match="in use by another session"):
            starter.start(StartChoice(None, music=False, profile="Ada"), said.append)
        assert said == []


def test_a_window_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(key, raising=False)
    result = run("live", "--no-music", "--wait", "1")
    assert result.returncode == 1
    assert "--headless" in one_line(result.stderr)


@pytest.mark.parametrize("command", [("live", "--no-music"), ("calibrate", "--profile", "Ada")])
def test_nobody_is_measured_without_the_notice(command: tuple[str, ...]) -> None:
    """Headless it is printed, and one option agrees to it, once per person."""
    from bci_affect.profiles import has_consented
    from bci_affect.resources import user_home

    (user_home() / "consent.json").unlink()
    result = run(*command, "--headless", "--wait", "1")
    assert result.returncode == 1
    assert "not a medical device" in result.stderr
    assert "add --accept-notice" in result.stderr
    result = run(*command, "--headless", "--wait", "1", "--accept-notice")
    assert "not a medical device" in result.stderr
    assert "accept-notice" not in result.stderr
    assert has_consented("Ada" if "Ada" in command else "")
    assert "medical" not in run(*command, "--headless", "--wait", "1").stderr
