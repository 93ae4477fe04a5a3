"""A misspelt or wrong setting must be an error in one sentence, never ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from bci_affect.config import SignalSettings, WindowSettings, load_toml
from bci_affect.errors import BciAffectError


def test_defaults_are_a_whole_number_of_steps() -> None:
    window = WindowSettings()
    assert window.n_steps * window.step_s == pytest.approx(window.window_s)
    assert window.hops_per_step * window.hop_s == pytest.approx(window.step_s)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hihg_pass_hz = 1.0", "hihg_pass_hz"),
        ("high_pass_hz = -1.0", "high_pass_hz"),
        ("[window]\nwindow_s = 1.3", "window_s"),
        ("high_pass_hz = ", "TOML"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(BciAffectError) as caught:
        load_toml(path, SignalSettings)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BciAffectError, match="Cannot read"):
        load_toml(tmp_path / "absent.toml", SignalSettings)
