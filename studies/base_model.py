"""Training of the model of real people: ``python -m studies.base_model --data ROOT``.

ROOT holds the folders ``effort``, ``eyes`` and ``dasps`` of recordings. Arousal is mental
arithmetic against rest (``effort``). People of the other sets are used without labels: the mean
rest of a population, and agreement between electrode sets and between moments of one trial
(`person_fit.noise_gram`). Open against closed eyes is a further direction of the embedding.

The recipe is evaluated on people left out one at a time; nothing but their labels and windows
enters from ``effort``. The model is written to ``models/base.safetensors`` with its page.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from bci_affect.datasets import open_dataset
from bci_affect.eeg import CAPS, PopulationPrior
from bci_affect.model import (
    AffectModel,
    CovarianceEncoder,
    ModelCard,
    RestCalibration,
    save_model,
)
from bci_affect.resources import shipped
from bci_affect.training.corpus import Corpus, load_corpus
from bci_affect.training.metrics import auc, balanced_accuracy, calibration_error, per_trial
from bci_affect.training.person import population_prior
from bci_affect.training.person_fit import (
    BIAS,
    PersonFit,
    block_scale,
    draw_electrode_sets,
    fit_people,
    moments,
    noise_gram,
)
from bci_affect.training.run_folder import git_revision
from bci_affect.training.settings import TrainSettings
from bci_affect.training.stats import bootstrap_mean, permutation_p
from bci_affect.training.study_settings import StudyConfig, load_study
from bci_affect.training.trainer import predict
from studies.base_model_page import page

logger = logging.getLogger(__name__)

AROUSAL = 1
LABELLED, UNLABELLED = "effort", ("eyes", "dasps")
EYES_DIRECTION, CONSTANT = 2, 3
"""Dimensions of the embedding after valence and arousal."""

HEADSETS = {"epoc": CAPS["epoc"], "cyton": CAPS["cyton"], "muse": CAPS["muse"]}
_FAILING = 5


@dataclass(frozen=True)
class Ingredients:
    """Features and moments of a fit, computed once."""

    settings: TrainSettings
    corpora: Mapping[str, Corpus]
    population: PopulationPrior
    scale: NDArray[np.float64]
    noise: NDArray[np.floating]
    rows: Mapping[str, list[Any]]


def prepare(config: StudyConfig, root: Path, seed: int = 0) -> Ingredients:
    """Extract the features of all sets, and what people without labels contribute."""
    corpora = {
        name: load_corpus(
            open_dataset("recorded", root / name, None), config.signal, config.features
        )
        for name in (LABELLED, *UNLABELLED)
    }
    settings = _small(config, corpora[LABELLED])
    population = _rest(corpora[name].features for name in UNLABELLED)
    rows = {
        name: list(draw_electrode_sets(corpus.features, settings, seed, population).rows)
        for name, corpus in corpora.items()
    }
    scale = block_scale([row for name in UNLABELLED for row in rows[name]])
    noise = np.sum([noise_gram(rows[name], scale) for name in UNLABELLED], axis=0)
    return Ingredients(settings, corpora, population, scale, noise, rows)


def evaluate(ready: Ingredients, *, use_noise: bool = True) -> dict[str, Any]:
    """Return the results on people of `LABELLED` left out one at a time, by set of electrodes."""
    rows, features = ready.rows[LABELLED], ready.corpora[LABELLED].features
    gram, moment = moments(rows, ready.scale, AROUSAL, low_at_rest=True)
    masks = _test_masks(ready.corpora[LABELLED])
    scores: dict[str, list[tuple[int, NDArray[np.float64]]]] = {name: [] for name in masks}
    for person in sorted(gram):
        kept = [row for row in rows if row.subject != person]
        others = (_without(gram, person), _without(moment, person))
        noise = ready.noise if use_noise else 0.0
        fitted = fit_people(kept, ready.scale, [({}, {}), others], ready.settings, noise)
        model = _model(ready.settings, fitted, ready.population)
        own = features.select(features.subject == person)
        for name, mask in masks.items():
            tested = replace(own, mask=own.mask & mask[person])
            logits = predict(model, tested, fitted.calibration).logits[:, AROUSAL]
            table = np.stack([own.labels[:, AROUSAL], expit(logits)], axis=1).astype(np.float64)
            scores[name].append((person, per_trial(table, own.trial)[1]))
        logger.info("person %d done", person)
    return {name: _measure(parts) for name, parts in scores.items()}


def train(ready: Ingredients) -> tuple[AffectModel, tuple[RestCalibration, ...]]:
    """Return the model of all people, with its calibration against rest."""
    rows = ready.rows[LABELLED]
    arousal = moments(rows, ready.scale, AROUSAL, low_at_rest=True)
    fitted = fit_people(rows, ready.scale, [({}, {}), arousal], ready.settings, ready.noise)
    model = _model(ready.settings, fitted, ready.population)
    eyes_rows = ready.rows["eyes"]
    eyes = moments(eyes_rows, ready.scale, AROUSAL, low_at_rest=False)
    other = noise_gram([*ready.rows["dasps"]], ready.scale)
    direction = fit_people(eyes_rows, ready.scale, [({}, {}), eyes], ready.settings, other)
    encoder = model.encoder
    assert isinstance(encoder, CovarianceEncoder)
    with torch.no_grad():
        for layer, weights in zip((encoder.few, encoder.many), direction.weights, strict=True):
            layer.weight[EYES_DIRECTION] = torch.from_numpy(weights[AROUSAL, :-1])
            layer.bias[EYES_DIRECTION] = float(BIAS * weights[AROUSAL, -1])
        model.shared.weight[EYES_DIRECTION, EYES_DIRECTION] = 1.0
    return model, fitted.calibration


def _model(settings: TrainSettings, fitted: PersonFit, population: PopulationPrior) -> AffectModel:
    """Return a model that is linear; music has no influence on its embedding."""
    model = AffectModel(settings.model).eval()
    with torch.no_grad():
        for parameter in (*model.shared.parameters(), *model.heads.parameters()):
            parameter.zero_()
        last = model.music[-1]
        assert isinstance(last, torch.nn.Linear)
        last.weight.zero_()
        last.bias.zero_()
        model.shared.bias[CONSTANT] = 1.0  # the length of the rest stays known after normalisation
        encoder = model.encoder
        assert isinstance(encoder, CovarianceEncoder)
        for layer in (encoder.few, encoder.many):
            layer.weight.zero_()
            layer.bias.zero_()
    fitted.write(model, population.covariance)
    return model


def _without(parts: Mapping[int, Any], person: int) -> dict[int, Any]:
    return {key: one for key, one in parts.items() if key != person}


def _small(config: StudyConfig, corpus: Corpus) -> TrainSettings:
    settings = config.training(config.variant_names[0])
    shape = {
        "n_steps": corpus.features.bands.shape[1],
        "n_bands": corpus.features.bands.shape[3],
        "width": 4,
        "hidden": 4,
        "space": 4,
        "attention_heads": 1,
        "attention_path": False,
    }
    return settings.model_copy(update={"model": settings.model.model_copy(update=shape)})


def _rest(sets: Any) -> PopulationPrior:
    references = [
        features.person.reference(int(s), features.positions[features.montage[first]])
        for features in sets
        for s, first in zip(*np.unique(features.subject, return_index=True), strict=True)
    ]
    prior = population_prior(references)
    assert prior is not None
    return prior


def _test_masks(corpus: Corpus) -> dict[str, NDArray[np.bool_]]:
    """Return the electrodes, (n_people, n_channels), of each condition."""
    channels, n_people = np.array(corpus.channels[0]), len(corpus.subjects)
    masks = {"all": np.ones((n_people, len(channels)), np.bool_)}
    rng = np.random.default_rng(99)
    failing = np.ones_like(masks["all"])
    for person in range(n_people):
        failing[person, rng.choice(len(channels), _FAILING, replace=False)] = False
    for name, electrodes in HEADSETS.items():
        places = [_NEAREST.get(one, one) for one in electrodes]
        masks[name] = np.tile(np.isin(channels, places), (n_people, 1))
    return {**masks, "5 fail after rest": failing}


_NEAREST = {"TP9": "T7", "TP10": "T8", "AF7": "Fp1", "AF8": "Fp2", "AF3": "Fp1", "AF4": "Fp2",
            "FC5": "C3", "FC6": "C4"}  # fmt: skip
"""Electrodes of 10-20 caps with 19 electrodes in the place of headsets' electrodes."""


