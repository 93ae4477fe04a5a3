"""Emotion head of the music library: ``python -m studies.music_head`` writes the model file.

The weights are set by hand. Signs and sizes for the acoustic cues follow research on perceived
emotion (Gabrielsson & Lindström 2010; Eerola, Friberg & Bresin 2013: mode, tempo and event density,
brightness, register); the much smaller weights of the tags follow the meaning of the words. The
standardisation is estimated on synthetic pieces, and the error on other synthetic pieces, enlarged
by `ERROR_FACTOR`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.music import frontend
from bci_affect.music.audio import analysis_audio
from bci_affect.music.emotion import CUES, EmotionHead, log_odds, measure_cues, save_emotion_head
from bci_affect.music.tags import TAGS
from bci_affect.simulation.music import Piece, random_pieces, render
from bci_affect.simulation.synth import RATE_HZ

CUE_WEIGHTS: dict[str, tuple[float, float]] = {  # valence, arousal for one standard deviation
    "brightness": (0.15, 0.20),
    "onsets": (0.00, 0.35),
    "pulse": (0.05, 0.35),
    "mode": (0.35, 0.00),
    "register": (0.30, 0.00),
    "smoothness": (0.00, 0.05),
    "dissonance": (-0.15, 0.05),
}
TAG_WEIGHTS: dict[str, tuple[float, float]] = {
    "happy": (0.08, 0.02),
    "party": (0.04, 0.06),
    "catchy": (0.04, 0.03),
    "funk": (0.03, 0.03),
    "soul": (0.03, -0.01),
    "beautiful": (0.04, -0.03),
    "easy listening": (0.03, -0.05),
    "country": (0.03, 0.00),
    "folk": (0.02, -0.02),
    "acoustic": (0.02, -0.04),
    "Mellow": (0.02, -0.06),
    "chill": (0.02, -0.05),
    "chillout": (0.02, -0.06),
    "ambient": (0.00, -0.08),
    "sad": (-0.08, -0.05),
    "dance": (0.02, 0.06),
    "House": (0.02, 0.05),
    "rock": (0.00, 0.04),
    "punk": (-0.02, 0.07),
    "hard rock": (-0.02, 0.06),
    "metal": (-0.06, 0.06),
    "heavy metal": (-0.06, 0.06),
    "experimental": (-0.04, 0.00),
}
SCALE = 0.7
"""Factor of all weights, because correlated cues add up and would saturate the predictions."""
ERROR_FACTOR = 1.5
"""Factor of the error, because it is measured on synthetic instead of real music."""


def features(pieces: list[Piece]) -> NDArray[np.float64]:
    """Return cues and tag log-odds of pieces, shape (n_pieces, n_cues + 50)."""
    from bci_affect.music.tagger import TaggerEncoder

    encoder, out = TaggerEncoder(), []
    for piece in pieces:
        mono = analysis_audio(render(piece), RATE_HZ, encoder.rate_hz)
        mel = frontend.log_mel(mono)
        cues = measure_cues(mono, mel)
        tags = encoder.from_log_mel(mel)[2].mean(axis=0)
        out.append(np.concatenate([[cues[name] for name in CUES], log_odds(tags)]))
    return np.array(out)


def build(n_pieces: int = 48) -> EmotionHead:
    """Build the head from the weights, with its standardisation and error.

    Parameters
    ----------
    n_pieces : int
        Number of synthetic pieces for each of the two estimates.
    """
    measured = features(random_pieces(n_pieces, seed=21, seconds=16.0))
    rows = [CUE_WEIGHTS[name] for name in CUES] + [TAG_WEIGHTS.get(t, (0.0, 0.0)) for t in TAGS]
    weights = np.round(SCALE * np.array(rows).T, 4)  # (2, n)
    head = EmotionHead(
        id="cues-and-words-1",
        inputs="cues+tags",
        centre=tuple(np.round(measured.mean(axis=0), 4).tolist()),
        scale=tuple(np.round(np.maximum(measured.std(axis=0), 0.02), 4).tolist()),
        weights=(tuple(weights[0].tolist()), tuple(weights[1].tolist())),
        bias=(0.0, 0.0),
        sd=(0.5, 0.5),
        provenance="set by hand from published cues and the words' meaning; no ratings "
        "(studies.music_head)",
    )
    others = random_pieces(n_pieces, seed=22, seconds=16.0)
    predicted = np.array([head.predict_features(row)[:2] for row in features(others)])
    intended = np.array([(piece.valence, piece.arousal) for piece in others])
    error = ERROR_FACTOR * np.sqrt(np.mean((predicted - intended) ** 2, axis=0))
    return EmotionHead(
        **{name: getattr(head, name) for name in head.__slots__ if name != "sd"},
        sd=(round(float(error[0]), 2), round(float(error[1]), 2)),
    )


if __name__ == "__main__":
    save_emotion_head(build(), Path("models/music_emotion.json"))
