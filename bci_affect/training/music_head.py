"""Music emotion head fitted to a data set with rated stimuli."""

from __future__ import annotations

import hashlib

import numpy as np

from bci_affect.datasets import Dataset
from bci_affect.music import MIN_TRACKS, EmotionHead, fit_emotion_head
from bci_affect.training.study_settings import TARGETS


def fit_music_head(dataset: Dataset) -> EmotionHead | None:
    """Fit a head for valence and arousal on the tagger embeddings of rated stimuli.

    The stimuli are those of the first subject (in DEAP all of them); the targets are the mean
    ratings over subjects (``music_valence``, ``music_arousal``).

    Returns
    -------
    EmotionHead or None
        None if the data set has no music embeddings, or fewer than eight rated tracks.
    """
    embeddings, ratings = [], []
    for trial in dataset.trials(dataset.subjects[0]):
        mean = [trial.ratings.get(f"music_{target}", np.nan) for target in TARGETS]
        if trial.music is not None and len(trial.music) and np.isfinite(mean).all():
            embeddings.append(trial.music)
            ratings.append((np.array(mean) - 5) / 4)
    if len(embeddings) < MIN_TRACKS:
        return None
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in embeddings))
    digest.update(np.array(ratings).tobytes())
    kind = "simulated stimuli" if dataset.simulated else "stimuli"
    return fit_emotion_head(
        embeddings,
        np.array(ratings),
        name=f"{dataset.name}-{digest.hexdigest()[:12]}",
        provenance=f"Ridge regression on mean ratings of {len(embeddings)} {kind} of "
        f"{dataset.name}.",
    )
