"""Markdown tables of the comparison: all people together, paired differences per person.

Every interval is a 95 % bootstrap interval over people. Every p is two-sided, by sign flips over
people (against chance, or between two models). The difference tables also list each group's mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bci_affect.errors import BciAffectError
from bci_affect.training.stats import Comparison, Interval, bootstrap_mean, compare_paired
from bci_affect.training.study_settings import TARGETS

Found = dict[str, list[dict[str, Any]]]
"""Metrics of each group of people, by study."""

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
CONDITION_MARKS = ("<!-- conditions: begin -->", "<!-- conditions: end -->")

_MRR = {"all": "retrieval/stimulus/all/trial", "unseen": "retrieval/stimulus/unseen/trial"}
# After co-training the correct track is always outside co-training, so chance holds only among
# those tracks.
_RANKED = {"pretrain": "all", "cotrain": "unseen"}
_PARTS = (  # title, studies, phase, tracks that are ranked
    ("Held-out people", ("people", "people-paper"), "pretrain", "all"),
    ("Held-out tracks", ("tracks", "tracks-paper"), "pretrain", "unseen"),
    ("Held-out people and held-out tracks", ("both", "both-paper"), "pretrain", "unseen"),
    ("Own held-out trials after co-training", ("own",), "cotrain", _RANKED["cotrain"]),
    ("Null: held-out people", ("null", "null-paper"), "pretrain", "all"),
    ("Null: own held-out trials after co-training", ("null",), "cotrain", _RANKED["cotrain"]),
)


def tables(found: Found, effect: str) -> str:
    """Return the metrics as Markdown, without studies that have not been run.

    Parameters
    ----------
    found : dict of str to list of dict
        Metrics of each study, one for each group of people.
    effect : str
        Description of the simulated effect.
    """
    groups = found["people"]
    counts = [one["counts"] for one in groups]
    head = (
        f"{len(groups)} groups of {counts[0]['people']} simulated people ({len(groups)} seeds of "
        f"people, music, and training), {sum(c['trials'] for c in counts)} trials, "
        f"{counts[0]['tracks']} tracks per group, {sum(c['windows'] for c in counts)} windows. "
        f"{effect}; the null has none. Trial level; mean over people with the 95 % bootstrap "
        "interval over people; p against chance, two-sided, by sign flips over people.\n"
    )
    parts = [head]
    for title, names, phase, which in _PARTS:
        there = [name for name in names if name in found]
        if there:
            # An interrupted comparison has fewer groups in some tables.
            people = [f"{name}: {_count(found[name])} people" for name in there]
            parts += [f"### {title}\n", ", ".join(people) + ".\n"]
            parts += [_scores(found, there, phase, which)]
    if "null" in found:
        parts += [_null(found)]
    parts += ["### Differences between models\n", _differences(found)]
    if "terms" in found:
        parts += ["### Terms of the objective, on held-out people\n", _terms(found)]
    return "\n".join(parts)


def condition_tables(found: Found, titles: Mapping[str, str], effect: str) -> str:
    """Return the metrics under conditions of real recordings as Markdown.

    Parameters
    ----------
    found : dict of str to list of dict
        Metrics of the study of each condition, one for each group of people.
    titles : mapping of str to str
        Title of each condition, in order.
    effect : str
        Description of the simulated effect.
    """
    parts = [
        f"{effect} unless stated otherwise. Held-out people, trial level; mean over people with "
        "the 95 % bootstrap interval over people; p against chance, two-sided, by sign flips over "
        "people.\n"
    ]
    for name, title in titles.items():
        if name in found:
            count = f"{_count(found[name])} people, seeds: {len(found[name])}.\n"
            parts += [f"### {title}\n", count]
            parts += [_scores(found, [name], "pretrain", "all")]
    return "\n".join(parts)


def _count(metrics: Sequence[Mapping[str, Any]]) -> int:
    return sum(int(one["counts"]["people"]) for one in metrics)


def _values(metrics: Sequence[Mapping[str, Any]], name: str, measure: str) -> dict[str, float]:
    """Return every person's value, by group and person."""
    return {
        f"{group}/{who}": value
        for group, one in enumerate(metrics)
        for who, value in one["people"].get(name, {}).get(measure, {}).items()
        if value is not None
    }


