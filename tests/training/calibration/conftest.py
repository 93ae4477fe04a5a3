"""Recording of a simulated listener with markers, and a small untrained model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bci_affect.eeg import make_montage
from bci_affect.events import (
    ClipStart,
    ClipStop,
    RestStart,
    RestStop,
    SelfReport,
    SessionEvent,
    encode,
)
from bci_affect.model import ModelSettings
from bci_affect.simulation.simulator import EegSimulator, SimulatedPerson
from bci_affect.streams import event_header
from bci_affect.streams.header import build_header
from bci_affect.streams.xdf.writer import XdfWriter
from tests.untrained import untrained_card

RATE = 128.0
ELECTRODES = ("AF3", "AF4", "F7", "F8", "T7", "T8", "O1", "O2")
CLIP_S, PAUSE_S, REST_S = 16.0, 2.0, 14.0
FELT = {"happy": (8, 7), "calm": (8, 2), "angry": (2, 8), "sad": (2, 3)}


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of an untrained model, so that all effects come from calibration."""
    import torch

    from bci_affect.model import AffectModel, save_model

    torch.manual_seed(5)
    card = untrained_card((2.0, 2.0, 2.5, 1.5, 0.5))
    path = tmp_path_factory.mktemp("model") / "untrained.safetensors"
    save_model(path, AffectModel(ModelSettings()).eval(), card)
    return path


def record(
    path: Path,
    *,
    effect: float = 7.0,
    clips: Sequence[str] = tuple(FELT) * 3,
    seed: int = 1,
    events: bool = False,
    dead: bool = False,
    electrodes: Sequence[str] = ELECTRODES,
) -> Path:
    """Write a recording of one simulated person with clips in random order.

    With `events` the markers are events of a session, with ratings; else they are plain names, as
    other programs send them.
    """
    rng = np.random.default_rng(seed)
    montage = make_montage(electrodes)
    person = SimulatedPerson.draw(7, effect=effect)
    simulator = EegSimulator(electrodes, montage.positions, RATE, person, seed=seed)
    order = [clips[i] for i in rng.permutation(len(clips))]
    parts, markers, now = [], [], 0.0

    def add(seconds: float, felt: tuple[float, float] | None = None) -> None:
        nonlocal now
        mood = ((felt[0] - 5) / 4, (felt[1] - 5) / 4) if felt else (0.0, 0.0)
        parts.append(simulator.block(round(seconds * RATE), *mood))
        now += seconds

    def mark(event: SessionEvent, name: str) -> None:
        markers.append((now, encode(event) if events else name))

    mark(RestStart(kind="open"), "rest")
    add(REST_S)
    mark(RestStop(), "end")
    for i, name in enumerate(order):
        add(PAUSE_S)
        clip = ClipStart(
            clip=i,
            track=f"/m/{i}.flac",
            title=name,
            intended_valence=0.5,
            intended_arousal=-0.5,
        )
        mark(clip, name)
        add(CLIP_S, FELT[name])
        mark(ClipStop(clip=i), "end")
        if events:
            mark(SelfReport(*FELT[name], liking=5, clip=i), "")
    add(1.0)
    eeg = np.concatenate(parts, axis=1)
    if dead:
        eeg = np.zeros_like(eeg)
    with XdfWriter(path) as writer:
        stream = writer.add_stream(
            build_header(
                "Sim", "EEG", list(electrodes), units=["microvolts"] * len(electrodes), rate_hz=RATE
            )
        )
        other = build_header("Markers", "Markers", ["event"], fmt="string")
        notes = writer.add_stream(event_header() if events else other)
        stamps = 50.0 + np.arange(eeg.shape[1]) / RATE
        for start in range(0, eeg.shape[1], 1280):
            writer.samples(stream, eeg[:, start : start + 1280].T, stamps[start : start + 1280])
            writer.flush()
        writer.texts(
            notes, [(text,) for _, text in markers], np.array([50.0 + at for at, _ in markers])
        )
    return path


LABELS = "[labels]\n" + "".join(
    f"{name} = {{ valence = {v}, arousal = {a} }}\n" for name, (v, a) in FELT.items()
)


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bci_affect", *arguments],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        env=os.environ | {"BCI_AFFECT_HOME": str(home)},
    )


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory, model_file: Path) -> dict[str, Any]:
    """Return a calibration from the command line, shared by several tests."""
    folder = tmp_path_factory.mktemp("calibrated")
    recording = record(folder / "sub-P7_ses-S001_eeg.xdf")
    labels = folder / "LABELS.toml"
    labels.write_text(LABELS)
    result = command(
        folder / "home",
        "calibrate",
        "--from",
        str(recording),
        "--labels",
        str(labels),
        "--model",
        str(model_file),
        "--permutations",
        "99",
        "--json",
    )
    assert result.returncode == 0, result.stderr
    return {
        "home": folder / "home",
        "recording": recording,
        "labels": labels,
        "document": json.loads(result.stdout),
    }
