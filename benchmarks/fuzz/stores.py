"""Models and profiles."""

from __future__ import annotations

import json
import sqlite3
import struct
from pathlib import Path

import numpy as np
import torch

from bci_affect.affect.fusion import DimensionModel, Personalisation, PersonalModel
from bci_affect.affect.path import AffectPath
from bci_affect.eeg import Normaliser, make_montage
from bci_affect.model import AffectModel, ModelCard, ModelSettings, Predictor, save_model
from bci_affect.model.files import content_hash
from bci_affect.profiles.exchange import document_sum, export_profile, import_profile
from bci_affect.profiles.store import ProfileStore
from benchmarks.fuzz.base import Target, must
from benchmarks.fuzz.mutate import break_bytes, break_document, break_json

BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0)}
SPACE = 4


class Model(Target):
    """Model files: damage must be detected, and edited files must be consistent."""

    title = "model (.safetensors)"
    count = 6_000

    def prepare(self, folder: Path) -> None:
        """Save a small model."""
        torch.manual_seed(0)
        settings = ModelSettings(n_bands=2, n_steps=4, width=8, hidden=8, space=SPACE, music_dim=8)
        card = ModelCard(
            name="small", summary="For fuzzing.", simulated=True, bands=BANDS, window_s=2.0,
            step_s=0.5, hop_s=0.25, prior_mean=(2.0, 1.0), prior_sd=(0.5, 0.5),
        )  # fmt: skip
        path = folder / "seed.safetensors"
        save_model(path, AffectModel(settings), card)
        self._seed = path.read_bytes()
        self._size = 8 + struct.unpack("<Q", self._seed[:8])[0]
        self._montage = make_montage(("Fp1", "Fp2", "C3", "C4"))
        self._truth = self._predict(path)

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage bytes, the JSON header, or the metadata, with a correct or a wrong checksum."""
        kind = rng.random()
        if kind < 0.4:
            return b"\x01" + break_bytes(self._seed, rng)
        header = json.loads(self._seed[8 : self._size])
        edited = rng.random() < 0.5
        if kind < 0.55:
            text = break_json(json.dumps(header), rng)
        else:
            meta = header["__metadata__"]
            key = ("settings", "card", "format_version", "format")[
                int(rng.choice(4, p=[0.4, 0.5, 0.05, 0.05]))
            ]
            meta[key] = break_json(meta[key], rng) if key in ("settings", "card") else "2"
            if edited:
                weights = load_weights(self._seed)
                meta["sum"] = content_hash(meta["settings"], meta["card"], weights)
            text = json.dumps(header)
        raw = text.encode("utf-8", "replace")
        data = struct.pack("<Q", len(raw)) + raw + self._seed[self._size :]
        return bytes([not edited]) + data

    def use(self, data: bytes, folder: Path) -> str:
        """Load the model and build the path of a live session."""
        path = folder / "case.safetensors"
        path.write_bytes(data[1:])
        said = self._predict(path)
        must(all(np.isfinite(part).all() for part in said), "a prediction that is not finite")
        if data[0]:
            same = all(np.array_equal(a, b) for a, b in zip(said, self._truth, strict=True))
            must(same, "a prediction that differs from the saved model")
        return "read"

    def _predict(self, path: Path) -> tuple[np.ndarray, ...]:
        predictor = Predictor(path)
        AffectPath(predictor, 128.0, self._montage)
        steps = round(predictor.card.window_s / predictor.card.step_s)
        bands = np.linspace(-1, 1, steps * 4 * 2, dtype=np.float32).reshape(steps, 4, 2)
        found = predictor.predict(bands, np.ones(4, bool), self._montage.positions)
        return found.logits, found.embedding, found.attention


def load_weights(data: bytes) -> dict[str, torch.Tensor]:
    """Return the tensors of a model file's bytes."""
    from safetensors.torch import load

    return dict(load(data))


