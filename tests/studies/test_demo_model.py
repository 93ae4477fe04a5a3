"""The shipped model fits its card, and its simulation is reproducible."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.config import SignalSettings
from bci_affect.eeg import make_montage
from bci_affect.model import Predictor
from bci_affect.resources import shipped
from bci_affect.simulation.music import random_pieces
from bci_affect.training.corpus import build_corpus
from bci_affect.training.extract import ExtractionSettings, extract_subject
from studies.demo_model import DemoSettings, train
from studies.listeners import HEADSETS, ListeningSettings, TaggedPiece, simulate_trials
from studies.model_page import page

PLAN = ListeningSettings(people=6, test_people=2, trials=4, seconds=10.0, rest_s=6.0)


def tagged(n: int = 8) -> list[TaggedPiece]:
    """Pieces whose rows stand for the tagger's: mood in two columns, noise elsewhere."""
    rng = np.random.default_rng(0)
    found = []
    for piece in random_pieces(n, 3, 10.0):
        rows = 0.3 * rng.standard_normal((8, 128)).astype(np.float32)
        rows[:, 0] += piece.valence
        rows[:, 1] += piece.arousal
        found.append(TaggedPiece(piece, np.arange(8) + 0.5, rows))
    return found


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(shipped("models/demo.safetensors"))


def test_the_card_tells_the_truth_about_itself(predictor: Predictor) -> None:
    card = predictor.card
    assert card.simulated
    assert "simulated" in card.summary
    for dimension in ("valence", "arousal"):
        figures = card.metrics[dimension]
        assert figures["trials"] >= 80
        assert figures["balanced_accuracy"] > 0.65  # over two standard errors above chance
    assert list(card.bands) == list(SignalSettings().bands)
    assert shipped("models/demo.md").read_text(encoding="utf-8") == page(card)
    assert shipped("models/demo.safetensors").stat().st_size < 3_000_000


@pytest.mark.parametrize("headset", HEADSETS, ids=lambda headset: headset.name)
def test_the_shipped_model_takes_every_headset(predictor: Predictor, headset: object) -> None:
    names = headset.electrodes  # type: ignore[attr-defined]
    bands = np.random.default_rng(0).standard_normal((12, len(names), 5)).astype(np.float32)
    said = predictor.predict(bands, np.ones(len(names), np.bool_), make_montage(names).positions)
    assert np.isfinite(said.logits).all()
    assert said.attention.sum() == pytest.approx(1.0, abs=1e-4)
    assert said.attention.std() > 0


def test_listeners_repeat_themselves_and_differ() -> None:
    pieces = tagged()
    one, again = simulate_trials(1, pieces, PLAN, seed=0), simulate_trials(1, pieces, PLAN, seed=0)
    assert len(one) == 4
    assert all(np.array_equal(a.eeg, b.eeg) for a, b in zip(one, again, strict=True))
    assert one[0].montage.names == HEADSETS[1].electrodes
    assert len({trial.stimulus for trial in one}) == 4
    for trial in one:
        assert all(1 <= value <= 9 for value in trial.ratings.values())
        assert trial.eeg.shape[1] == round(16 * trial.rate_hz)
    other = simulate_trials(1, pieces, PLAN, seed=1)
    assert not np.array_equal(one[0].eeg, other[0].eeg)


def test_the_whole_way_gives_a_model_with_figures() -> None:
    def corpus(people: int, seed: int) -> object:
        return build_corpus(
            {
                f"p{number}": extract_subject(
                    simulate_trials(5 * number, tagged(), PLAN, seed=seed),
                    SignalSettings(),
                    ExtractionSettings(),
                )
                for number in range(people)
            }
        )

    settings = DemoSettings.model_validate({"listening": PLAN, "train": {"epochs": 1}})
    result, card = train(corpus(3, 0), corpus(2, 1), settings)  # type: ignore[arg-type]
    assert len(result.history) == 1
    assert card.metrics["people"] == 2
    assert card.metrics["valence"]["trials"] == 8
    assert 0 <= card.metrics["retrieval"]["piece"]["mrr"] <= 1


@pytest.mark.parametrize("number", [1, 4], ids=["8-electrodes", "32-electrodes"])
def test_what_the_shipped_model_looks_at_matters_more_than_the_rest(
    predictor: Predictor, number: int
) -> None:
    windows = extract_subject(
        simulate_trials(number, tagged(), PLAN, seed=9), SignalSettings(), ExtractionSettings()
    )

    def read(bands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        said = predictor.predict_many(bands, windows.mask, windows.positions)
        return said.embedding, said.attention

    embedding, attention = read(windows.bands)
    rng = np.random.default_rng(0)
    chance = rng.uniform(size=attention.shape)
    changes = []
    for rank in (attention, chance):
        rank = np.where(windows.mask[:, :, None], rank, -1.0)
        limit = np.quantile(rank[rank >= 0], 0.9)
        bands = np.where((rank > limit).transpose(0, 2, 1)[..., None], 0.0, windows.bands)
        changes.append(1 - (read(bands.astype(np.float32))[0] * embedding).sum(axis=1).mean())
    assert changes[0] > 1.2 * changes[1]