def _scores(found: Found, names: Sequence[str], phase: str, which: str) -> str:
    rows = [
        "| | valence BA | p | valence AUC | arousal BA | p | arousal AUC "
        "| track MRR | chance | p |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        models = [m for m in found[name][0]["people"] if m.endswith(f"/{phase}")]
        baselines = [m for m in found[name][0]["people"] if m.startswith("baseline/")]
        for model in models + (baselines if phase == "pretrain" else []):
            rows.append(_score_row(found[name], model, which))
    return "\n".join(rows) + "\n"


def _score_row(metrics: Sequence[Mapping[str, Any]], model: str, which: str) -> str:
    name = model.removeprefix("baseline/").split("/")[0]
    cells = [f"*{name}*" if model.startswith("baseline/") else name]
    for target in TARGETS:
        accuracy = list(_values(metrics, model, f"{target}/trial/balanced_accuracy").values())
        auc = list(_values(metrics, model, f"{target}/trial/auc").values())
        against = compare_paired(accuracy, [0.5] * len(accuracy))
        cells += [_interval(bootstrap_mean(accuracy)), _p(against), _interval(bootstrap_mean(auc))]
    mrr = _values(metrics, model, f"{_MRR[which]}/MRR")
    if mrr:
        chance = _values(metrics, model, f"{_MRR[which]}/chance MRR")
        both = compare_paired(list(mrr.values()), [chance[who] for who in mrr])
        lucky = bootstrap_mean(list(chance.values())).mean
        cells += [_interval(bootstrap_mean(list(mrr.values()))), f"{lucky:.3f}", _p(both)]
    else:
        cells += ["", "", ""]
    return "| " + " | ".join(cells) + " |"


def _null(found: Found) -> str:
    """Count the intervals of `streaming` on the null, and those that exclude chance."""
    looked: list[Comparison] = []
    for phase in ("pretrain", "cotrain"):
        model = f"streaming/{phase}"
        for target in TARGETS:
            for measure in ("balanced_accuracy", "auc"):
                values = list(_values(found["null"], model, f"{target}/trial/{measure}").values())
                looked.append(compare_paired(values, [0.5] * len(values)))
        ranked = _MRR[_RANKED[phase]]
        mrr = _values(found["null"], model, f"{ranked}/MRR")
        chance = _values(found["null"], model, f"{ranked}/chance MRR")
        looked.append(compare_paired(list(mrr.values()), [chance[who] for who in mrr]))
    looked = [one for one in looked if one.difference.n >= 2]
    if not looked:
        return ""
    outside = sum(one.difference.low > 0 or one.difference.high < 0 for one in looked)
    least = min(one.p for one in looked)
    return (
        f"Of the {len(looked)} intervals of streaming on the null, {outside} exclude chance "
        f"({0.05 * len(looked):.1f} expected for 95 % intervals); the smallest p is "
        f"{least:.4f}, corrected for their number {min(1.0, least * len(looked)):.2f}.\n"
    )


def _differences(found: Found) -> str:
    """Return paired differences of `streaming` from `paper` and from the linear baseline."""
    rows = [
        "| streaming minus | on held-out | measure | difference | p | by group |",
        "|---|---|---|---|---|---|",
    ]
    for study, on in (
        ("people", "people"),
        ("tracks", "tracks"),
        ("both", "people and tracks"),
        ("null", "people (null)"),
    ):
        if study not in found:
            continue
        for other, where, model in (
            ("paper", f"{study}-paper", "paper/pretrain"),
            ("linear", study, "baseline/linear"),
        ):
            if where not in found:
                continue
            for target in TARGETS:
                for short, measure in (("BA", "balanced_accuracy"), ("AUC", "auc")):
                    name = f"{target}/trial/{measure}"
                    first = _values(found[study], "streaming/pretrain", name)
                    second = _values(found[where], model, name)
                    rows.append(f"| {other} | {on} | {target} {short} | {_pair(first, second)} |")
    return "\n".join(rows) + "\n"


def _terms(found: Found) -> str:
    rows = ["| default minus | measure | difference | p | by group |", "|---|---|---|---|---|"]
    names = [name for name in found["terms"][0]["people"] if name.endswith("/pretrain")]
    for name in names:
        for label, measure in (
            ("valence BA", "valence/trial/balanced_accuracy"),
            ("arousal BA", "arousal/trial/balanced_accuracy"),
            ("valence AUC", "valence/trial/auc"),
            ("arousal AUC", "arousal/trial/auc"),
            ("track MRR", f"{_MRR['all']}/MRR"),
        ):
            default = _values(found["people"], "streaming/pretrain", measure)
            changed = _values(found["terms"], name, measure)
            rows.append(f"| {name.split('/')[0]} | {label} | {_pair(default, changed)} |")
    return "\n".join(rows) + "\n"


def _pair(first: Mapping[str, float], second: Mapping[str, float]) -> str:
    """Return the cells of a paired difference: interval, p, and mean of each group."""
    people = [who for who in first if who in second]
    result = compare_paired([first[who] for who in people], [second[who] for who in people])
    groups: dict[str, list[float]] = {}
    for who in people:
        groups.setdefault(who.split("/")[0], []).append(first[who] - second[who])
    means = ", ".join(f"{sum(values) / len(values):+.3f}" for values in groups.values())
    return f"{_interval(result.difference, sign=True)} | {_p(result)} | {means}"


def _p(comparison: Comparison) -> str:
    return "" if comparison.difference.n < 2 else f"{comparison.p:.4f}"


def _interval(found: Interval, *, sign: bool = False) -> str:
    form = "+.3f" if sign else ".3f"
    if found.mean != found.mean:
        return "-"
    if found.low != found.low:
        return f"{found.mean:{form}}"
    return f"{found.mean:{form}} [{found.low:{form}}, {found.high:{form}}]"


def write_docs(path: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Replace the text between the marks of a document.

    Raises
    ------
    BciAffectError
        If the document has no marks.
    """
    begin, end = marks
    before, first, rest = path.read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise BciAffectError(f"{path} has no marks {begin} ... {end} for the tables.")
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
