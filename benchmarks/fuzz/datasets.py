"""External data sets: DEAP's pickles and stimuli, DREAMER's .mat."""

from __future__ import annotations

import io
import json
import pickle
import struct
from pathlib import Path

import numpy as np

from bci_affect.datasets import dreamer
from bci_affect.datasets.arrays import write_python2_pickle
from bci_affect.datasets.deap import Deap
from bci_affect.datasets.dreamer import Dreamer
from bci_affect.datasets.trial import Trial
from benchmarks.fuzz.base import Target, must, pick
from benchmarks.fuzz.mutate import break_bytes, break_json

SHAPE = (2, 40, 512)
CALLABLES = (
    b"os\nsystem", b"posix\nsystem", b"builtins\neval", b"builtins\nexec", b"__builtin__\neval",
    b"subprocess\nPopen", b"subprocess\ncheck_output", b"builtins\n__import__", b"builtins\nopen",
    b"io\nopen", b"shutil\nrmtree", b"pickle\nloads", b"numpy\nload", b"numpy\nfromfile",
    b"numpy.core.multiarray\nscalar", b"numpy\nndarray", b"numpy\ndtype", b"operator\nattrgetter",
    b"functools\npartial", b"numpy.core.multiarray\n_reconstruct", b"builtins\ngetattr",
    b"numpy.f2py.crackfortran\nmyeval", b"numpy.distutils.exec_command\nexec_command",
)  # fmt: skip


def _check(trials: list[Trial]) -> None:
    for trial in trials:
        must(bool(np.isfinite(trial.eeg).all()), "EEG that is not finite")
        for name in ("valence", "arousal"):
            must(1 <= trial.ratings[name] <= 9, f"a rating of {trial.ratings[name]}")


class DeapPickle(Target):
    """Damaged and malicious pickles."""

    title = "DEAP .dat (pickle)"
    count = 10_000

    def prepare(self, folder: Path) -> None:
        """Write the real layout, as Python 2 and as Python 3 do."""
        root = folder / "deap"
        root.mkdir()
        (root / "truth.json").write_text(json.dumps({"shape": SHAPE}))
        rng = np.random.default_rng(0)
        arrays = {"data": rng.normal(0, 20, SHAPE), "labels": rng.uniform(1, 9, (2, 4))}
        write_python2_pickle(root / "s01.dat", arrays)
        self._old = (root / "s01.dat").read_bytes()
        self._canary = folder / "canary"
        self._new = [pickle.dumps(arrays, protocol=n) for n in (0, 2, 3, 4, 5)]

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage a pickle (mostly near its opcodes), or write a malicious one."""
        kind = rng.random()
        if kind < 0.3:
            return _evil(rng, self._canary)
        data = pick([self._old, self._old, *self._new], rng)
        if kind < 0.6:  # the opcodes are at the start and between the arrays
            head = int(rng.integers(20, 400))
            return break_bytes(data[:head], rng) + data[head:]
        return break_bytes(data, rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Read the pickle as training does, and check that it executed nothing."""
        (folder / "deap" / "s01.dat").write_bytes(data)
        try:
            _check(Deap(folder / "deap").trials("s01"))
        finally:
            if self._canary.exists():
                self._canary.unlink()
                must(False, "the pickle executed code")
        return "read"


def _evil(rng: np.random.Generator, canary: Path) -> bytes:
    """Write a pickle that calls a function, in one of several ways."""
    name = CALLABLES[int(rng.integers(len(CALLABLES)))]
    code = f"open({str(canary)!r}, 'w').write('x')".encode()
    arguments = pick([code, f"touch {canary}".encode(), b"(1<<33,)", str(canary).encode()], rng)
    text = b"X" + struct.pack("<I", len(arguments)) + arguments
    size = b"(J" + struct.pack("<i", int(rng.integers(1, 2**31 - 1))) + b"t"
    how = int(rng.integers(7))
    call = b"c" + name + b"\n"
    if how == 0:
        body = call + b"(" + text + b"tR"
    elif how == 1:
        body = b"(" + text + b"i" + name + b"\n"
    elif how == 2:
        body = call + text + b"\x85\x81"
    elif how == 3:
        module, attribute = name.split(b"\n")
        body = b"\x8c" + bytes([len(module)]) + module
        body += b"\x8c" + bytes([len(attribute)]) + attribute + b"\x93" + text + b"\x85R"
    elif how == 4:
        body = call + size + b"R"
    elif how == 5:
        body = b"P" + arguments.replace(b"\n", b"") + b"\n"
    else:  # absurd memo indices and lengths
        index = struct.pack("<I", int(rng.choice([2**20, 2**27, 2**31 - 1, 2**32 - 1])))
        body = pick([b"Nr" + index, b"T" + index, b"B" + index, b"N\x94j" + index], rng)
    wrapped = b"\x80\x02}(X\x04\x00\x00\x00data" + body + b"X\x06\x00\x00\x00labels" + body + b"u."
    if rng.random() < 0.3:
        return break_bytes(wrapped, rng)
    return wrapped if rng.random() < 0.7 else b"\x80\x04" + body + b"."


