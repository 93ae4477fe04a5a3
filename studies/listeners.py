"""Simulated sessions of people listening to synthetic music, with varied headsets and artifacts.

People differ in their EEG (`SimulatedPerson.draw`), in size and individuality of their response to
mood, and in headset (4 to 32 electrodes), sampling rate, reference, mains interference, blinks, jaw
clenches, offsets, drifts, and bad electrodes. The music is rendered and embedded with the tagger,
so training uses real tagger embeddings of music with a known intended mood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bci_affect.config import Section
from bci_affect.datasets import Trial
from bci_affect.eeg import CAPS, make_montage
from bci_affect.simulation.music import Piece
from bci_affect.simulation.simulator import Artifacts, EegSimulator, SimulatedPerson

Array = NDArray[np.float64]

_TEN_TWENTY = (
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8"),
    *("P7", "P3", "Pz", "P4", "P8", "O1", "O2"),
)


@dataclass(frozen=True)
class Headset:
    """Headset with its electrodes, sampling rate, and reference (mean of electrodes)."""

    name: str
    electrodes: tuple[str, ...]
    rate_hz: float
    reference: tuple[str, ...]


HEADSETS: tuple[Headset, ...] = (
    Headset("muse-4", ("TP9", "AF7", "AF8", "TP10"), 256.0, ("Fpz",)),
    Headset("cyton-8", ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"), 250.0, ("A1", "A2")),
    Headset("epoc-14", CAPS["epoc"], 128.0, ("M1", "M2")),
    Headset("ten-twenty-19", _TEN_TWENTY, 250.0, ("A1", "A2")),
    Headset("cap-32", CAPS["cap32"], 128.0, ("CPz",)),
)


class ListeningSettings(Section):
    """Settings of the simulated sessions."""

    people: int = Field(72, ge=3)
    """Number of training people (a sixth of them are used to select the epoch)."""
    test_people: int = Field(20, ge=2)
    """Number of test people, who listen to other pieces."""
    pieces: int = Field(48, ge=8)
    """Number of training pieces; the pieces of the demonstration library are used for testing."""
    trials: int = Field(12, ge=4)
    """Number of pieces per person."""
    seconds: float = Field(24.0, ge=10)
    """Duration of a trial in seconds, after `rest_s` of neutral mood."""
    rest_s: float = Field(8.0, ge=0)
    effects: tuple[float, float] = (1.0, 3.0)
    """Range of the effect of mood on the EEG; 1 is about the average of published studies."""
    individuality: tuple[float, float] = (0.3, 0.8)
    """Range of the individual part of the response to mood, see `SimulatedPerson.draw`."""
    bad_electrodes: float = Field(0.03, ge=0, le=0.5)
    """Probability that an electrode is noisy during the session."""
    own_feeling: float = Field(0.3, ge=0)
    """Standard deviation of a person's mood around the mood of the piece."""


@dataclass(frozen=True)
class TaggedPiece:
    """Piece with its music embeddings.

    Attributes
    ----------
    piece : Piece
    times : ndarray, shape (n,)
        Centres of the embedded windows in seconds.
    embeddings : ndarray, shape (n, n_dim)
    """

    piece: Piece
    times: Array
    embeddings: NDArray[np.float32]


def tag_pieces(pieces: Sequence[Piece]) -> list[TaggedPiece]:
    """Render pieces and embed them with the tagger, at the loudness that the library uses."""
    from bci_affect.music import load_encoder
    from bci_affect.music.audio import analysis_audio
    from bci_affect.simulation.music import render
    from bci_affect.simulation.synth import RATE_HZ

    encoder = load_encoder("tagger")
    tagged = []
    for piece in pieces:
        audio = analysis_audio(render(piece), RATE_HZ, encoder.rate_hz)
        tagged.append(TaggedPiece(piece, *encoder.embed(audio)))
    return tagged


def simulate_trials(
    number: int, pieces: Sequence[TaggedPiece], settings: ListeningSettings, *, seed: int
) -> list[Trial]:
    """Simulate the session of one person with a random selection of pieces.

    Parameters
    ----------
    number : int
        Number of the person, which also selects the headset.
    pieces : sequence of TaggedPiece
        Pieces to select from.
    settings : ListeningSettings
    seed : int
        Random seed; the session is determined by `seed` and `number`.
    """
    rng = np.random.default_rng([seed, number])
    headset = HEADSETS[number % len(HEADSETS)]
    person = SimulatedPerson.draw(
        int(rng.integers(2**31)),
        effect=float(rng.uniform(*settings.effects)),
        individuality=float(rng.uniform(*settings.individuality)),
    )
    session = _Session(headset, person, settings, rng)
    order = rng.permutation(len(pieces))[: settings.trials]
    return [session.trial(f"p{number:03d}", index, pieces[i]) for index, i in enumerate(order)]


class _Session:
    """Session of one person with one headset."""

    def __init__(
        self,
        headset: Headset,
        person: SimulatedPerson,
        settings: ListeningSettings,
        rng: np.random.Generator,
    ) -> None:
        names = (*headset.electrodes, *headset.reference)
        artifacts = Artifacts(
            line_uv=float(rng.exponential(2.0)),
            line_hz=50.0,
            offset_uv=float(rng.choice([0.0, 50.0, 20_000.0])),
            drift_uv=float(rng.exponential(5.0)),
            noise_uv=float(rng.uniform(0.2, 1.0)),
        )
        self._simulator = EegSimulator(
            names,
            make_montage(names).positions,
            headset.rate_hz,
            person,
            int(rng.integers(2**31)),
            artifacts,
        )
        self._headset, self._settings, self._rng = headset, settings, rng
        self._montage = make_montage(headset.electrodes)
        bad = rng.uniform(size=len(headset.electrodes)) < settings.bad_electrodes
        self._bad_uv = np.where(bad, rng.uniform(20, 100, len(bad)), 0.0)[:, None]

    def trial(self, subject: str, index: int, tagged: TaggedPiece) -> Trial:
        """Simulate a rest and a piece of music with its rating."""
        settings, rng, rate = self._settings, self._rng, self._headset.rate_hz
        piece = tagged.piece
        felt = np.array([piece.valence, piece.arousal])
        felt = np.clip(felt + settings.own_feeling * rng.standard_normal(2), -1, 1)
        n_rest, n = round(settings.rest_s * rate), round(settings.seconds * rate)
        wave = 0.2 * np.sin(2 * np.pi * (np.arange(n) / rate / 20.0 + rng.uniform(size=(2, 1))))
        mood = np.concatenate([np.zeros((2, n_rest)), felt[:, None] + wave], axis=1)
        raw = self._simulator.block(n_rest + n, mood[0], mood[1])
        n_eeg = len(self._headset.electrodes)
        eeg = raw[:n_eeg] - raw[n_eeg:].mean(axis=0)
        eeg = eeg + self._bad_uv * rng.standard_normal(eeg.shape)
        rating = np.clip(5 + 3.5 * felt + 0.5 * rng.standard_normal(2), 1, 9)
        return Trial(
            eeg=eeg.astype(np.float32),
            rate_hz=rate,
            montage=self._montage,
            subject=subject,
            session="1",
            stimulus=piece.name,
            onset_s=settings.rest_s,
            ratings={
                "valence": float(rating[0]),
                "arousal": float(rating[1]),
                "music_valence": 5 + 4 * piece.valence,
                "music_arousal": 5 + 4 * piece.arousal,
            },
            music=tagged.embeddings,
            music_times=tagged.times,
            index=index,
        )
