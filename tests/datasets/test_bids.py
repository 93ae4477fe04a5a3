"""Reader of Daly's BIDS data sets on files with the original layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bci_affect.datasets import open_dataset
from bci_affect.errors import BciAffectError

RATE = 200
CHANNELS = ("Fp1", "Fp2", "T3", "T4", "T5", "T6", "Cz", "ECG")


def write_edf(path: Path, samples: np.ndarray, names: tuple[str, ...], dims: list[str]) -> None:
    """Write an EDF file (Kemp et al. 1992) with one-second records of 16-bit samples."""
    n_records = samples.shape[1] // RATE
    low, high = -3276.8, 3276.7

    def text(value: object, width: int) -> bytes:
        return str(value).ljust(width)[:width].encode("ascii")

    head = text(0, 8) + text("X", 80) + text("X", 80) + b"01.01.1700.00.00"
    head += text(256 * (len(names) + 1), 8) + text("", 44) + text(n_records, 8) + text(1, 8)
    head += text(len(names), 4)
    columns = (
        [(name, 16) for name in names],
        [("", 80)] * len(names),
        [(dim, 8) for dim in dims],
        [(low, 8)] * len(names),
        [(high, 8)] * len(names),
        [(-32768, 8)] * len(names),
        [(32767, 8)] * len(names),
        [("", 80)] * len(names),
        [(RATE, 8)] * len(names),
        [("", 32)] * len(names),
    )
    for column in columns:
        head += b"".join(text(value, width) for value, width in column)
    digital = np.round(samples * 10).astype("<i2")
    records = digital[:, : n_records * RATE].reshape(len(names), n_records, RATE)
    path.write_bytes(head + records.transpose(1, 0, 2).tobytes())


def write_subject(
    root: Path,
    subject: str,
    events: list[tuple[float, int]],
    seconds: int = 60,
    names: tuple[str, ...] = CHANNELS,
    task: str = "run2",
) -> np.ndarray:
    folder = root / f"sub-{subject}" / "eeg"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 20, (len(names), seconds * RATE))
    for row, name in enumerate(names):
        if name == "VA1":
            samples[row] = np.where(np.arange(seconds * RATE) < 30 * RATE, 9.0, 0.0)
        if name == "VA2":
            samples[row] = 4.5
    base = folder / f"sub-{subject}_task-{task}"
    write_edf(Path(f"{base}_eeg.edf"), samples, names, ["uV"] * len(names))
    kinds = {"ECG": "ECG", "VA1": "MISC", "VA2": "MISC"}
    rows = "".join(f"{n}\t{kinds.get(n, 'EEG')}\tuV\n" for n in names)
    Path(f"{base}_channels.tsv").write_text("name\ttype\tunits\n" + rows)
    table = "".join(f"{time}\t0\t{code}\t{code}\n" for time, code in events)
    Path(f"{base}_events.tsv").write_text("onset\tduration\ttrial_type\tvalue\n" + table)
    (root / "dataset_description.json").write_text('{"Name": "test", "BIDSVersion": "1.0.2"}')
    return samples


def test_answers_belong_to_the_preceding_question(tmp_path: Path) -> None:
    events = [
        (2.0, 788), (2.1, 345), (14.0, 800), (15.0, 840), (16.0, 801), (17.0, 835), (18.0, 802),
        (19.0, 833),
        (20.0, 788), (20.1, 346), (32.0, 801), (32.0, 841), (33.0, 836), (34.0, 800), (35.0, 833),
    ]  # fmt: skip
    samples = write_subject(tmp_path, "01", events)
    data = open_dataset("bids", tmp_path)
    assert data.subjects == ("01",)
    first, second = data.trials("01")
    assert first.ratings == {"valence": 8.0, "arousal": 3.0}
    # 841 at the time of the question belongs to an earlier question, and there is none.
    assert second.ratings == {"arousal": 4.0, "valence": 1.0}
    assert first.stimulus == "piece345"
    assert first.eeg.shape == (7, 12 * RATE)  # from the music's onset to the first question
    assert first.montage.names == ("Fp1", "Fp2", "T3", "T4", "T5", "T6", "Cz")  # no ECG
    assert first.montage.placed.all()  # old electrode names have positions
    start = 2 * RATE
    np.testing.assert_allclose(first.eeg[0], samples[0, start : start + 12 * RATE], atol=0.06)


def test_continuous_ratings_are_averaged(tmp_path: Path) -> None:
    names = (*CHANNELS[:-1], "VA1", "VA2")
    write_subject(tmp_path, "01", [(5.0, 788), (30.0, 788)], names=names)
    first, second = open_dataset("bids", tmp_path).trials("01")
    assert first.ratings["valence"] == pytest.approx(9.0, abs=0.05)
    assert second.ratings["valence"] == pytest.approx(1.0, abs=0.05)
    assert first.ratings["arousal"] == pytest.approx(5.0, abs=0.05)
    assert "VA1" not in first.montage.names


def test_runs_are_in_recording_order(tmp_path: Path) -> None:
    rated = [(2.0, 788), (12.0, 800), (13.0, 840)]
    write_subject(tmp_path, "01", rated, task="run3", seconds=20)
    write_subject(tmp_path, "01", [(2.0, 788), (12.0, 800), (13.0, 834)], task="run2", seconds=20)
    trials = open_dataset("bids", tmp_path).trials("01")
    assert [trial.ratings["valence"] for trial in trials] == [2.0, 8.0]
    assert [trial.index for trial in trials] == [0, 1]


def test_invalid_folders_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BciAffectError, match="no subjects"):
        open_dataset("bids", tmp_path)
    write_subject(tmp_path, "01", [(2.0, 788)], seconds=10)
    with pytest.raises(BciAffectError, match="no trials"):
        open_dataset("bids", tmp_path).trials("01")
    broken = next(tmp_path.rglob("*.edf"))
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(BciAffectError, match="cannot be read") as caught:
        open_dataset("bids", tmp_path).trials("01")
    assert "\n" not in str(caught.value)
