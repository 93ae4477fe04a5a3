"""Training of the shipped model: ``python -m studies.demo_model``.

Trains on the broad simulation of `listeners`, with the pipeline and normaliser of live use, and
writes ``models/demo.safetensors`` with its card. The model is tested on other people with other
pieces.

``--measure SEED`` does not train: it measures the shipped model on people of another seed and
writes the figures into its card. This is needed after a choice among models by the people of one
seed.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from bci_affect.config import Section, SignalSettings, load_toml
from bci_affect.model import AffectModel, ModelCard, Predictor, load_model, save_model
from bci_affect.model.card import Prediction
from bci_affect.resources import shipped
from bci_affect.simulation.music import PIECES, random_pieces
from bci_affect.training.corpus import Corpus, build_corpus
from bci_affect.training.extract import ExtractionSettings, extract_subject
from bci_affect.training.metrics import classification, per_trial
from bci_affect.training.retrieval import cosine, retrieval_metrics, track_scores
from bci_affect.training.run_folder import git_revision
from bci_affect.training.settings import TrainSettings
from bci_affect.training.trainer import EpochRecord, FitResult, fit, predict
from studies.listeners import HEADSETS, ListeningSettings, TaggedPiece, simulate_trials, tag_pieces
from studies.model_page import page

log = logging.getLogger(__name__)

_TEST_SEED = 10_000  # of people who are never trained on
_PIECE_SEED = 7


class DemoSettings(Section):
    """Content of ``configs/demo.toml``."""

    seed: int = 0
    signal: SignalSettings = SignalSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    listening: ListeningSettings = ListeningSettings()
    train: TrainSettings = TrainSettings()


def simulate(settings: DemoSettings, jobs: int = 1) -> tuple[Corpus, Corpus]:
    """Return features of the people to learn from, and of other people who hear other pieces."""
    plan = settings.listening
    log.info("rendering and tagging %d pieces", plan.pieces)
    known = tag_pieces(random_pieces(plan.pieces, _PIECE_SEED, plan.seconds))
    log.info("simulating %d people", plan.people)
    return (
        _record(known, plan.people, settings, settings.seed, jobs),
        strangers(settings, plan.test_people, settings.seed + _TEST_SEED, jobs),
    )


def strangers(settings: DemoSettings, people: int, seed: int, jobs: int = 1) -> Corpus:
    """Return features of people who hear the pieces that are never trained on."""
    log.info("simulating %d people who hear other pieces", people)
    unheard = tag_pieces([replace(piece, seconds=settings.listening.seconds) for piece in PIECES])
    return _record(unheard, people, settings, seed, jobs)


def train(corpus: Corpus, test: Corpus, settings: DemoSettings) -> tuple[FitResult, ModelCard]:
    """Train on the one, measure on the other; return the model and its card."""
    begun = time.monotonic()
    plan = settings.listening
    features = corpus.features
    # Every sixth group of five: each headset is in the training and in the validation part.
    chooses = (features.subject // len(HEADSETS)) % 6 == 5
    if not chooses.any():
        chooses = features.subject == features.subject.max()
    result = fit(
        features.select(~chooses),
        features.select(chooses),
        settings.train,
        settings.seed,
        on_epoch=_say,
    )
    card = ModelCard(
        name="demo",
        summary=(
            "Trained on simulated EEG of simulated listeners and generated music: for "
            "demonstration until calibrated to a person."
        ),
        simulated=True,
        bands=dict(settings.signal.bands),
        window_s=settings.signal.window.window_s,
        step_s=settings.signal.window.step_s,
        hop_s=settings.signal.window.hop_s,
        prior_mean=(),
        prior_sd=(0.5,) * len(settings.signal.bands),
        signal=settings.signal.model_dump(mode="json"),
        rates_hz=tuple(sorted({headset.rate_hz for headset in HEADSETS})),
        training={
            "data": "simulated listeners (studies.listeners), generated music",
            "settings": settings.model_dump(mode="json"),
            "headsets": {headset.name: len(headset.electrodes) for headset in HEADSETS},
            "windows": len(features),
            "people": plan.people,
            "trials": len(np.unique(features.trial)),
            "best_epoch": result.best_epoch,
            "epochs": len(result.history),
            "training_seconds": round(time.monotonic() - begun),
        },
        metrics=measure(result.model, test),
        git_revision=git_revision(),
    )
    return result, card


def _record(
    tagged: list[TaggedPiece], people: int, settings: DemoSettings, seed: int, jobs: int
) -> Corpus:
    from joblib import Parallel, delayed

    windows = Parallel(n_jobs=jobs)(
        delayed(_one)(number, tagged, settings, seed) for number in range(people)
    )
    return build_corpus({f"p{number:03d}": part for number, part in enumerate(windows)})


def _one(number: int, tagged: list[TaggedPiece], settings: DemoSettings, seed: int) -> Any:
    trials = simulate_trials(number, tagged, settings.listening, seed=seed)
    return extract_subject(trials, settings.signal, settings.extraction)


def measure(model: AffectModel, test: Corpus) -> dict[str, Any]:
    """Return held-out figures with their counts and chance levels."""
    features = test.features
    said = predict(model, features)
    probabilities = expit(said.logits)
    figures: dict[str, Any] = {
        "protocol": "unseen people, unseen pieces; windows of a trial are averaged",
        "people": len(test.subjects),
    }
    _, labels = per_trial(features.labels, features.trial)
    _, trial_probabilities = per_trial(probabilities, features.trial)
    _, montage = per_trial(features.montage, features.trial)
    for column, dimension in enumerate(("valence", "arousal")):
        figures[dimension] = _figures(labels[:, column], trial_probabilities[:, column])
        figures[dimension]["by_electrodes"] = {
            str(len(names)): _figures(
                labels[montage == row, column], trial_probabilities[montage == row, column]
            )["balanced_accuracy"]
            for row, names in enumerate(test.channels)
        }
    figures["retrieval"] = _retrieval(model, said, test)
    return figures


def _figures(labels: Any, probabilities: Any) -> dict[str, Any]:
    found = classification(labels, probabilities)
    return {
        "balanced_accuracy": round(found.balanced_accuracy, 3),
        "auc": round(found.auc, 3),
        "trials": found.n,
        "chance": 0.5,
    }


def _retrieval(model: AffectModel, said: Prediction, test: Corpus) -> dict[str, Any]:
    """Retrieve music by the EEG of a trial: the piece that played, and pieces of its mood."""
    import torch

    features, catalogue = test.features, test.catalogue
    with torch.inference_mode():
        music = model.project_music(torch.from_numpy(catalogue.embeddings)).embedding.numpy()
    trials, queries = per_trial(said.embedding, features.trial)
    scores = track_scores(cosine(queries, music), catalogue.stimulus)
    first = [int(np.flatnonzero(features.trial == trial)[0]) for trial in trials]
    tracks = np.unique(catalogue.stimulus)
    labels = np.stack([catalogue.labels[catalogue.stimulus == t][0] for t in tracks])
    felt = features.labels[first]
    same_piece = features.stimulus[first][:, None] == tracks[None]
    same_mood = (felt[:, None] == labels[None]).all(axis=-1)
    figures: dict[str, Any] = {"pieces": len(tracks), "trials": len(trials)}
    for name, relevant in (("piece", same_piece), ("mood", same_mood)):
        found = retrieval_metrics(scores, relevant, (1, 3))
        figures[name] = {
            "mrr": round(found.mean_reciprocal_rank, 3),
            "mrr_chance": round(found.chance["MRR"], 3),
            "precision_at_3": round(found.precision_at_k[3], 3),
            "precision_chance": round(found.chance["p@3"], 3),
        }
    return figures


def _say(record: EpochRecord) -> None:
    log.info(
        "epoch %d: loss %.3f, validation %.4f%s (%.0f windows/s)",
        record.epoch,
        record.train["total"],
        record.valid_loss,
        " *" if record.best else "",
        record.windows_per_s,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and write the model with its card."""
    parser = argparse.ArgumentParser(prog="python -m studies.demo_model")
    parser.add_argument("--config", type=Path, help="settings; configs/demo.toml when left out")
    parser.add_argument("--out", type=Path, default=Path("models/demo.safetensors"))
    parser.add_argument("--jobs", type=int, default=1, help="processes that simulate")
    parser.add_argument(
        "--measure", type=int, metavar="SEED", help="train nothing; measure --out on other people"
    )
    parser.add_argument("--people", type=int, default=40, help="how many, with --measure")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = load_toml(given.config or shipped("configs/demo.toml"), DemoSettings)
    if given.measure is None:
        result, card = train(*simulate(settings, given.jobs), settings)
        model = result.model
    else:
        model, card = load_model(given.out)
        test = strangers(settings, given.people, given.measure, given.jobs)
        card = replace(card, metrics=measure(model, test) | {"seed": given.measure})
    save_model(given.out, model, card)
    Predictor(given.out)  # it can be read and run
    given.out.with_suffix(".md").write_text(page(card), encoding="utf-8")
    print(json.dumps(card.metrics, indent=2))


if __name__ == "__main__":
    main()