def _personal() -> PersonalModel:
    rng = np.random.default_rng(1)
    models = [
        DimensionModel(
            gain=0.9, bias=0.1, weights=rng.standard_normal(SPACE), live_gain=0.7, conformal=0.4,
            eeg_weight=0.3, music_weight=1.1, fused_bias=-0.1, rung="personal", informative=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    return PersonalModel(
        models[0], models[1], rng.standard_normal(SPACE), rng.standard_normal((SPACE, 2)),
        reach=1.5, created=1.7e9, n_clips=12, model="small@abc",
    )  # fmt: skip


def _normaliser_state() -> dict[str, np.ndarray]:
    return dict(Normaliser(4, 2, hop_s=0.25, mean=(2.0, 1.0), sd=(0.5, 0.5)).state())


def _fill(store: ProfileStore) -> None:
    store.create("Ada", "left-handed")
    store.add_calibration("Ada", _personal(), {"p": 0.01}, sources=("a.xdf",), report="r.html")
    store.save_normalisation("Ada", "key", _normaliser_state())


def _read_profile(store: ProfileStore, name: str) -> list[np.ndarray]:
    """Use a profile as a session does; return its numbers."""
    numbers: list[np.ndarray] = []
    profile = store.load(name)
    if profile.personal is not None:
        personal = Personalisation(profile.personal)
        reading = personal.apply(
            np.array([0.3, -0.2]), np.ones(len(profile.personal.centre)), 1.0, None, 0.0, time_s=1.0
        )
        must(bool(np.isfinite(reading.eeg_prob).all()), "a probability that is not finite")
        numbers += [reading.eeg_prob]
    state = store.normalisation(name, "key")
    if state is not None:
        normaliser = Normaliser.from_state(state)
        must(bool(np.isfinite(normaliser.mean).all()), "a normalisation that is not finite")
        numbers += [normaliser.mean, normaliser.sd]
    return numbers


class ProfileFile(Target):
    """JSON profile from another machine."""

    title = "profile (JSON, imported)"
    count = 5_000

    def prepare(self, folder: Path) -> None:
        """Export a profile."""
        with ProfileStore(folder / "seed.sqlite") as store:
            _fill(store)
            self._truth = _read_profile(store, "Ada")
            export_profile(store, "Ada", folder / "seed.json")
        self._seed = (folder / "seed.json").read_text()
        self._store = ProfileStore(folder / "target.sqlite")

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage the file."""
        kind = rng.random()
        if kind < 0.5:  # edited, with a correct checksum
            edited = break_document(json.loads(self._seed), rng)
            if isinstance(edited, dict):
                edited["sum"] = document_sum(edited)
            return b"\x00" + json.dumps(edited).encode()
        if kind < 0.7:
            return b"\x01" + break_json(self._seed, rng).encode("utf-8", "replace")
        return b"\x01" + break_bytes(self._seed.encode(), rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Import, use, export, delete."""
        path = folder / "case.json"
        path.write_bytes(data[1:])
        before = self._store.names()
        try:
            name = import_profile(self._store, path, "Copy").name
        except BaseException:
            must(self._store.names() == before, "half a profile was imported")
            raise
        try:
            found = _read_profile(self._store, name)
            if data[0]:
                _compare(found, self._truth)
            (folder / "again.json").unlink(missing_ok=True)
            export_profile(self._store, name, folder / "again.json")
        finally:
            self._store.delete(name)
        return "read"


def _compare(found: list[np.ndarray], truth: list[np.ndarray]) -> None:
    """Accept missing numbers (a removed part), but no changed ones."""
    for array in found:
        same = any(a.shape == array.shape and np.array_equal(a, array) for a in truth)
        must(same, "a number that differs from the stored one")


class ProfileDatabase(Target):
    """Profile database, damaged on disk."""

    title = "profiles (SQLite)"
    count = 3_000

    def prepare(self, folder: Path) -> None:
        """Fill a database."""
        path = folder / "seed.sqlite"
        with ProfileStore(path) as store:
            _fill(store)
            self._truth = _read_profile(store, "Ada")
        self._seed = whole(path)

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage bytes."""
        return break_bytes(self._seed, rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Open the database and use every profile in it."""
        path = lay(data, folder / "case.sqlite")
        with ProfileStore(path) as store:
            for name in store.names():
                _compare(_read_profile(store, name), self._truth)
        return "read"


def whole(path: Path) -> bytes:
    """Return a database as one file, including its write-ahead log."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    return path.read_bytes()


def lay(data: bytes, path: Path) -> Path:
    """Write a database file and remove the log files of the previous one."""
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(data)
    return path