def _measure(parts: Sequence[tuple[int, NDArray[np.float64]]]) -> dict[str, Any]:
    pairs = np.concatenate([pair for _, pair in parts])
    people = np.concatenate([np.full(len(pair), person) for person, pair in parts])
    by_person = [balanced_accuracy(*pair.T) for _, pair in parts]
    members = [np.flatnonzero(people == person) for person, _ in parts]
    return {
        "balanced_accuracy": bootstrap_mean(by_person).as_dict(),
        "even": float(np.mean(by_person[::2])),
        "odd": float(np.mean(by_person[1::2])),
        "auc": auc(*pairs.T),
        "ece": calibration_error(*pairs.T),
        "p": permutation_p(
            pairs[:, 0], pairs[:, 1], partial(_over_people, members), groups=people, seed=0
        ),
        "people": len(parts),
        "trials": len(pairs),
    }


def _over_people(
    members: list[NDArray[np.int64]], labels: NDArray[np.float64], chance: NDArray[np.float64]
) -> float:
    return float(np.mean([balanced_accuracy(labels[own], chance[own]) for own in members]))


def card_of(
    ready: Ingredients,
    config: StudyConfig,
    calibration: tuple[RestCalibration, ...],
    results: dict[str, Any],
) -> ModelCard:
    """Return the card of the model."""
    window, corpus = config.signal.window, ready.corpora[LABELLED]
    return ModelCard(
        name="base",
        summary=(
            "Mental effort against the person's own rest, trained on EEG of real people. It "
            "gives no estimate of valence before calibration."
        ),
        simulated=False,
        bands=dict(config.signal.bands),
        window_s=window.window_s,
        step_s=window.step_s,
        hop_s=window.hop_s,
        prior_mean=tuple(map(float, corpus.raw_mean.mean(axis=0))),
        prior_sd=tuple(map(float, corpus.raw_sd.mean(axis=0))),
        signal=config.signal.model_dump(mode="json"),
        rates_hz=(128.0,),
        training={
            "data": {name: list(one.subjects) for name, one in ready.corpora.items()},
            "labels": "arousal: arithmetic (high), calm and rest (low), of effort only",
            "settings": ready.settings.model_dump(mode="json"),
        },
        metrics=results,
        git_revision=git_revision(),
        rest_calibration=calibration,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m studies.base_model")
    parser.add_argument("--data", type=Path, required=True, help="folder of effort, eyes, dasps")
    parser.add_argument("--out", type=Path, default=Path("models/base.safetensors"))
    parser.add_argument("--ablate", action="store_true", help="print results without agreement")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = load_study(shipped("configs/people.toml"))
    ready = prepare(config, given.data)
    if given.ablate:
        print(json.dumps(evaluate(ready, use_noise=False), indent=1))
        return
    results = evaluate(ready)
    model, calibration = train(ready)
    card = card_of(ready, config, calibration, results)
    save_model(given.out, model, card)
    given.out.with_suffix(".md").write_text(page(card), encoding="utf-8")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
