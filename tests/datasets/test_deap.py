"""Reader of DEAP on simulated and full-size files, and its errors for damaged ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bci_affect.datasets import open_dataset
from bci_affect.datasets.arrays import read_pickled_arrays, write_python2_pickle
from bci_affect.datasets.deap import ORDER_FILE, SHAPE, TRUTH_FILE, VIDEOS_WITHOUT_MUSIC, Deap
from bci_affect.datasets.simulated import SimulatedDataset, SimulationSettings, write_deap
from bci_affect.errors import BciAffectError

SMALL = SimulationSettings(subjects=2, trials=4, seconds=10, effect=2.0, seed=3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deap")
    write_deap(folder, SMALL)
    return folder


def test_trials_equal_the_simulated_ones(root: Path) -> None:
    dataset = open_dataset("deap", root)
    assert dataset.subjects == ("s01", "s02")
    simulated = SimulatedDataset(SMALL)
    for actual, expected in zip(dataset.trials("s02"), simulated.trials("s02"), strict=True):
        np.testing.assert_array_equal(actual.eeg, expected.eeg)
        np.testing.assert_array_equal(actual.music, expected.music)
        assert actual.stimulus == expected.stimulus
        assert actual.ratings == pytest.approx(expected.ratings)
        assert actual.onset_s == 3.0
        assert actual.eeg.shape == (32, (13 * 128))


def test_full_size_file_is_read_without_six_videos(tmp_path: Path) -> None:
    """Noise in the size and layout of DEAP."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((1, 40, SHAPE[2])).repeat(40, axis=0)
    labels = np.full((40, 4), 5.0)
    labels[:, 0] = np.linspace(1, 9, 40)
    write_python2_pickle(tmp_path / "s01.dat", {"data": data, "labels": labels})
    (tmp_path / "stimuli").mkdir()
    embeddings = rng.standard_normal((34 * 58, 128))
    track = np.repeat(np.arange(34), 58)
    np.save(tmp_path / "stimuli" / "tracks_embeds.npy", embeddings)
    np.save(
        tmp_path / "stimuli" / "tracks_labels.npy",
        np.stack([np.full(34 * 58, 4.0), np.full(34 * 58, 6.0), track], axis=1),
    )
    trials = Deap(tmp_path).trials("s01")
    assert len(trials) == 34
    videos = [int(trial.stimulus[5:]) - 1 for trial in trials]
    assert not set(videos) & set(VIDEOS_WITHOUT_MUSIC)
    tracks = [sorted(videos).index(video) for video in videos]
    for trial, video, number in zip(trials, videos, tracks, strict=True):
        assert trial.ratings["valence"] == labels[video, 0]
        assert trial.ratings["music_arousal"] == 6.0
        np.testing.assert_array_equal(trial.music, embeddings[track == number].astype(np.float32))
        assert trial.music_times is not None
        assert trial.music_times[0] == 1.5


def test_trials_are_in_presentation_order(root: Path, tmp_path: Path) -> None:
    """In the order of the files, the position of a trial would identify its track."""
    files = [path for path in root.iterdir() if path.is_file() and path.name != ORDER_FILE]
    for path in files:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    random_order = {name: stimuli(tmp_path, name) for name in ("s01", "s02")}
    assert random_order["s01"] != random_order["s02"]
    assert sorted(random_order["s01"]) == sorted(random_order["s02"])
    before = Deap(tmp_path).content_key("s01")
    (tmp_path / "metadata_csv").mkdir()
    rows = [f"1,{trial},{video},0,5.0" for trial, video in ((1, 3), (2, 1), (3, 4), (4, 2))]
    table = "\n".join(["Participant_id,Trial,Experiment_id,Start_time,Valence", *rows])
    (tmp_path / "metadata_csv" / ORDER_FILE).write_text(table)
    assert stimuli(tmp_path, "s01") == ["video03", "video01", "video04", "video02"]
    assert stimuli(tmp_path, "s02") == random_order["s02"]  # not in the table
    assert Deap(tmp_path).content_key("s01") != before


@pytest.mark.parametrize(
    "table", ["no,table\n1,2\n", "Participant_id,Trial,Experiment_id\n1,1,2\n1,2,2\n", "\0", ""]
)
def test_damaged_presentation_table_is_refused(root: Path, tmp_path: Path, table: str) -> None:
    (tmp_path / "s01.dat").write_bytes((root / "s01.dat").read_bytes())
    (tmp_path / ORDER_FILE).write_text(table)
    with pytest.raises(BciAffectError, match=ORDER_FILE):
        Deap(tmp_path)


def test_simulated_subjects_have_individual_orders() -> None:
    data = SimulatedDataset(SMALL.model_copy(update={"subjects": 8}))
    orders = {tuple(trial.stimulus for trial in data.trials(name)) for name in data.subjects}
    assert len(orders) > 4
    assert [trial.index for trial in data.trials("s01")] == [0, 1, 2, 3]


def stimuli(root: Path, subject: str) -> list[str]:
    return [trial.stimulus for trial in Deap(root).trials(subject)]


def test_seed_determines_the_data() -> None:
    first, again = (SimulatedDataset(SMALL).trials("s01")[0] for _ in range(2))
    np.testing.assert_array_equal(first.eeg, again.eeg)
    other = SimulatedDataset(SMALL.model_copy(update={"seed": 4})).trials("s01")[0]
    assert not np.array_equal(first.eeg, other.eeg)


