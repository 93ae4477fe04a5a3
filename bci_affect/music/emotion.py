"""Predicted emotion of music: valence and arousal of a track, with uncertainty.

An emotion head is a linear model on named features. The shipped one (``models/music_emotion.json``)
uses acoustic cues with a published relation to perceived emotion, and tags; it was not fitted to
ratings, and its model card states its limits. Heads fitted to rated stimuli (`fit_emotion_head`,
used by ``train``) use the tagger embeddings instead.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from bci_affect.errors import BciAffectError
from bci_affect.music import frontend
from bci_affect.music.tags import TAGS
from bci_affect.resources import shipped, user_home
from bci_affect.storage import write_atomically

CUES = ("brightness", "onsets", "pulse", "mode", "register", "smoothness", "dissonance")
"""Acoustic cues of a track, described in `measure_cues`."""

_KEY_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_KEY_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
# Krumhansl & Kessler (1982), probe-tone profiles.


def measure_cues(mono: NDArray[np.float32], mel: NDArray[np.float32]) -> dict[str, float]:
    """Measure the acoustic cues of emotion.

    Parameters
    ----------
    mono : ndarray of float32, shape (n_samples,)
        Audio at 16 kHz, at the analysis loudness.
    mel : ndarray of float32, shape (n_frames, 96)
        Its log-mel frames.

    Returns
    -------
    dict
        ``brightness``: spectral centroid in octaves above 1 kHz. ``onsets``: onsets per second.
        ``pulse``: standard deviation of the onset strength, high with drums. ``mode``: correlation
        with the best major key minus that with the best minor key, -1 to 1. ``register``: octaves
        of the melody above middle C. ``smoothness``: ratio of the level between onsets to the mean
        level. ``dissonance``: entropy of the twelve pitch classes, 0 to 1.
    """
    power = np.maximum(10.0 ** mel.astype(np.float64) - 1.0, 0.0)  # (n_frames, 96)
    top_mel = float(frontend.hz_to_mel(np.array([frontend.RATE_HZ / 2]))[0])
    centres = frontend.mel_to_hz(np.linspace(0.0, top_mel, frontend.N_MELS + 2))[1:-1]
    loud = power.sum(axis=1)
    audible = loud > 0.02 * np.quantile(loud, 0.9) if loud.max() > 0 else np.zeros(len(loud), bool)
    if audible.sum() < 8:
        return dict.fromkeys(CUES, float("nan"))
    centroid = (np.sqrt(power[audible]) @ centres) / np.sqrt(power[audible]).sum(axis=1)
    flux = np.maximum(np.diff(mel, axis=0), 0.0).mean(axis=1)  # (n_frames - 1,)
    chroma, register = _pitches(mono)
    major, minor = _key_fit(chroma)
    level = np.convolve(loud, np.ones(3) / 3, mode="same")[audible]
    share = chroma / chroma.sum() if chroma.sum() > 0 else np.full(12, 1 / 12)
    entropy = -float(np.sum(share * np.log(share + 1e-12)) / np.log(12))
    return {
        "brightness": float(np.log2(np.mean(centroid) / 1000.0)),
        "onsets": _onsets_per_second(flux),
        "pulse": float(flux.std()),
        "mode": float(major - minor),
        "register": register,
        "smoothness": float(np.quantile(level, 0.2) / (level.mean() + 1e-12)),
        "dissonance": entropy,
    }


def _onsets_per_second(flux: NDArray[np.floating[Any]]) -> float:
    """Return the rate of peaks of the flux above its mean over one second."""
    half = round(0.5 / frontend.FRAME_S)
    if len(flux) < 2 * half + 1:  # shorter than one second
        return float("nan")
    local = np.convolve(flux, np.ones(2 * half + 1) / (2 * half + 1), mode="same")
    middle = flux[1:-1]
    peaks = (middle > flux[:-2]) & (middle >= flux[2:]) & (middle > 1.5 * local[1:-1] + 0.01)
    index = np.flatnonzero(peaks)
    onsets = np.concatenate([[True], np.diff(index) >= 4]) if len(index) else np.empty(0, bool)
    return float(onsets.sum() / (len(flux) * frontend.FRAME_S))


def _pitches(mono: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return the chroma, (12,), and the register of the melody in octaves above C4."""
    n_fft = 4096
    total = np.zeros(n_fft // 2 + 1)
    for power in frontend.power_blocks(mono, n_fft, 2048):
        # Square roots prevent one loud bass note from dominating the key.
        total += np.sqrt(power).sum(axis=0)
    hz = np.arange(n_fft // 2 + 1) * frontend.RATE_HZ / n_fft
    used = (hz > 100) & (hz < 2100)
    local = np.convolve(total, np.ones(9) / 9, mode="same")
    peaks = np.where((total > 1.2 * local) & used, total - local, 0.0)
    midi = 69 + 12 * np.log2(np.maximum(hz, 1.0) / 440.0)
    classes = np.round(midi[used]).astype(int) % 12
    chroma = np.bincount(classes, peaks[used], minlength=12).astype(np.float64)
    melody = used & (hz > 200)
    weight = peaks[melody]
    if weight.sum() <= 0:
        return chroma, 0.0
    return chroma, float(np.average((midi[melody] - 60) / 12, weights=weight))


def _key_fit(chroma: NDArray[np.float64]) -> tuple[float, float]:
    """Return the highest correlations with a major and with a minor key."""
    if chroma.std() <= 0:
        return 0.0, 0.0
    best = []
    for profile in (_KEY_MAJOR, _KEY_MINOR):
        best.append(max(np.corrcoef(np.roll(profile, k), chroma)[0, 1] for k in range(12)))
    return float(best[0]), float(best[1])


MIN_TRACKS = 8
"""Minimum number of rated tracks for the fit of a head."""


@dataclass(frozen=True, slots=True)
class EmotionHead:
    """Linear prediction of (valence, arousal) from named features, each in [-1, 1].

    Attributes
    ----------
    id : str
        Name with version; the predictions in a library are updated when it changes.
    inputs : str
        ``"cues+tags"`` (cues, then log-odds of the 50 tags) or ``"rows"`` (mean embedding).
    centre, scale : tuple of float
        Standardisation of each feature.
    weights : tuple of 2 tuples of float
        Weight of each feature, for valence and for arousal.
    bias, sd : tuple of 2 float
        Offset, and standard deviation of the error.
    provenance : str
        Origin of the head in words.
    """

    id: str
    inputs: str
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[tuple[float, ...], tuple[float, ...]]
    bias: tuple[float, float]
    sd: tuple[float, float]
    provenance: str

    def predict(
        self,
        embeddings: NDArray[np.float32] | None,
        tags: NDArray[np.float32] | None,
        cues: dict[str, float] | None,
    ) -> tuple[float, float, float, float]:
        """Return valence, arousal and their standard deviations; NaN if inputs are missing."""
        features = _features(self.inputs, embeddings, tags, cues)
        if features is None or len(features) != len(self.centre):
            return (float("nan"),) * 4
        return self.predict_features(features)

    def predict_features(self, features: NDArray[np.float64]) -> tuple[float, float, float, float]:
        """Return the output of `predict` from features, shape (n,); NaN is replaced by the mean."""
        z = (features - np.array(self.centre)) / np.array(self.scale)
        known = np.isfinite(z)
        z = np.where(known, np.clip(z, -3, 3), 0.0)
        raw = np.array(self.weights) @ z + np.array(self.bias)
        valence, arousal = np.tanh(raw)
        return float(valence), float(arousal), *self.sd


def _features(
    inputs: str,
    embeddings: NDArray[np.float32] | None,
    tags: NDArray[np.float32] | None,
    cues: dict[str, float] | None,
) -> NDArray[np.float64] | None:
    if inputs == "rows":
        return (
            None
            if embeddings is None or not len(embeddings)
            else embeddings.mean(axis=0, dtype=np.float64)
        )
    if tags is None or cues is None or not np.isfinite(list(cues.values())).any():
        return None
    return np.concatenate([[cues.get(name, np.nan) for name in CUES], log_odds(tags)])


def log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ``log(p / (1 - p))``, finite at 0 and 1."""
    p = np.clip(probabilities.astype(np.float64), 1e-5, 1 - 1e-5)
    return np.asarray(logit(p))


def fit_emotion_head(
    embeddings: list[NDArray[np.float32]],
    ratings: NDArray[np.floating[Any]],
    *,
    name: str,
    provenance: str,
    strength: float = 10.0,
) -> EmotionHead:
    """Fit an emotion head to rated tracks by ridge regression.

    Parameters
    ----------
    embeddings : list of ndarray, shape (n_embeddings, n_dim) each
        Tagger embeddings of each track; their mean is the feature.
    ratings : ndarray, shape (n_tracks, 2)
        Mean valence and arousal of each track in [-1, 1].
    name, provenance : str
        Id and provenance of the head.
    strength : float
        Ridge penalty on standardised features.

    Returns
    -------
    EmotionHead
        Its `sd` is the leave-one-track-out error, in closed form.

    Raises
    ------
    BciAffectError
        If there are fewer than eight tracks.
    """
    if len(embeddings) < MIN_TRACKS:
        raise BciAffectError(
            f"A music emotion head needs at least {MIN_TRACKS} rated tracks, not "
            f"{len(embeddings)}; add rated tracks."
        )
    x = np.stack([track.mean(axis=0, dtype=np.float64) for track in embeddings])  # (n, n_dim)
    y = np.arctanh(np.clip(np.asarray(ratings, dtype=np.float64), -0.98, 0.98))
    centre, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    z, bias = (x - centre) / scale, y.mean(axis=0)
    gram = z @ z.T + strength * np.eye(len(z))
    dual = np.linalg.solve(gram, y - bias)
    hat = z @ z.T @ np.linalg.inv(gram) + 1.0 / len(z)
    fitted = z @ (z.T @ dual) + bias
    left_out = y - (y - fitted) / (1.0 - np.diag(hat))[:, None]
    error = np.tanh(left_out) - np.asarray(ratings)
    weights = z.T @ dual  # (n_dim, 2)
    return EmotionHead(
        id=name,
        inputs="rows",
        centre=tuple(centre.tolist()),
        scale=tuple(scale.tolist()),
        weights=(tuple(weights[:, 0].tolist()), tuple(weights[:, 1].tolist())),
        bias=(float(bias[0]), float(bias[1])),
        sd=(float(np.sqrt(np.mean(error[:, 0] ** 2))), float(np.sqrt(np.mean(error[:, 1] ** 2)))),
        provenance=provenance,
    )


def save_emotion_head(head: EmotionHead, path: Path) -> None:
    """Write a head as JSON; raises `BciAffectError` if it cannot be written."""
    write_atomically(path, json.dumps(asdict(head), indent=1) + "\n")


def user_head_path() -> Path:
    """Return the path of the user's own emotion head; see ``bci-affect music head``."""
    return user_home() / "music_emotion.json"


def load_emotion_head(path: Path | None = None) -> EmotionHead:
    """Load an emotion head, by default the user's own, or else the shipped one.

    Raises
    ------
    BciAffectError
        If the file is not an emotion head, or its parts are inconsistent.
    """
    if path is None:
        path = (
            user_head_path() if user_head_path().is_file() else shipped("models/music_emotion.json")
        )
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        head = EmotionHead(
            id=str(raw["id"]),
            inputs=str(raw["inputs"]),
            centre=tuple(map(float, raw["centre"])),
            scale=tuple(map(float, raw["scale"])),
            weights=(tuple(map(float, raw["weights"][0])), tuple(map(float, raw["weights"][1]))),
            bias=(float(raw["bias"][0]), float(raw["bias"][1])),
            sd=(float(raw["sd"][0]), float(raw["sd"][1])),
            provenance=str(raw["provenance"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BciAffectError(
            f"{path} is not a music emotion head ({type(error).__name__})."
        ) from None
    widths = {len(head.centre), len(head.scale), *map(len, head.weights)}
    if len(widths) != 1 or min(head.scale) <= 0 or head.inputs not in ("rows", "cues+tags"):
        raise BciAffectError(f"{path} is not a music emotion head: its parts are inconsistent.")
    if head.inputs == "cues+tags" and widths != {len(CUES) + len(TAGS)}:
        raise BciAffectError(f"{path} is for other cues or tags than those of this version.")
    return head
