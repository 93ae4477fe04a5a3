"""Train and test an encoder of your own: here, attention over the electrodes' mean band power."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from sklearn.model_selection import GroupKFold, cross_val_score
from torch import Tensor, nn

import bci_affect as ba
from bci_affect.datasets import SimulationSettings, write_deap
from bci_affect.model import Encoder, EncoderOutput, ModelSettings, register_encoder

PRESET = """
[train]
epochs = 3
linear_start = false
[train.model]
encoder = "band-attention"
"""


@register_encoder("band-attention")
class BandAttention(Encoder):
    """Weighted mean over electrodes of a layer on their mean band power."""

    any_montage = True

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.value = nn.Linear(settings.n_bands, settings.width)
        self.score = nn.Linear(settings.n_bands, 1)

    def forward(self, bands: Tensor, mask: Tensor, positions: Tensor) -> EncoderOutput:
        """Encode a batch; attention is equal over the steps."""
        mean = bands.mean(dim=1)  # (batch, n_channels, n_bands)
        score = self.score(mean).squeeze(-1).masked_fill(~mask, -1e9)
        weight = torch.softmax(score, dim=1) * mask  # (batch, n_channels)
        features = (weight[..., None] * self.value(mean)).sum(dim=1)
        n_steps = bands.shape[1]
        return EncoderOutput(features, weight[..., None].expand(-1, -1, n_steps) / n_steps)


def main() -> None:
    """Print the balanced accuracy of the encoder on people held out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        preset = folder / "mine.toml"
        preset.write_text(PRESET, encoding="utf-8")
        write_deap(folder / "deap", SimulationSettings(subjects=3, trials=8, seconds=10))
        corpus = ba.load_corpus(ba.open_dataset("deap", folder / "deap"), cache=folder)
        x, y, people = ba.trial_table(corpus, "valence")
        model = ba.AffectClassifier(corpus.features.positions[0], preset=str(preset))
        scores = cross_val_score(model, x, y, groups=people, cv=GroupKFold(3))
    print(f"balanced accuracy of each person: {scores.round(2).tolist()} (chance .5)")


if __name__ == "__main__":
    main()
