"""Training of the demonstration model: ``python -m studies.demo_model``.

The model is trained on simulated listeners (`studies.listeners`) with the live signal pipeline and
normaliser, evaluated on other people listening to other pieces, and written to
``models/demo.safetensors`` with its card.

``--measure SEED`` evaluates the existing model on people of another seed and updates its card. This
is needed after a model was selected by its results on the people of one seed.
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
from studies.listeners import (
    HEADSETS,
    ListeningSettings,
    TaggedPiece,
    simulate_trials,
    tag_pieces,
)
from studies.model_page import page

logger = logging.getLogger(__name__)

_TEST_SEED = 10_000  # added to the seed for the test people
_PIECE_SEED = 7


class DemoSettings(Section):
    """Settings in ``configs/demo.toml``."""

    seed: int = 0
    signal: SignalSettings = SignalSettings()
    extraction: ExtractionSettings = ExtractionSettings()
    listening: ListeningSettings = ListeningSettings()
    train: TrainSettings = TrainSettings()


def simulate(settings: DemoSettings, jobs: int = 1) -> tuple[Corpus, Corpus]:
    """Simulate the training people and the test people; return their features."""
    listening = settings.listening
    logger.info("rendering and embedding %d pieces", listening.pieces)
    pieces = tag_pieces(random_pieces(listening.pieces, _PIECE_SEED, listening.seconds))
    logger.info("simulating %d people", listening.people)
    return (
        _build_corpus(pieces, listening.people, settings, settings.seed, jobs),
        simulate_test(settings, listening.test_people, settings.seed + _TEST_SEED, jobs),
    )


def simulate_test(settings: DemoSettings, people: int, seed: int, jobs: int = 1) -> Corpus:
    """Simulate people listening to pieces that are not in the training data."""
    logger.info("simulating %d people listening to other pieces", people)
    pieces = [replace(piece, seconds=settings.listening.seconds) for piece in PIECES]
    return _build_corpus(tag_pieces(pieces), people, settings, seed, jobs)


def train(corpus: Corpus, test: Corpus, settings: DemoSettings) -> tuple[FitResult, ModelCard]:
    """Train on `corpus` and evaluate on `test`; return the model and its card."""
    started = time.monotonic()
    features = corpus.features
    # Every sixth group of five people, so each headset is in the training and the validation part.
    validation = (features.subject // len(HEADSETS)) % 6 == 5
    if not validation.any():
        validation = features.subject == features.subject.max()
    result = fit(
        features.select(~validation),
        features.select(validation),
        settings.train,
        settings.seed,
        on_epoch=_log_epoch,
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
            "people": settings.listening.people,
            "trials": len(np.unique(features.trial)),
            "best_epoch": result.best_epoch,
            "epochs": len(result.history),
            "training_seconds": round(time.monotonic() - started),
        },
        metrics=measure(result.model, test),
        git_revision=git_revision(),
    )
    return result, card


def _build_corpus(
    pieces: list[TaggedPiece], people: int, settings: DemoSettings, seed: int, jobs: int
) -> Corpus:
    from joblib import Parallel, delayed

    windows = Parallel(n_jobs=jobs)(
        delayed(_simulate_person)(number, pieces, settings, seed) for number in range(people)
    )
    return build_corpus({f"p{number:03d}": part for number, part in enumerate(windows)})


def _simulate_person(
    number: int, pieces: list[TaggedPiece], settings: DemoSettings, seed: int
) -> Any:
    trials = simulate_trials(number, pieces, settings.listening, seed=seed)
    return extract_subject(trials, settings.signal, settings.extraction)


def measure(model: AffectModel, test: Corpus) -> dict[str, Any]:
    """Evaluate a model on held-out data; return the results with counts and chance levels."""
    features = test.features
    prediction = predict(model, features)
    probabilities = expit(prediction.logits)
    results: dict[str, Any] = {
        "protocol": "unseen people, unseen pieces; windows of a trial are averaged",
        "people": len(test.subjects),
    }
    _, labels = per_trial(features.labels, features.trial)
    _, trial_probabilities = per_trial(probabilities, features.trial)
    _, montage = per_trial(features.montage, features.trial)
    for column, dimension in enumerate(("valence", "arousal")):
        results[dimension] = _classification(labels[:, column], trial_probabilities[:, column])
        results[dimension]["by_electrodes"] = {
            str(len(names)): _classification(
                labels[montage == row, column], trial_probabilities[montage == row, column]
            )["balanced_accuracy"]
            for row, names in enumerate(test.channels)
        }
    results["retrieval"] = _retrieval(model, prediction, test)
    return results


def _classification(labels: Any, probabilities: Any) -> dict[str, Any]:
    measures = classification(labels, probabilities)
    return {
        "balanced_accuracy": round(measures.balanced_accuracy, 3),
        "auc": round(measures.auc, 3),
        "trials": measures.n,
        "chance": 0.5,
    }


def _retrieval(model: AffectModel, prediction: Prediction, test: Corpus) -> dict[str, Any]:
    """Retrieve music by the EEG of a trial: the piece that was played, and pieces of its mood."""
    import torch

    features, catalogue = test.features, test.catalogue
    with torch.inference_mode():
        music = model.project_music(torch.from_numpy(catalogue.embeddings)).embedding.numpy()
    trials, queries = per_trial(prediction.embedding, features.trial)
    scores = track_scores(cosine(queries, music), catalogue.stimulus)
    first = [int(np.flatnonzero(features.trial == trial)[0]) for trial in trials]
    tracks = np.unique(catalogue.stimulus)
    labels = np.stack([catalogue.labels[catalogue.stimulus == t][0] for t in tracks])
    felt = features.labels[first]
    same_piece = features.stimulus[first][:, None] == tracks[None]
    same_mood = (felt[:, None] == labels[None]).all(axis=-1)
    results: dict[str, Any] = {"pieces": len(tracks), "trials": len(trials)}
    for name, relevant in (("piece", same_piece), ("mood", same_mood)):
        metrics = retrieval_metrics(scores, relevant, (1, 3))
        results[name] = {
            "mrr": round(metrics.mean_reciprocal_rank, 3),
            "mrr_chance": round(metrics.chance["MRR"], 3),
            "precision_at_3": round(metrics.precision_at_k[3], 3),
            "precision_chance": round(metrics.chance["p@3"], 3),
        }
    return results


def _log_epoch(record: EpochRecord) -> None:
    logger.info(
        "epoch %d: loss %.3f, validation %.4f%s (%.0f windows/s)",
        record.epoch,
        record.train["total"],
        record.valid_loss,
        " *" if record.best else "",
        record.windows_per_s,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and evaluate the model, and write it with its card."""
    parser = argparse.ArgumentParser(prog="python -m studies.demo_model")
    parser.add_argument("--config", type=Path, help="settings (default: configs/demo.toml)")
    parser.add_argument("--out", type=Path, default=Path("models/demo.safetensors"))
    parser.add_argument("--jobs", type=int, default=1, help="number of simulation processes")
    parser.add_argument(
        "--measure", type=int, metavar="SEED", help="only evaluate --out on people of this seed"
    )
    parser.add_argument("--people", type=int, default=40, help="number of people for --measure")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = load_toml(args.config or shipped("configs/demo.toml"), DemoSettings)
    if args.measure is None:
        result, card = train(*simulate(settings, args.jobs), settings)
        model = result.model
    else:
        model, card = load_model(args.out)
        test = simulate_test(settings, args.people, args.measure, args.jobs)
        card = replace(card, metrics=measure(model, test) | {"seed": args.measure})
    save_model(args.out, model, card)
    Predictor(args.out)  # check that the file can be loaded
    args.out.with_suffix(".md").write_text(page(card), encoding="utf-8")
    print(json.dumps(card.metrics, indent=2))


if __name__ == "__main__":
    main()
