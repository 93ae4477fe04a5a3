"""`process` and `features` from Python give what the commands write."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import bci_affect as ba
from bci_affect.cli.app import app


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "session.xdf"
    result = CliRunner().invoke(app, ["simulate", "xdf", str(path), "--duration", "16"])
    assert result.exit_code == 0, result.output
    return path


def test_process_gives_the_rows_and_features_of_the_command(
    recording: Path, tmp_path: Path
) -> None:
    table, arrays = tmp_path / "e.csv", tmp_path / "f.npz"
    words = ["process", str(recording), "--out", str(table), "--features", str(arrays)]
    assert CliRunner().invoke(app, words).exit_code == 0
    shares: list[float] = []
    result = ba.process(recording, progress=shares.append)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.estimates) > 50
    for row, estimate in zip(rows, result.estimates, strict=True):
        assert float(row["time"]) == pytest.approx(estimate.time, abs=1e-6)
        assert row["state"] == estimate.state
        if row["valence"]:
            assert float(row["valence"]) == pytest.approx(estimate.valence, abs=1e-6)
            assert float(row["confidence"]) == pytest.approx(estimate.confidence, abs=1e-6)
    written, ours, alone = np.load(arrays), result.features(), ba.features(recording)
    assert set(written) == set(ours) == set(alone)
    for name in written:
        np.testing.assert_array_equal(ours[name], written[name])
        np.testing.assert_array_equal(alone[name], written[name])
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0, abs=0.02)
    assert repr(result).startswith("ProcessedRecording('session.xdf', ")


def test_mne_has_the_samples_and_markers(recording: Path) -> None:
    raw = ba.process(recording).to_mne()
    stream = ba.read_xdf(recording).find_eeg()
    uv = stream.samples().T
    assert raw.info["sfreq"] == stream.header.rate_hz
    np.testing.assert_allclose(raw.get_data() * 1e6, uv[:, : raw.n_times], atol=1e-2)
    again = ba.features(raw)
    np.testing.assert_allclose(again["bands"], ba.features(recording)["bands"], atol=1e-4)


def test_a_dataframe_has_the_columns_of_the_csv(recording: Path) -> None:
    pytest.importorskip("pandas", reason="needs the extra 'dataframe'")
    result = ba.process(recording)
    table = result.to_dataframe()
    assert list(table.columns)[:3] == ["time", "valence", "arousal"]
    assert list(table["state"]) == [estimate.state.value for estimate in result.estimates]
    assert table["time"].is_monotonic_increasing


def test_an_array_needs_rate_and_names() -> None:
    eeg = np.zeros((2, 100))
    with pytest.raises(ba.BciAffectError, match="rate and channel names"):
        ba.features(eeg)
    with pytest.raises(ba.BciAffectError, match="shape"):
        ba.features(eeg, 250.0, ["C3"])


def test_sources_are_context_managers(recording: Path) -> None:
    with ba.XdfSource(recording, offline=True) as source:
        n = sum(chunk.samples.shape[1] for chunk in source.chunks())
    assert n == len(ba.read_xdf(recording).find_eeg())
    assert source.health.state == "stopped"
    with pytest.raises(ba.BciAffectError, match="offline=True"):
        ba.XdfSource(recording, speed=float("inf"))
    with ba.XdfSource(recording) as paused:
        paused.paused = True
        with pytest.raises(ba.StreamTimeout, match=r"within 0\.1 s"):
            list(paused.chunks(timeout_s=0.1))
