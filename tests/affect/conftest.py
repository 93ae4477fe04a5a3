"""Untrained model with seeded weights, and EEG of a simulated person."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bci_affect.eeg import Montage, make_montage
from bci_affect.model import AffectModel, ModelSettings, Predictor
from bci_affect.simulation.simulator import EegSimulator, SimulatedPerson
from tests.untrained import untrained_card

RATE = 250.0
ELECTRODES = ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2")


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    """Untrained model: its predictions are arbitrary but fixed."""
    import torch

    torch.manual_seed(3)
    card = untrained_card((3.0, 2.5, 2.5, 2.0, 1.5))
    return Predictor((AffectModel(ModelSettings()), card))


@pytest.fixture(scope="session")
def montage() -> Montage:
    return make_montage(ELECTRODES)


@pytest.fixture(scope="session")
def eeg(montage: Montage) -> NDArray[np.float32]:
    """Twenty seconds of EEG, (8, 5000), microvolts, with an amplifier's offsets."""
    simulator = EegSimulator(ELECTRODES, montage.positions, RATE, SimulatedPerson.draw(4), seed=1)
    block = simulator.block(int(20 * RATE), valence=0.5, arousal=-0.2)
    return np.asarray(block + 20_000, dtype=np.float32)