def test_effect_size_and_null_effect() -> None:
    """Parietal alpha decreases with arousal as specified, and not at effect 0."""

    def slope(effect: float) -> float:
        settings = SimulationSettings(
            subjects=1, trials=24, seconds=12, effect=effect, individuality=0, seed=1
        )
        trials = SimulatedDataset(settings).trials("s01")
        spectra = [np.abs(np.fft.rfft(trial.eeg[15, 384:])) ** 2 for trial in trials]  # Pz
        hz = np.fft.rfftfreq(trials[0].eeg.shape[1] - 384, 1 / 128)
        alpha = np.log([s[(hz > 8) & (hz < 13)].mean() for s in spectra])
        arousal = [(trial.ratings["arousal"] - 5) / 3 for trial in trials]
        return float(np.polyfit(arousal, alpha, 1)[0])

    assert slope(4.0) < -0.5
    assert abs(slope(0.0)) < 0.2


def test_music_depends_on_the_mood_unless_the_effect_is_zero() -> None:
    def spread(music_effect: float) -> float:
        settings = SimulationSettings(
            subjects=1, trials=16, seconds=12, music_effect=music_effect, seed=2
        )
        trials = SimulatedDataset(settings).trials("s01")
        music = np.array([t.music.mean(axis=0) for t in trials if t.music is not None])
        mood = np.array([t.ratings["music_arousal"] - 5 for t in trials])
        direction = music[mood > 0].mean(axis=0) - music[mood < 0].mean(axis=0)
        return float(np.linalg.norm(direction))

    assert spread(1.0) > 2 * spread(0.0)


def test_truth_is_written_with_the_data(root: Path) -> None:
    truth = json.loads((root / TRUTH_FILE).read_text())
    assert truth["settings"]["effect"] == 2.0
    assert truth["simulated"] is True


def test_existing_data_set_is_not_overwritten(root: Path) -> None:
    with pytest.raises(BciAffectError, match="already"):
        write_deap(root, SMALL)


def damage(root: Path, to: Path, **changes: np.ndarray) -> Deap:
    for name in ("s01.dat", TRUTH_FILE):
        (to / name).write_bytes((root / name).read_bytes())
    arrays = {**read_pickled_arrays(to / "s01.dat"), **changes}
    write_python2_pickle(to / "s01.dat", arrays)
    return Deap(to)


def test_invalid_content_is_refused(root: Path, tmp_path: Path) -> None:
    arrays = read_pickled_arrays(root / "s01.dat")
    with_nan = arrays["data"].copy()
    with_nan[2, 5, 100] = np.nan
    high = arrays["labels"].copy()
    high[1, 0] = 12
    for number, (changes, named) in enumerate(
        [
            ({"data": with_nan}, "video03.: channel FC1"),
            ({"labels": high}, "valence of 12"),
            ({"data": arrays["data"][:, :32]}, "shapes"),
            ({"labels": arrays["labels"][:, :2]}, "shapes"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(BciAffectError, match=named) as caught:
            damage(root, folder, **changes).trials("s01")
        assert "\n" not in str(caught.value)


def test_missing_subjects_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BciAffectError, match="missing subjects s07"):
        Deap(root, ["s01", "s07"])
    with pytest.raises(BciAffectError, match="no subjects"):
        Deap(tmp_path)
    with pytest.raises(BciAffectError, match="does not exist"):
        open_dataset("deap", tmp_path / "absent")


def test_inconsistent_stimuli_are_refused(root: Path, tmp_path: Path) -> None:
    for name in ("s01.dat", TRUTH_FILE):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    (tmp_path / "stimuli").mkdir()
    np.save(tmp_path / "stimuli" / "tracks_embeds.npy", np.zeros((6, 128)))
    labels = np.stack([np.full(6, 5.0), np.full(6, 5.0), np.arange(6)], axis=1)
    np.save(tmp_path / "stimuli" / "tracks_labels.npy", labels)
    with pytest.raises(BciAffectError, match="6 tracks"):
        Deap(tmp_path).trials("s01")
    np.save(tmp_path / "stimuli" / "tracks_labels.npy", labels[:, :2])
    with pytest.raises(BciAffectError, match="do not match"):
        Deap(tmp_path)


def test_content_key_depends_on_content_not_on_folder(root: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "moved"
    shutil.copytree(root, copy)
    assert Deap(copy).content_key("s01") == Deap(root).content_key("s01")
    labels = np.load(copy / "stimuli" / "tracks_labels.npy")
    labels[0, 0] += 0.5
    np.save(copy / "stimuli" / "tracks_labels.npy", labels)
    assert Deap(copy).content_key("s01") != Deap(root).content_key("s01")


def test_audio_files_replace_embeddings(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import soundfile

    from bci_affect.datasets import audio_stimuli
    from bci_affect.music import embed

    for name in ("s01.dat", TRUTH_FILE):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    audio = tmp_path / "stimuli" / "audio"
    audio.mkdir(parents=True)
    tone = 0.2 * np.sin(2 * np.pi * 330 * np.arange(16000 * 8) / 16000)
    for number, gain in ((1, 1.0), (3, 0.5)):
        soundfile.write(audio / f"{number:02d}.wav", gain * tone, 16000)
    trials = sorted(Deap(tmp_path).trials("s01"), key=lambda trial: trial.stimulus)
    first, second = trials  # only videos with audio
    assert (first.stimulus, second.stimulus) == ("video01", "video03")
    assert first.music is not None
    assert first.music_times is not None
    assert first.music.shape == (len(first.music_times), 128)
    assert "music_valence" not in first.ratings
    # A second reader uses the cache.
    monkeypatch.setattr(embed, "embed_file", lambda path: pytest.fail(f"{path} embedded again"))
    again = Deap(tmp_path).trials("s01")[first.index]
    np.testing.assert_array_equal(again.music, first.music)
    assert audio_stimuli.find_numbered_audio(audio).keys() == {0, 2}
    soundfile.write(audio / "intro.wav", tone, 16000)
    with pytest.raises(BciAffectError, match="not named by its video's number"):
        Deap(tmp_path)
