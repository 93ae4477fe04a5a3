"""The tables of ``docs/study.md``: our encoder and the paper's, on simulated people, and the null.

Run it with::

    python -m bci_affect.training.comparison --work /tmp/comparison --docs docs/study.md

It simulates people in DEAP's layout with a stated effect and with none, runs the presets
``streaming`` and ``paper`` on both (on people that were left out, on people and tracks that were
both left out, and on each person's own held-out trials), and the terms of the objective one by one.
Studies go on where they stood. The tables replace what stands between the marks in the document.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bci_affect.datasets.simulated import SimulationSettings, write_deap
from bci_affect.errors import BciAffectError
from bci_affect.training.stats import paired
from bci_affect.training.study import prepare, run_study
from bci_affect.training.study_settings import TARGETS, StudyConfig, load_study

log = logging.getLogger(__name__)

PEOPLE, TRIALS, SECONDS, EFFECT = 8, 16, 20.0, 0.7
EVERY_S, BATCH = 2.0, 64
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

_LEFT_OUT = {"protocol": "loso", "folds": 4, "cotrain": False}
_BOTH = {"protocol": "loso-stimulus", "folds": 2, "cotrain": False}
_OWN = {"protocol": "loso", "folds": 4, "cotrain": True, "cotrain_folds": 2}

# The preset's rate is meant for DEAP's 60,000 windows; on a fiftieth of them it would hardly move.
_PAPER = {"paper": {"learning_rate": 1e-3, "epochs": 20}}
_TERMS: dict[str, dict[str, Any]] = {
    "default": {},
    "with the adversarial term (0.1)": {"objective": {"domain": 0.1}},
    "without the contrastive term": {"objective": {"contrastive": 0.0}},
    "EEG alone": {"objective": {"contrastive": 0.0, "emotion_music": 0.0, "domain": 0.0}},
}


def studies() -> dict[str, tuple[str, StudyConfig]]:
    """Return every study by name: its data ("effect" or "null"), and its configuration."""
    return {
        "people": ("effect", _study("streaming", _OWN)),
        "null": ("null", _study("streaming", _OWN)),
        "people-paper": ("effect", _study("paper", _LEFT_OUT, _PAPER)),
        "both": ("effect", _study("streaming", _BOTH)),
        "terms": ("effect", _study("streaming", _LEFT_OUT, _TERMS)),
        "null-paper": ("null", _study("paper", _LEFT_OUT, _PAPER)),
        "both-paper": ("effect", _study("paper", _BOTH, _PAPER)),
    }


def _study(
    preset: str,
    study: Mapping[str, Any],
    variants: Mapping[str, Any] | None = None,
) -> StudyConfig:
    raw = load_study(preset).model_dump()
    raw["study"] |= {**study, "final_model": False, "baselines": preset != "paper"}
    raw["features"]["every_s"] = EVERY_S
    raw["train"]["batch_size"] = BATCH  # the presets' are meant for fifty times the windows
    raw["variants"] = dict(variants or {preset: {}})
    return StudyConfig.model_validate(raw)


def run_comparison(work: Path, docs: Path, n_jobs: int) -> None:
    """Run every study (or go on with it), writing the tables anew as each is done."""
    found: dict[str, dict[str, Any]] = {}
    for name, (data, config) in studies().items():
        root = work / data
        if len(list(root.glob("s*.dat"))) < PEOPLE:
            size = 0.0 if data == "null" else 1.0
            settings = SimulationSettings(
                subjects=PEOPLE, trials=TRIALS, seconds=SECONDS, effect=EFFECT * size,
                music_effect=size,
            )  # fmt: skip
            write_deap(root, settings)
        study = prepare(config, root, work / "runs" / name, cache=work / "cache", n_jobs=n_jobs)
        found[name] = run_study(study, n_jobs=n_jobs, progress=_say)
        write_docs(docs, tables(found))
        log.warning("%s is done", name)


def tables(found: Mapping[str, dict[str, Any]]) -> str:
    """Write the metrics as Markdown; studies that have not been run are left out."""
    counts = found["people"]["counts"]
    head = (
        f"{counts['people']} simulated people, {counts['trials']} trials of {SECONDS:g} s, "
        f"{counts['tracks']} tracks, {counts['windows']} windows. Effect {EFFECT:g}: "
        f"{0.3 * EFFECT:.2f} nats of log power per unit of mood at the best electrode. Trial "
        "level; mean over people with the 95 % bootstrap interval over people; p by permutation "
        "of labels within people.\n"
    )
    parts = [head]
    for title, names, phase in (
        ("Held-out people (effect)", ("people", "people-paper"), "pretrain"),
        ("Held-out people and held-out tracks (effect)", ("both", "both-paper"), "pretrain"),
        ("Own held-out trials after co-training (effect)", ("people",), "cotrain"),
        ("Held-out people (null)", ("null", "null-paper"), "pretrain"),
        ("Own held-out trials after co-training (null)", ("null",), "cotrain"),
    ):
        there = tuple(name for name in names if name in found)
        if there:
            parts += [f"### {title}\n", _scores(found, there, phase, "tracks" in title)]
    parts += ["### Differences between models\n", _differences(found)]
    if "terms" in found:
        parts += ["### Terms of the objective\n", _scores(found, ("terms",), "pretrain", False)]
        parts += [_terms(found["terms"])]
    return "\n".join(parts)


def _scores(
    found: Mapping[str, dict[str, Any]], names: tuple[str, ...], phase: str, unseen: bool
) -> str:
    which = "unseen" if unseen else "all"
    rows = [
        "| | valence BA | p | valence AUC | arousal BA | p | arousal AUC | track MRR | chance |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        metrics = found[name]
        for variant, phases in metrics["results"].items():
            if phase in phases:
                rows.append(_score_row(variant, phases[phase], which))
        if phase == "pretrain":
            for baseline, result in metrics["baselines"].items():
                rows.append(_score_row(f"*{baseline}*", result, which))
    return "\n".join(rows) + "\n"


def _score_row(name: str, result: dict[str, Any], which: str) -> str:
    cells = [name]
    for target in TARGETS:
        trial = result[target]["trial"]
        p = result.get("p", {}).get(target)
        cells += [_interval(trial["balanced_accuracy"]), "" if p is None else f"{p:.3f}",
                  _interval(trial["auc"])]  # fmt: skip
    music = result.get("retrieval", {}).get("stimulus", {}).get(which, {}).get("trial")
    cells += [_interval(music["MRR"]), f"{music['chance MRR']['mean']:.3f}"] if music else ["", ""]
    return "| " + " | ".join(cells) + " |"


def _differences(found: Mapping[str, dict[str, Any]]) -> str:
    """Pair streaming with the paper's encoder and with the linear baseline, person by person."""
    rows = ["| streaming minus | on | measure | difference | p |", "|---|---|---|---|---|"]
    for first, second, on in (
        ("people", "people-paper", "people"),
        ("both", "both-paper", "people and tracks"),
        ("null", "null-paper", "people (null)"),
    ):
        if first not in found:
            continue
        ours = found[first]["people"]["streaming/pretrain"]
        others: dict[str, Any] = {}
        if second in found:
            others["paper"] = found[second]["people"]["paper/pretrain"]
        others["linear"] = found[first]["people"]["baseline/linear"]
        for name, theirs in others.items():
            for target in TARGETS:
                measure = f"{target}/trial/balanced_accuracy"
                rows.append(_difference(name, on, f"{target} BA", ours[measure],
                                        theirs[measure]))  # fmt: skip
    return "\n".join(rows) + "\n"


