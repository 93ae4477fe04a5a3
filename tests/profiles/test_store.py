"""A listener's profile survives everything that a program and its user do to it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bci_affect.affect.fusion import DimensionModel, PersonalModel
from bci_affect.errors import BciAffectError
from bci_affect.profiles.exchange import document_sum, export_profile, import_profile
from bci_affect.profiles.schema import PROFILES
from bci_affect.profiles.store import ProfileStore
from bci_affect.resources import user_home


def personal(seed: int = 0) -> PersonalModel:
    rng = np.random.default_rng(seed)
    models = [
        DimensionModel(
            gain=float(rng.random()),
            bias=float(rng.random()),
            weights=rng.standard_normal(8),
            live_gain=0.7,
            conformal=0.4,
            eeg_weight=0.3,
            music_weight=1.1,
            fused_bias=-0.1,
            rung="personal head (2 components)",
            informative=True,
        )
        for _ in range(2)
    ]
    return PersonalModel(
        models[0],
        models[1],
        rng.standard_normal(8),
        rng.standard_normal((8, 3)),
        reach=1.5,
        created=1.7e9 + seed,
        n_clips=24,
        model="demo@abc",
    )


def same(a: PersonalModel | None, b: PersonalModel) -> bool:
    assert a is not None
    np.testing.assert_array_equal(a.centre, b.centre)
    np.testing.assert_array_equal(a.directions, b.directions)
    for x, y in zip(a.dimensions, b.dimensions, strict=True):
        np.testing.assert_array_equal(x.weights, y.weights)
        assert [v for k, v in vars(x).items() if k != "weights"] == [
            v for k, v in vars(y).items() if k != "weights"
        ]
    return (a.reach, a.created, a.n_clips, a.model) == (b.reach, b.created, b.n_clips, b.model)


def test_a_profile_comes_back_in_another_connection() -> None:
    with ProfileStore() as store:
        assert store.create("Ada", "left-handed").personal is None
        store.add_calibration("Ada", personal(), {"p": 0.01}, sources=("a.xdf",), report="r.html")
        store.add_calibration("ada", personal(1), {"p": 0.02})
        store.save_normalisation("Ada", "muse/abc", {"mean": np.arange(6.0).reshape(2, 3)})
    with ProfileStore() as store:
        profile = store.load("ADA")
        assert profile.name == "Ada"
        assert same(profile.personal, personal(1))
        assert [r.summary for r in profile.history] == [{"p": 0.01}, {"p": 0.02}]
        assert profile.history[1].parent == profile.history[0].id
        assert profile.history[0].sources == ("a.xdf",)
        state = store.normalisation("Ada", "muse/abc")
        assert state is not None
        np.testing.assert_array_equal(state["mean"], np.arange(6.0).reshape(2, 3))
        assert store.normalisation("Ada", "other") is None


def test_normalisation_keeps_kinds_and_shapes() -> None:
    state = {
        "count": np.array(7, dtype=np.int64),
        "mask": np.array([True, False]),
        "mean": np.zeros((3, 0), dtype=np.float32),
    }
    with ProfileStore() as store:
        store.create("A")
        store.save_normalisation("A", "k", {"old": np.zeros(1)})
        store.save_normalisation("A", "k", state)
        loaded = store.normalisation("A", "k")
    assert loaded is not None
    assert set(loaded) == set(state)
    for name, value in state.items():
        assert loaded[name].dtype == value.dtype
        assert loaded[name].shape == value.shape


def test_objects_are_never_stored() -> None:
    with ProfileStore() as store:
        store.create("A")
        with pytest.raises(TypeError):
            store.save_normalisation("A", "k", {"x": np.array([{}], dtype=object)})
        assert store.normalisation("A", "k") is None, "the failed change left nothing behind"


def test_export_and_import_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "ada.json"
    with ProfileStore() as store:
        store.create("Ada")
        store.add_calibration("Ada", personal(), {"verdict": "above chance"})
        store.add_calibration("Ada", personal(1), {})
        store.save_normalisation("Ada", "k", {"mean": np.arange(3.0)})
        export_profile(store, "Ada", file)
        with pytest.raises(BciAffectError, match="exists already"):
            export_profile(store, "Ada", file)
        with pytest.raises(BciAffectError, match="already"):
            import_profile(store, file)
        other = import_profile(store, file, "Ada again")
        assert same(other.personal, personal(1))
    with ProfileStore(tmp_path / "elsewhere.sqlite") as store:
        profile = import_profile(store, file)
        assert [r.summary for r in profile.history] == [{"verdict": "above chance"}, {}]
        state = store.normalisation("Ada", "k")
        assert state is not None
        np.testing.assert_array_equal(state["mean"], np.arange(3.0))


def test_a_changed_bit_in_the_database_is_seen() -> None:
    with ProfileStore() as store:
        store.create("Ada")
        store.add_calibration("Ada", personal(), {})
        store.save_normalisation("Ada", "k", {"mean": np.arange(6.0)})
        path = store.path
    for key, owner in (("load", "calibration"), ("normalisation", "normalisation")):
        db = sqlite3.connect(path)
        before = db.execute("SELECT data FROM array WHERE owner = ?", (owner,)).fetchone()[0]
        changed = bytes([before[0] ^ 1]) + before[1:]
        db.execute("UPDATE array SET data = ? WHERE data = ?", (changed, before))
        db.commit()
        with ProfileStore() as store, pytest.raises(BciAffectError, match="damaged"):
            store.load("Ada") if key == "load" else store.normalisation("Ada", "k")
        db.execute("UPDATE array SET data = ? WHERE data = ?", (before, changed))
        db.commit()
        db.close()
    with ProfileStore() as store:
        assert same(store.load("Ada").personal, personal())


def test_a_torn_database_is_refused_in_one_line() -> None:
    with ProfileStore() as store:
        store.create("Ada")
        store.add_calibration("Ada", personal(), {})
        path = store.path
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    whole = path.read_bytes()
    for at in range(4096, len(whole), 4096):
        path.write_bytes(whole[:at] + bytes(512) + whole[at + 512 :])
        with pytest.raises(BciAffectError) as caught, ProfileStore() as store:
            store.load("Ada")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("summary", None), ("summary", 3), ("sources", 1.5), ("sources", [None]), ("report", None)],
)
def test_an_edited_calibration_is_refused_whole(tmp_path: Path, key: str, value: object) -> None:
    file = tmp_path / "ada.json"
    with ProfileStore() as store:
        store.create("Ada")
        store.add_calibration("Ada", personal(), {})
        export_profile(store, "Ada", file)
        document = json.loads(file.read_text())
        for change in ({key: value}, None):
            calibration = dict(document["calibrations"][0])
            calibration.pop(key) if change is None else calibration.update(change)
            edited = document | {"calibrations": [calibration]}
            edited["sum"] = document_sum(edited)
            file.write_text(json.dumps(edited))
            with pytest.raises(BciAffectError, match="damaged"):
                import_profile(store, file, "New")
            assert store.names() == ["Ada"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: json.loads(json.dumps(d).replace('"gain": ', '"gain": 1')) | {"created": 0.0},
        lambda d: d | {"note": d["note"] + "."},
        lambda d: {},
        lambda d: d | {"format": "other"},
        lambda d: d | {"version": 99},
        lambda d: d | {"calibrations": [{"arrays": {}}]},
        lambda d: json.loads(json.dumps(d).replace('"<f8"', '"|O"')),
        lambda d: json.loads(json.dumps(d).replace('"shape": [8]', '"shape": [9]')),
        lambda d: [],
    ],
)
def test_damaged_files_are_refused_and_leave_nothing(tmp_path: Path, damage: object) -> None:
    file, bad = tmp_path / "good.json", tmp_path / "bad.json"
    with ProfileStore() as store:
        store.create("Ada")
        store.add_calibration("Ada", personal(), {})
        export_profile(store, "Ada", file)
        bad.write_text(json.dumps(damage(json.loads(file.read_text()))))  # type: ignore[operator]
        with pytest.raises(BciAffectError) as caught:
            import_profile(store, bad, "New")
        assert "\n" not in str(caught.value)
        assert store.names() == ["Ada"]


def test_delete_and_undo() -> None:
    with ProfileStore() as store:
        store.create("Ada")
        store.add_calibration("Ada", personal(0), {})
        store.add_calibration("Ada", personal(1), {})
        store.undo_calibration("Ada")
        assert same(store.load("Ada").personal, personal(0))
        store.save_normalisation("Ada", "k", {"mean": np.zeros(2)})
        path = store.path
        store.delete("Ada")
        assert store.names() == []
        with pytest.raises(BciAffectError, match="no profile 'Ada'"):
            store.load("Ada")
    rows = sqlite3.connect(path).execute("SELECT count(*) FROM array").fetchone()
    assert rows == (0,), "deleting a person leaves none of their numbers"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65])
def test_silly_names_are_refused(name: str) -> None:
    with ProfileStore() as store, pytest.raises(BciAffectError, match="name"):
        store.create(name)


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_an_older_version_is_carried_over(version: int) -> None:
    path = user_home() / "profiles.sqlite"
    old = sqlite3.connect(path)
    for script in PROFILES.migrations[:version]:
        old.executescript(script)
    old.execute("INSERT INTO profile (name, created) VALUES ('Old', 5.0)")
    old.execute(f"PRAGMA user_version = {version}")
    old.commit()
    old.close()
    with ProfileStore() as store:
        assert store.names() == ["Old"]
        store.save_normalisation("Old", "k", {"mean": np.zeros(2)})
        assert store.load("Old").created == 5.0


def test_a_newer_or_broken_database_is_refused(tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite"
    db = sqlite3.connect(newer)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    with pytest.raises(BciAffectError, match="newer"):
        ProfileStore(newer)
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"not a database at all" * 100)
    with pytest.raises(BciAffectError, match="move it away"):
        ProfileStore(broken)


_WRITER = """
import sys, numpy as np
from bci_affect.profiles.store import ProfileStore
store = ProfileStore()
store.create("Ada")
i = 0
while True:
    i += 1
    store.save_normalisation("Ada", "k", {"a": np.full(5000, float(i)), "b": np.full(7, float(i))})
    print(i, flush=True)
"""


def test_kill_9_while_writing_leaves_the_last_finished_change() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    assert process.stdout is not None
    seen = 0
    for line in process.stdout:
        seen = int(line)
        if seen >= 20:
            os.kill(process.pid, signal.SIGKILL)
            break
    seen = max([seen, *(int(line) for line in process.stdout.read().split())])
    process.wait(timeout=10)
    process.stdout.close()
    with ProfileStore() as store:
        state = store.normalisation("Ada", "k")
        assert state is not None
        assert state["a"].min() == state["a"].max() == state["b"].min() == state["b"].max()
        assert state["a"][0] >= seen
        integrity = sqlite3.connect(store.path).execute("PRAGMA integrity_check").fetchone()
        assert integrity == ("ok",)
