"""Comparison of the presets ``streaming`` and ``paper`` on simulated people and on null data.

Run it with::

    python -m studies.comparison --work /tmp/comparison --docs docs/study.md

It simulates groups of people, each with its own music and seed, with a given effect and without
one, and runs both presets on held-out people, held-out tracks, held-out people and tracks, and each
person's held-out trials, and each term of the objective separately. Interrupted studies resume. The
tables (`comparison_tables`) replace the text between the marks in the document; with ``--tables``
they are written from the finished studies and nothing is run.

With ``--conditions`` it compares ``streaming`` with the baselines on held-out people under the
conditions of real recordings instead: electrode gains that drift, states that last, one session for
each state, an effect on coupling without power, all of them together, and the null under all.
``--only drift`` and ``--seeds 0`` restrict either comparison.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bci_affect.training.study import prepare_study, run_study
from bci_affect.training.study_settings import StudyConfig, load_study
from studies.comparison_tables import (
    CONDITION_MARKS,
    Found,
    condition_tables,
    tables,
    write_docs,
)

logger = logging.getLogger(__name__)

SEEDS = (0, 1, 2, 3, 4, 5)
NULL_SEEDS = tuple(range(18))  # detecting a missing effect needs more people
PEOPLE, NULL_PEOPLE, TRIALS, SECONDS, EFFECT = 12, 8, 20, 24.0, 0.7
EVERY_S, BATCH, EPOCHS = 4.0, 64, 10

STATE_S = 135.0
"""Duration of a state: all five tracks of a quadrant."""
_REAL = {"gain_drift_db": 3.0, "coupling": 1.0, "state_s": STATE_S}
CONDITIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "drift": ("Electrode gains drift by 3 dB", {"gain_drift_db": 3.0}),
    "lasting": ("States last for minutes", {"state_s": STATE_S}),
    "sittings": ("Each state in a session of its own", {"one_state_sittings": True}),
    "coupling": ("Effect on coupling only (size 2)", {"effect": 0.0, "coupling": 2.0}),
    "real": ("Drift, lasting states and coupling (size 1) together", _REAL),
    "real-null": (
        "Null under drift and lasting states",
        _REAL | {"effect": 0.0, "coupling": 0.0, "music_effect": 0.0},
    ),
}
"""Title of the table, and changed settings of the simulated people, by name."""

_NATS = 0.3 * EFFECT  # of log power, see `datasets.simulated`
_EFFECT = f"Effect {EFFECT:g} ({_NATS:.2f} nats per unit of mood at the best electrode)"

_PEOPLE = {"protocol": "loso", "folds": 3, "cotrain": False}
_TRACKS = {"protocol": "stimulus", "folds": 3, "cotrain": False}
_BOTH = {"protocol": "loso-stimulus", "folds": 2, "cotrain": False}
_OWN = {"protocol": "loso", "folds": 3, "cotrain": True, "cotrain_folds": 2}

# The preset's rate is for DEAP's 60,000 windows; on so few the model would hardly change.
_PAPER = {"paper": {"learning_rate": 1e-3}}
TERMS: dict[str, dict[str, Any]] = {
    "with the adversarial term (0.1)": {"objective": {"domain": 0.1}},
    "without the contrastive term": {"objective": {"contrastive": 0.0}},
    "EEG alone": {"objective": {"contrastive": 0.0, "emotion_music": 0.0, "domain": 0.0}},
    "without the attention path": {"model": {"attention_path": False}},
}


def studies() -> dict[str, tuple[str, StudyConfig]]:
    """Return the data ("effect" or "null") and configuration of every study, by name.

    The studies are in running order: those that others are compared with come first.
    """
    return {
        "people": ("effect", _study("streaming", _PEOPLE)),
        "people-paper": ("effect", _study("paper", _PEOPLE, _PAPER)),
        "tracks": ("effect", _study("streaming", _TRACKS)),
        "both": ("effect", _study("streaming", _BOTH)),
        "null": ("null", _study("streaming", _OWN)),
        "terms": ("effect", _study("streaming", _PEOPLE, TERMS)),
        "tracks-paper": ("effect", _study("paper", _TRACKS, _PAPER)),
        "own": ("effect", _study("streaming", _OWN, {"streaming": {}})),
        "both-paper": ("effect", _study("paper", _BOTH, _PAPER)),
    }


def condition_studies() -> dict[str, tuple[str, StudyConfig]]:
    """Return data and configuration of the study of every condition, by name."""
    return {name: (name, _study("streaming", _PEOPLE)) for name in CONDITIONS}


def _study(
    preset: str,
    study: Mapping[str, Any],
    variants: Mapping[str, Any] | None = None,
) -> StudyConfig:
    raw = load_study(preset).model_dump()
    raw["dataset"]["name"] = "simulated"
    own = {"final_model": False, "baselines": variants is None, "permutations": 0}
    raw["study"] |= {**study, **own}
    raw["features"]["every_s"] = EVERY_S
    raw["train"] |= {"batch_size": BATCH, "epochs": EPOCHS}  # few windows need few epochs
    raw["variants"] = dict(variants or {preset: {}})
    return StudyConfig.model_validate(raw)


def run_comparison(
    work: Path,
    docs: Path | None,
    n_jobs: int,
    seeds: Sequence[int] | None = None,
    wanted: Mapping[str, tuple[str, StudyConfig]] | None = None,
) -> None:
    """Run or resume every study (those `wanted`), and rewrite the tables after each."""
    found: Found = {}
    for name, (data, config) in (studies() if wanted is None else wanted).items():
        for seed in _seeds(data) if seeds is None else seeds:
            own_seed = config.model_copy(
                update={"study": config.study.model_copy(update={"seeds": (seed,)})}
            )
            study = prepare_study(
                own_seed,
                _people(work, data, seed),
                _run(work, name, seed),
                cache=work / "cache",
                n_jobs=n_jobs,
            )
            metrics = run_study(study, n_jobs=n_jobs, progress=_say)
            found.setdefault(name, []).append(metrics)
            if docs is not None:
                _write(docs, found)
            logger.warning("%s finished with seed %d", name, seed)


def _write(docs: Path, found: Found) -> None:
    if set(found) <= set(CONDITIONS):
        write_docs(docs, _condition_tables(found), CONDITION_MARKS)
    else:
        write_docs(docs, tables(found, _EFFECT))


def _condition_tables(found: Found) -> str:
    titles = {name: title for name, (title, _) in CONDITIONS.items()}
    return condition_tables(found, titles, _EFFECT)


def finished(
    work: Path,
    seeds: Sequence[int] | None = None,
    wanted: Mapping[str, tuple[str, StudyConfig]] | None = None,
) -> Found:
    """Return the metrics of finished studies; of each, the groups before the first gap."""
    found: Found = {}
    for name, (data, _) in (studies() if wanted is None else wanted).items():
        for seed in _seeds(data) if seeds is None else seeds:
            path = _run(work, name, seed) / "metrics.json"
            if not path.is_file():
                break
            found.setdefault(name, []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def _seeds(data: str) -> tuple[int, ...]:
    return NULL_SEEDS if data == "null" else SEEDS


def _run(work: Path, name: str, seed: int) -> Path:
    return work / "runs" / f"{name}-{seed}"


def _people(work: Path, data: str, seed: int) -> Path:
    """Write the settings of a simulated group of people, and return their path."""
    null = data == "null"
    changed = {
        "effect": 0.0 if null else EFFECT,
        "music_effect": 0.0 if null else 1.0,
        "seed": seed,
        **CONDITIONS.get(data, ("", {}))[1],
    }
    path = work / f"{data}-{seed}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"subjects = {NULL_PEOPLE if null else PEOPLE}\ntrials = {TRIALS}\nseconds = {SECONDS}\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in changed.items()),
        encoding="utf-8",
    )
    return path


def _say(stage: str, name: str, done: int, total: int) -> None:
    logger.warning("%s: %d of %d %s", stage, done, total, name)


def main() -> None:
    """Run the comparison and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="data, features and runs")
    parser.add_argument("--docs", type=Path, help="document with the marks; omit to run only")
    parser.add_argument("--tables", action="store_true", help="write the tables only")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="*", help="only these groups of people")
    parser.add_argument(
        "--conditions", action="store_true", help="conditions of real recordings instead"
    )
    parser.add_argument("--only", nargs="*", help="only these studies")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    wanted = condition_studies() if arguments.conditions else studies()
    if arguments.only:
        unknown = sorted(set(arguments.only) - set(wanted))
        if unknown:
            parser.error(f"there is no study {', '.join(unknown)}; there are {', '.join(wanted)}")
        wanted = {name: study for name, study in wanted.items() if name in arguments.only}
    if arguments.tables:
        found = finished(arguments.work, arguments.seeds, wanted)
        if arguments.docs:
            _write(arguments.docs, found)
        else:
            print(_condition_tables(found) if arguments.conditions else tables(found, _EFFECT))
    else:
        run_comparison(arguments.work, arguments.docs, arguments.jobs, arguments.seeds, wanted)


if __name__ == "__main__":
    main()