def _difference(
    name: str, on: str, measure: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> str:
    people = [who for who in first if first[who] is not None and second[who] is not None]
    result = paired([first[who] for who in people], [second[who] for who in people])
    difference = _interval(result.difference.as_dict(), sign=True)
    return f"| {name} | {on} | {measure} | {difference} | {result.p:.3f} |"


def _terms(metrics: dict[str, Any]) -> str:
    default = next(iter(_TERMS))
    rows = [f"\n| {default} minus | measure | difference | p |", "|---|---|---|---|"]
    for one in metrics["comparisons"]:
        if one["second"] == "baseline/linear" or not one["first"].startswith(default):
            continue
        if one["measure"].endswith(("balanced_accuracy", "all/trial/MRR")):
            name, measure = one["second"].split("/")[0], one["measure"].replace("/trial/", " ")
            measure = measure.replace("retrieval/stimulus/all MRR", "track MRR")
            measure = measure.replace("balanced_accuracy", "BA")
            rows.append(f"| {name} | {measure} | {_interval(one, sign=True)} | {one['p']:.3f} |")
    return "\n".join(rows) + "\n"


def _interval(found: Mapping[str, Any], *, sign: bool = False) -> str:
    if found["mean"] is None or found["mean"] != found["mean"]:
        return "-"
    form = "+.3f" if sign else ".3f"
    low, high = found["low"], found["high"]
    if low is None:
        return f"{found['mean']:{form}}"
    return f"{found['mean']:{form}} [{low:{form}}, {high:{form}}]"


def write_docs(path: Path, text: str) -> None:
    """Replace what stands between the marks of a document.

    Raises
    ------
    BciAffectError
        If the document has no marks.
    """
    whole = path.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BciAffectError(f"{path} has no marks {BEGIN} ... {END} for the tables.")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _say(name: str, done: int, total: int) -> None:
    log.warning("fold %d of %d: %s", done, total, name)


def main() -> None:
    """Run the comparison and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="data, features and runs")
    parser.add_argument("--docs", type=Path, required=True, help="document with the marks")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    run_comparison(arguments.work, arguments.docs, arguments.jobs)


if __name__ == "__main__":
    main()
