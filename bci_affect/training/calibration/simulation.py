"""Simulated people with a known effect, at the level of clips, to test the statistics.

The embeddings of a person's clips have a decaying spectrum, a slow drift over the session (first
order autoregressive, unrelated to the emotion), and a shift between low and high along a direction
that is partly shared by all people (the population head contains this part only) and partly
individual. The size of the shift is given by the balanced accuracy of an oracle that knows the
person's direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from bci_affect.training.calibration.clips import ClipTable

EFFECTS = {"none": 0.5, "small": 0.7, "large": 0.9}
"""Balanced accuracy of an oracle for one clip, by effect size."""
N_DIM = 32


@dataclass(frozen=True)
class SimulatedListener:
    """Parameters of one simulated person.

    Attributes
    ----------
    eeg, music : float
        Balanced accuracy of an oracle from the EEG of a clip, and from its music.
    shared : float
        Cosine between the person's direction of emotion and the common one.
    drift : float
        Standard deviation of the slow drift, in units of the clip-to-clip noise.
    """

    eeg: float = 0.5
    music: float = 0.75
    shared: float = 0.6
    drift: float = 0.7


def simulate_clips(
    listener: SimulatedListener, n_clips: int, *, seed: int, n_sessions: int = 1, n_test: int = 0
) -> ClipTable:
    """Draw rated clips of one person, in random order, half of them high on each dimension.

    Parameters
    ----------
    listener : SimulatedListener
        Parameters of the person.
    n_clips : int
        Number of clips for calibration.
    seed : int
        Seed of the person and of the clips.
    n_sessions : int
        Number of sessions over which the clips are spread.
    n_test : int
        Number of additional clips of the same person in a last session, for testing.
    """
    rng = np.random.default_rng(seed)
    total = n_clips + n_test
    scale = 1.0 / np.sqrt(1.0 + np.arange(N_DIM))  # spectrum of the noise
    session = np.concatenate(
        [np.arange(n_clips) * n_sessions // n_clips, np.full(n_test, n_sessions)]
    ).astype(np.int64)
    noise = rng.standard_normal((total, N_DIM))
    for s in np.unique(session):
        rows = np.flatnonzero(session == s)
        level = rng.standard_normal(N_DIM)
        for row in rows:
            noise[row] += listener.drift * level
            level = 0.9 * level + np.sqrt(1 - 0.9**2) * rng.standard_normal(N_DIM)
    high = np.stack([_balanced(session, rng), _balanced(session, rng)], axis=1)
    # The embedding is trained for emotion, so emotion lies in the directions of most variance.
    common = np.linalg.qr(rng.standard_normal((6, 2)))[0].T  # (2, 6)
    whitened = np.zeros((total, N_DIM))
    eeg_logit = np.zeros((total, 2))
    directions = np.zeros((2, N_DIM))
    for j in range(2):
        own = rng.standard_normal(6)
        own -= common[j] * (own @ common[j])
        own /= np.linalg.norm(own)
        unit = listener.shared * common[j] + np.sqrt(1 - listener.shared**2) * own
        directions[j, :6] = unit
        sd = np.sqrt(1 + listener.drift**2)
        shift = norm.ppf(listener.eeg) * sd
        whitened += np.outer(2 * high[:, j] - 1, directions[j]) * shift
    whitened += noise
    embedding = whitened * scale
    for j in range(2):
        # The population head is calibrated for the average person and has a bias for this one.
        eeg_logit[:, j] = 0.8 * whitened[:, :6] @ common[j] + 0.5 * rng.standard_normal()
    separation = norm.ppf(listener.music)
    music = (2 * high - 1) * separation + rng.standard_normal((total, 2))
    ratings = np.where(high > 0.5, rng.integers(6, 10, high.shape), rng.integers(1, 5, high.shape))
    return ClipTable(
        embedding=embedding,
        eeg_logit=eeg_logit,
        music_logit=2 * separation * music,
        ratings=ratings.astype(np.float64),
        group=np.arange(total, dtype=np.int64),
        session=session,
        block=np.zeros(total, dtype=np.int64),
        quality=np.ones(total),
        names=tuple(f"clip {i + 1}" for i in range(total)),
    )


def _balanced(session: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw half high and half low in every session, in random order."""
    high = np.zeros(len(session))
    for s in np.unique(session):
        rows = np.flatnonzero(session == s)
        labels = np.arange(len(rows)) % 2
        high[rows] = rng.permutation(labels)
    return high