class Stimuli(Target):
    """Stimuli of DEAP (.npy) and the file ``truth.json`` of simulated data."""

    title = "DEAP stimuli (.npy), truth.json"
    count = 3_000

    def prepare(self, folder: Path) -> None:
        """Write stimuli and one subject."""
        root = folder / "stim"
        (root / "stimuli").mkdir(parents=True)
        rng = np.random.default_rng(0)
        arrays = {"data": rng.normal(0, 20, SHAPE), "labels": rng.uniform(1, 9, (2, 4))}
        write_python2_pickle(root / "s01.dat", arrays)
        rows = rng.standard_normal((8, 16)).astype(np.float32)
        labels = np.stack([np.full(8, 4.0), np.full(8, 6.0), np.repeat([0, 1], 4)], axis=1)
        self._healthy = [
            ("stimuli/tracks_embeds.npy", _npy(rows)),
            ("stimuli/tracks_labels.npy", _npy(labels.astype(np.float32))),
            ("truth.json", json.dumps({"shape": SHAPE, "seed": 1}).encode()),
        ]

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage one of the three files; the first byte is its index."""
        number = int(rng.integers(3))
        data = self._healthy[number][1]
        if number == 2:
            broken = break_json(data.decode(), rng).encode("utf-8", "replace")
        elif rng.random() < 0.5:  # the header is text
            broken = break_bytes(data[:128], rng) + data[128:]
        else:
            broken = break_bytes(data, rng)
        return bytes([number]) + broken

    def use(self, data: bytes, folder: Path) -> str:
        """Read a subject with the stimuli."""
        root = folder / "stim"
        for number, (name, healthy) in enumerate(self._healthy):
            (root / name).write_bytes(data[1:] if number == data[0] else healthy)
        trials = Deap(root).trials("s01")
        _check(trials)
        for trial in trials:
            must(trial.music is None or bool(np.isfinite(trial.music).all()), "music is not finite")
        return "read"


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


class DreamerMat(Target):
    """File ``DREAMER.mat``."""

    title = "DREAMER .mat"
    count = 4_000

    def prepare(self, folder: Path) -> None:
        """Write the real layout, plain and compressed."""
        from scipy.io import savemat

        rng = np.random.default_rng(0)
        people = np.zeros((1, 2), dtype=object)
        for person in range(2):
            stimuli = np.zeros((2, 1), dtype=object)
            for clip in range(2):
                stimuli[clip, 0] = 4000 + rng.standard_normal((64, len(dreamer.CHANNELS)))
            people[0, person] = {
                "EEG": {"stimuli": stimuli},
                "ScoreValence": np.array([[1], [4]]),
                "ScoreArousal": np.array([[5], [2]]),
            }
        self._seeds = []
        for compressed in (False, True):
            path = folder / f"{compressed}.mat"
            content = {"DREAMER": {"Data": people, "EEG_SamplingRate": 128}}
            savemat(path, content, do_compression=compressed)
            # The first 116 bytes contain the date; a case must not depend on it.
            self._seeds.append(b"MATLAB 5.0 MAT-file".ljust(116) + path.read_bytes()[116:])

    def make(self, rng: np.random.Generator) -> bytes:
        """Damage a file, mostly at its names and shapes."""
        data = pick(self._seeds, rng)
        if rng.random() < 0.5:
            head = int(rng.integers(128, 1200))
            return break_bytes(data[:head], rng) + data[head:]
        return break_bytes(data, rng)

    def use(self, data: bytes, folder: Path) -> str:
        """Read all subjects."""
        path = folder / "DREAMER.mat"
        path.write_bytes(data)
        for cached in (dreamer._read_subjects, dreamer._hash_file):
            cached.cache_clear()
        found = Dreamer(path)
        for subject in found.subjects:
            _check(found.trials(subject))
        return "read"
