"""The emotion of music, learned from a data set whose stimuli people rated."""

from __future__ import annotations

import hashlib

import numpy as np

from bci_affect.datasets import Dataset
from bci_affect.music import LEAST_TRACKS, EmotionHead, fit_head
from bci_affect.training.study_settings import TARGETS


def fit_music_head(dataset: Dataset) -> EmotionHead | None:
    """Fit a head for valence and arousal on the tagger's rows of rated stimuli.

    The stimuli are those of the first person, in DEAP all that there are; what they are rated with
    is the data set's mean over people (``music_valence``, ``music_arousal``).

    Returns
    -------
    EmotionHead or None
        None where the data set has no features of music, or fewer than eight rated tracks.
    """
    rows, ratings = [], []
    for trial in dataset.trials(dataset.subjects[0]):
        mean = [trial.ratings.get(f"music_{target}", np.nan) for target in TARGETS]
        if trial.music is not None and len(trial.music) and np.isfinite(mean).all():
            rows.append(trial.music)
            ratings.append((np.array(mean) - 5) / 4)
    if len(rows) < LEAST_TRACKS:
        return None
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in rows))
    digest.update(np.array(ratings).tobytes())
    what = "simulated stimuli" if dataset.simulated else "stimuli"
    return fit_head(
        rows,
        np.array(ratings),
        name=f"{dataset.name}-{digest.hexdigest()[:12]}",
        provenance=f"A ridge fit on mean ratings of {len(rows)} {what} of {dataset.name}.",
    )
