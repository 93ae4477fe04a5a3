"""Card of an untrained model: its output is arbitrary, but fixed."""

from __future__ import annotations

from bci_affect.config import CLASSIC_BANDS, SignalSettings
from bci_affect.model import ModelCard


def untrained_card(prior_mean: tuple[float, ...]) -> ModelCard:
    """Return a card with the default signal settings."""
    window = SignalSettings().window
    return ModelCard(
        name="untrained",
        summary="Untrained weights for tests.",
        simulated=True,
        bands=dict(CLASSIC_BANDS),
        window_s=window.window_s,
        step_s=window.step_s,
        hop_s=window.hop_s,
        prior_mean=prior_mean,
        prior_sd=(0.5,) * 5,
    )
