"""Demonstration model: its card and page, its headsets, and the simulation it is trained on."""

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

LISTENING = ListeningSettings(people=6, test_people=2, trials=4, seconds=10.0, rest_s=6.0)


def tagged_pieces(n: int = 8) -> list[TaggedPiece]:
    """Pieces with synthetic embeddings: mood in two dimensions, noise in the others."""
    rng = np.random.default_rng(0)
    pieces = []
    for piece in random_pieces(n, 3, 10.0):
        embeddings = 0.3 * rng.standard_normal((8, 128)).astype(np.float32)
        embeddings[:, 0] += piece.valence
        embeddings[:, 1] += piece.arousal
        pieces.append(TaggedPiece(piece, np.arange(8) + 0.5, embeddings))
    return pieces


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(shipped("models/demo.safetensors"))


def test_card_and_page_match_the_model_file(predictor: Predictor) -> None:
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
def test_the_model_supports_every_headset(predictor: Predictor, headset: object) -> None:
    names = headset.electrodes  # type: ignore[attr-defined]
    bands = np.random.default_rng(0).standard_normal((12, len(names), 5)).astype(np.float32)
    positions = make_montage(names).positions
    prediction = predictor.predict(bands, np.ones(len(names), np.bool_), positions)
    assert np.isfinite(prediction.logits).all()
    assert prediction.attention.sum() == pytest.approx(1.0, abs=1e-4)
    assert prediction.attention.std() > 0


def test_sessions_are_reproducible_and_depend_on_the_seed() -> None:
    pieces = tagged_pieces()
    one, again = (simulate_trials(1, pieces, LISTENING, seed=0) for _ in range(2))
    assert len(one) == 4
    assert all(np.array_equal(a.eeg, b.eeg) for a, b in zip(one, again, strict=True))
    assert one[0].montage.names == HEADSETS[1].electrodes
    assert len({trial.stimulus for trial in one}) == 4
    for trial in one:
        assert all(1 <= value <= 9 for value in trial.ratings.values())
        assert trial.eeg.shape[1] == round(16 * trial.rate_hz)
    other = simulate_trials(1, pieces, LISTENING, seed=1)
    assert not np.array_equal(one[0].eeg, other[0].eeg)


def test_training_gives_a_model_with_results() -> None:
    def corpus(people: int, seed: int) -> object:
        return build_corpus(
            {
                f"p{number}": extract_subject(
                    simulate_trials(5 * number, tagged_pieces(), LISTENING, seed=seed),
                    SignalSettings(),
                    ExtractionSettings(),
                )
                for number in range(people)
            }
        )

    settings = DemoSettings.model_validate({"listening": LISTENING, "train": {"epochs": 1}})
    result, card = train(corpus(3, 0), corpus(2, 1), settings)  # type: ignore[arg-type]
    assert len(result.history) == 1
    assert card.metrics["people"] == 2
    assert card.metrics["valence"]["trials"] == 8
    assert 0 <= card.metrics["retrieval"]["piece"]["mrr"] <= 1


@pytest.mark.parametrize("number", [1, 4], ids=["8-electrodes", "32-electrodes"])
def test_zeroing_attended_inputs_changes_the_embedding_more_than_random_inputs(
    predictor: Predictor, number: int
) -> None:
    windows = extract_subject(
        simulate_trials(number, tagged_pieces(), LISTENING, seed=9),
        SignalSettings(),
        ExtractionSettings(),
    )

    def predict(bands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        prediction = predictor.predict_many(bands, windows.mask, windows.positions)
        return prediction.embedding, prediction.attention

    embedding, attention = predict(windows.bands)
    rng = np.random.default_rng(0)
    random = rng.uniform(size=attention.shape)
    changes = []
    for rank in (attention, random):
        rank = np.where(windows.mask[:, :, None], rank, -1.0)
        limit = np.quantile(rank[rank >= 0], 0.9)
        bands = np.where((rank > limit).transpose(0, 2, 1)[..., None], 0.0, windows.bands)
        changes.append(1 - (predict(bands.astype(np.float32))[0] * embedding).sum(axis=1).mean())
    assert changes[0] > 1.2 * changes[1]
