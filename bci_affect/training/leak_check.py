"""Check of anyone's split for leaks, from labels and identifiers alone.

`check_split` needs no EEG: subjects, sessions, trials, stimuli and times of the rows, and the fold
in which each row is tested. It reports units that training and test share, overlapping windows,
the information in the order of presentation, and the scores of baselines that see no EEG.

Rows of one trial count as one unit in every score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bci_affect.errors import BciAffectError
from bci_affect.training.stats import bootstrap_mean, permutation_p

Severity = Literal["leak", "caution", "ok"]
Codes = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

UNITS = ("subject", "session", "trial", "stimulus")
ALPHA = 0.01
"""Level of the tests whose result becomes a finding."""
_PERMUTATIONS = 999
_PLACE_WIDTH = 0.1
"""Width of the kernel over the place in the sitting, as a share of the sitting."""
_MIN_TRIALS = 8


@dataclass(frozen=True)
class LeakFinding:
    """One finding of `check_split`.

    Attributes
    ----------
    severity : {"leak", "caution", "ok"}
        ``leak``: the score does not measure what it claims. ``caution``: it limits the claim.
    kind : str
        Kind of unit or test, such as ``trial`` or ``order``.
    text : str
        One sentence with the numbers.
    share : float
        Share of the test rows concerned, 0 to 1; NaN where it does not apply.
    """

    severity: Severity
    kind: str
    text: str
    share: float = float("nan")


@dataclass(frozen=True)
class LeakBaseline:
    """Score of a baseline that sees no EEG, over the tested trials.

    Attributes
    ----------
    name : str
        Name of the baseline.
    accuracy, balanced_accuracy : float
        Shares of correct trials, overall and as the mean over classes.
    low, high : float
        95 % bootstrap interval of the balanced accuracy, over subjects (trials, if there are fewer
        than five subjects).
    p : float
        One-sided permutation test of the balanced accuracy against chance.
    """

    name: str
    accuracy: float
    balanced_accuracy: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class LeakReport:
    """Result of `check_split`.

    Attributes
    ----------
    n_rows, n_trials, n_folds : int
        Counts.
    counts : dict of str to int
        Number of subjects, sessions, trials and stimuli that are known.
    chance : float
        Balanced accuracy of guessing; NaN without labels.
    findings : tuple of LeakFinding
        Leaks first.
    baselines : tuple of LeakBaseline
        Empty without labels.
    unknown : tuple of str
        Checks that were not possible, with the missing input.

    Examples
    --------
    See `check_split`.
    """

    n_rows: int
    n_trials: int
    n_folds: int
    counts: dict[str, int]
    chance: float
    findings: tuple[LeakFinding, ...]
    baselines: tuple[LeakBaseline, ...]
    unknown: tuple[str, ...] = field(repr=False, default=())

    @property
    def leaks(self) -> tuple[LeakFinding, ...]:
        """Findings that make the score invalid."""
        return tuple(finding for finding in self.findings if finding.severity == "leak")

    @property
    def verdict(self) -> str:
        """Return one sentence."""
        cautions = sum(finding.severity == "caution" for finding in self.findings)
        if self.leaks:
            kinds = ", ".join(dict.fromkeys(finding.kind for finding in self.leaks))
            return f"The split leaks: {kinds}."
        limits = f" {cautions} findings limit the claim." if cautions else ""
        return f"No leak was found.{limits}"

    def __repr__(self) -> str:
        return f"LeakReport({self.n_rows} rows, {self.n_folds} folds: {self.verdict})"

    def __str__(self) -> str:
        lines = [self.verdict]
        lines += [f"[{finding.severity}] {finding.text}" for finding in self.findings]
        lines += [
            f"baseline {b.name}: balanced accuracy {b.balanced_accuracy:.3f} "
            f"[{b.low:.3f}, {b.high:.3f}], p = {b.p:.3f}"
            for b in self.baselines
        ]
        return "\n".join([*lines, *(f"not checked: {text}" for text in self.unknown)])

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        return {**asdict(self), "verdict": self.verdict}

    def write(self, path: str | Path, title: str = "Leak check") -> Path:
        """Write the report as one self-contained HTML page; return its path.

        Raises
        ------
        BciAffectError
            If the page cannot be written.
        """
        from bci_affect.training.leak_page import write_leak_page

        return write_leak_page(self, Path(path), title)


@dataclass(frozen=True)
class _Rows:
    """Rows of a data set as codes; -1 is unknown. All arrays have shape (n,)."""

    units: dict[str, Codes]
    names: dict[str, NDArray[Any]]
    sitting: Codes
    trial: Codes  # every row has one: its own where trials are unknown
    times: Floats
    labels: Codes
    classes: NDArray[Any]


def check_split(
    folds: ArrayLike | Sequence[tuple[ArrayLike, ArrayLike]],
    labels: ArrayLike | None = None,
    *,
    subjects: ArrayLike | None = None,
    sessions: ArrayLike | None = None,
    trials: ArrayLike | None = None,
    stimuli: ArrayLike | None = None,
    times: ArrayLike | None = None,
    window_s: float | None = None,
    features: ArrayLike | None = None,
    new: Sequence[str] = (),
    seed: int = 0,
) -> LeakReport:
    """Report the leaks of a split, from any program.

    Parameters
    ----------
    folds : array_like of shape (n,), or sequence of (train, test)
        Fold in which each row is tested (it is in the training part of all other folds; "" or a
        negative number is in no test part), or row numbers of the parts of each fold, as
        scikit-learn's splitters yield them.
    labels : array_like, shape (n,), optional
        Classes; without them neither order nor baselines are checked.
    subjects, sessions, trials, stimuli : array_like, shape (n,), optional
        Identifiers; "", NaN and negative numbers are unknown. Sessions are numbered within a
        subject, trials within a session.
    times : array_like, shape (n,), optional
        Time of each row in seconds within its session; by default the order of rows.
    window_s : float, optional
        Length of a row's window, which ends at its time, to find windows that overlap.
    features : array_like, shape (n, ...), optional
        Features of the rows, to find identical rows.
    new : sequence of {"subject", "session", "stimulus"}
        Units that are claimed to be new in the test, so that sharing them is a leak.
    seed : int
        Seed of permutations and bootstrap.

    Returns
    -------
    LeakReport

    Raises
    ------
    BciAffectError
        If lengths do not match, there is no fold, or a label has too many values to be a class.

    Examples
    --------
    >>> import numpy as np
    >>> import bci_affect as ba
    >>> trials = np.repeat(np.arange(20), 5)  # 20 trials of five windows
    >>> folds = np.arange(100) % 5  # windows of one trial in all folds
    >>> ba.check_split(folds, trials % 2, trials=trials)
    LeakReport(100 rows, 5 folds: The split leaks: trial, order.)
    """
    given = {"subject": subjects, "session": sessions, "trial": trials, "stimulus": stimuli}
    n, parts = _parts(folds, [labels, times, features, *given.values()])
    rows = _rows(n, given, labels, times)
    if unknown := set(new) - {"subject", "session", "stimulus"}:
        raise BciAffectError(f"'{min(unknown)}' is no unit; use subject, session or stimulus.")
    findings = [*_shared_rows(parts)]
    for unit in UNITS:
        if given[unit] is not None:
            findings.append(_shared_units(unit, rows, parts, new))
    if features is not None:
        findings.append(_shared_features(np.asarray(features).reshape(n, -1), parts))
    if times is not None and window_s is not None:
        findings.append(_overlaps(rows, parts, window_s))
    baselines: list[LeakBaseline] = []
    missing = [f"{unit}s shared (no {unit} given)" for unit in UNITS if given[unit] is None]
    missing = [text.replace("stimuluss", "stimuli") for text in missing]
    if times is None or window_s is None:
        missing.append("overlapping windows (no times and window length)")
    if features is None:
        missing.append("identical rows (no features)")
    chance = float("nan")
    if labels is None:
        missing.append("order and baselines (no labels)")
    else:
        chance = 1.0 / max(len(rows.classes), 1)
        found, baselines = _order_and_baselines(rows, parts, given, seed)
        findings += found
    missing.append("what was fitted on all rows: scaling, feature selection, choice of the model")
    ranks = {"leak": 0, "caution": 1, "ok": 2}
    return LeakReport(
        n_rows=n,
        n_trials=len(np.unique(rows.trial)),
        n_folds=len(parts),
        counts={u: len(np.unique(c[c >= 0])) for u, c in rows.units.items()},
        chance=chance,
        findings=tuple(sorted(findings, key=lambda finding: ranks[finding.severity])),
        baselines=tuple(baselines),
        unknown=tuple(missing),
    )


# ---- input --------------------------------------------------------------------------------------


def _parts(
    folds: ArrayLike | Sequence[tuple[ArrayLike, ArrayLike]], columns: Sequence[ArrayLike | None]
) -> tuple[int, list[tuple[Bools, Bools]]]:
    """Return the number of rows, and masks of the training and test rows of each fold."""
    lengths = {len(np.asarray(column)) for column in columns if column is not None}
    pairs = isinstance(folds, Sequence) and all(
        isinstance(part, tuple) and len(part) == 2 for part in folds
    )
    if not pairs:
        column = np.asarray(folds)
        lengths.add(len(column))
    if len(lengths) > 1:
        raise BciAffectError(
            f"The columns have different lengths ({', '.join(map(str, sorted(lengths)))}); give "
            "one value per row."
        )
    if pairs:
        given: Sequence[tuple[ArrayLike, ArrayLike]] = folds  # type: ignore[assignment]
        indices = [(np.asarray(a, np.int64), np.asarray(b, np.int64)) for a, b in given]
        n = lengths.pop() if lengths else 1 + max(int(max(*a, *b)) for a, b in indices)
        parts = [(_mask(train, n), _mask(test, n)) for train, test in indices]
    else:
        n = len(column)
        codes, _ = _code(column)
        parts = [(codes != fold, codes == fold) for fold in np.unique(codes[codes >= 0])]
    parts = [(train, test) for train, test in parts if test.any()]
    if not any(train.any() for train, _ in parts):
        raise BciAffectError(
            "No fold has both training and test rows; give at least two folds, or (train, test)."
        )
    return n, parts


def _mask(rows: Codes, n: int) -> Bools:
    if len(rows) and (rows.min() < 0 or rows.max() >= n):
        raise BciAffectError(f"A fold names row {int(rows.max())}, but there are {n} rows.")
    mask = np.zeros(n, np.bool_)
    mask[rows] = True
    return mask


def _code(column: ArrayLike) -> tuple[Codes, NDArray[Any]]:
    """Return codes, -1 for unknown, and the values by code."""
    values = np.asarray(column)
    if values.dtype.kind in "iufb":
        unknown = ~np.isfinite(values.astype(np.float64)) | (values.astype(np.float64) < 0)
    else:
        values = values.astype(str)
        unknown = np.isin(values, ("", "nan", "None", "n/a"))
    names, codes = np.unique(values[~unknown], return_inverse=True)
    result = np.full(len(values), -1, np.int64)
    result[~unknown] = codes
    return result, names


def _rows(
    n: int, given: dict[str, ArrayLike | None], labels: ArrayLike | None, times: ArrayLike | None
) -> _Rows:
    units: dict[str, Codes] = {}
    names: dict[str, NDArray[Any]] = {}
    for unit, column in given.items():
        if column is not None:
            units[unit], names[unit] = _code(column)
    none = np.zeros(n, np.int64)
    within = units.get("subject", none)
    for unit in ("session", "trial"):  # numbered within the unit above
        if unit in units:
            known = units[unit] >= 0
            within = np.where(known, _combine(within, units[unit]), -1)
            units[unit] = within
    sitting = units.get("session", units.get("subject", none))
    trial = units.get("trial", np.full(n, -1)).copy()
    trial[trial < 0] = trial.max() + 1 + np.arange((trial < 0).sum())
    stamps = np.arange(n, dtype=float) if times is None else np.asarray(times, np.float64)
    codes, classes = (np.full(n, -1, np.int64), np.empty(0))
    if labels is not None:
        values = np.asarray(labels)
        if values.dtype.kind in "iufb":  # classes such as -1 and 1 are known
            known = np.isfinite(values.astype(np.float64))
            classes, found = np.unique(values[known], return_inverse=True)
            codes[known] = found
        else:
            codes, classes = _code(values)
        if len(classes) > 20:
            raise BciAffectError(
                f"The labels have {len(classes)} values; give classes, such as rating > 5."
            )
    return _Rows(units, names, sitting, trial, stamps, codes, classes)


def _combine(first: Codes, second: Codes) -> Codes:
    _, codes = np.unique(np.stack([first, second]), axis=1, return_inverse=True)
    return np.asarray(codes, np.int64).reshape(-1)


# ---- shared units -------------------------------------------------------------------------------


def _shared_rows(parts: list[tuple[Bools, Bools]]) -> list[LeakFinding]:
    share = _share([train & test for train, test in parts], parts)
    if not share:
        return []
    return [LeakFinding("leak", "row", f"{share:.0%} of the test rows are training rows.", share)]


def _share(found: list[Bools], parts: list[tuple[Bools, Bools]]) -> float:
    """Return the share of the test rows that are found, over all folds."""
    return float(sum(f.sum() for f in found) / sum(test.sum() for _, test in parts))


def _shared_units(
    unit: str, rows: _Rows, parts: list[tuple[Bools, Bools]], new: Sequence[str]
) -> LeakFinding:
    codes = rows.units[unit]
    found = [test & (codes >= 0) & np.isin(codes, np.unique(codes[train])) for train, test in parts]
    share = _share(found, parts)
    plural = {"stimulus": "stimuli"}.get(unit, f"{unit}s")
    if not share:
        return LeakFinding("ok", unit, f"Training and test share no {plural}.", 0.0)
    n_folds = sum(bool(f.any()) for f in found)
    where = f"{share:.0%} of the test rows, in {n_folds} of {len(parts)} folds"
    shared = f"Training and test share {plural} ({where})"
    if unit == "trial":
        text = f"{shared}: windows of one trial are near copies of each other."
        return LeakFinding("leak", unit, text, share)
    limits = {
        "subject": "the score holds for people known from training",
        "session": "state, cap and drift of a sitting are in both",
        "stimulus": "the score does not hold for new stimuli",
    }
    severity: Severity = "leak" if unit in new else "caution"
    return LeakFinding(severity, unit, f"{shared}: {limits[unit]}.", share)


def _shared_features(features: NDArray[Any], parts: list[tuple[Bools, Bools]]) -> LeakFinding:
    _, codes = np.unique(features, axis=0, return_inverse=True)
    codes = np.asarray(codes).reshape(-1)
    share = _share([t & ~train & np.isin(codes, codes[train]) for train, t in parts], parts)
    if not share:
        return LeakFinding("ok", "duplicate", "No test row equals a training row.", 0.0)
    text = f"{share:.0%} of the test rows are identical to a training row."
    return LeakFinding("leak", "duplicate", text, share)


def _overlaps(rows: _Rows, parts: list[tuple[Bools, Bools]], window_s: float) -> LeakFinding:
    """Find test windows that share samples with a training window of the same sitting."""
    found = [_distance_to(rows, train, test) < window_s - 1e-9 for train, test in parts]
    found = [near & test for near, (_, test) in zip(found, parts, strict=True)]
    share = _share(found, parts)
    if not share:
        return LeakFinding("ok", "overlap", "No test window overlaps a training window.", 0.0)
    text = (
        f"{share:.0%} of the test windows of {window_s:g} s overlap a training window of the same "
        "sitting."
    )
    return LeakFinding("leak", "overlap", text, share)


def _distance_to(rows: _Rows, train: Bools, test: Bools) -> Floats:
    """Return each test row's distance in time to its sitting's nearest training row, (n,)."""
    distance = np.full(len(train), np.inf)
    for sitting in np.unique(rows.sitting[test]):
        inside = rows.sitting == sitting
        stamps = np.sort(rows.times[inside & train & ~test])
        asked = np.flatnonzero(inside & test)
        if len(stamps):
            right = np.clip(np.searchsorted(stamps, rows.times[asked]), 0, len(stamps) - 1)
            left = np.maximum(right - 1, 0)
            near = np.stack([stamps[left], stamps[right]]) - rows.times[asked]
            distance[asked] = np.abs(near).min(axis=0)
    return distance


# ---- order and baselines ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trials:
    """Trials with labels; all arrays have shape (n_trials,)."""

    label: Codes
    subject: Codes
    stimulus: Codes
    sitting: Codes
    time: Floats
    place: Floats  # 0 to 1 within the sitting


def _order_and_baselines(
    rows: _Rows, parts: list[tuple[Bools, Bools]], given: dict[str, ArrayLike | None], seed: int
) -> tuple[list[LeakFinding], list[LeakBaseline]]:
    labelled = rows.labels >= 0
    names, first, of_row = np.unique(rows.trial, return_index=True, return_inverse=True)
    none = np.full(len(rows.trial), -1)
    usable = labelled[first]
    trials = _Trials(
        rows.labels[first],
        rows.units.get("subject", none)[first],
        rows.units.get("stimulus", none)[first],
        rows.sitting[first],
        rows.times[first],
        _places(rows.sitting[first], rows.times[first]),
    )
    folds = []
    for train, test in parts:
        seen = np.zeros(len(names), np.bool_)
        asked = seen.copy()
        seen[of_row[train]] = True
        asked[of_row[test]] = True
        folds.append((seen & usable, asked & usable))
    n_classes = len(rows.classes)
    findings: list[LeakFinding] = []
    if usable.sum() < _MIN_TRIALS or n_classes < 2:
        text = f"Order and baselines need {_MIN_TRIALS} labelled trials of two classes."
        return [LeakFinding("caution", "labels", text)], []
    findings.append(_blocks(trials, usable, seed))
    baselines = [_score("majority", _majority, trials, folds, n_classes, seed)]
    if given["subject"] is not None:
        baselines.append(_score("person mean", _person_mean, trials, folds, n_classes, seed))
    if given["stimulus"] is not None:
        baselines.append(_score("stimulus mean", _stimulus_mean, trials, folds, n_classes, seed))
    baselines.append(_score("place in the sitting", _by_place, trials, folds, n_classes, seed))
    baselines.append(_score("nearest in time", _nearest, trials, folds, n_classes, seed))
    meanings = {
        "person mean": "people differ in their share of classes, and the split shows it",
        "stimulus mean": "the label can be known from the stimulus, without the person",
        "place in the sitting": "the order of presentation is alike for all and reveals the class",
        "nearest in time": "neighbours in time have the same class, and training has them",
    }
    for baseline in baselines:
        if baseline.name in meanings and baseline.p <= ALPHA:
            order = baseline.name in ("place in the sitting", "nearest in time")
            kind = "order" if order else baseline.name.split()[0].replace("person", "subject")
            text = (
                f"The baseline '{baseline.name}' reaches a balanced accuracy of "
                f"{baseline.balanced_accuracy:.2f} without EEG: {meanings[baseline.name]}."
            )
            severity: Severity = "leak" if order else "caution"
            findings.append(LeakFinding(severity, kind, text))
    return findings, baselines


def _places(sitting: Codes, times: Floats) -> Floats:
    """Return the rank in time within the sitting, from 0 to 1."""
    places = np.full(len(sitting), 0.5)
    for one in np.unique(sitting):
        members = np.flatnonzero(sitting == one)
        if len(members) > 1:
            places[members[np.argsort(times[members], kind="stable")]] = np.linspace(
                0, 1, len(members)
            )
    return places


def _blocks(trials: _Trials, usable: Bools, seed: int) -> LeakFinding:
    """Test whether labels change more rarely along a sitting than in random order."""
    order = np.lexsort((trials.time, trials.sitting))
    order = order[usable[order]]
    label, sitting = trials.label[order], trials.sitting[order]
    inside = sitting[1:] == sitting[:-1]
    if not inside.any():
        return LeakFinding("ok", "blocks", "Each sitting has one trial.")
    rng = np.random.default_rng(seed)

    def changes(values: Codes) -> int:
        return int(((values[1:] != values[:-1]) & inside).sum())

    observed = changes(label)
    drawn = np.empty(_PERMUTATIONS)
    keys = rng.random((_PERMUTATIONS, len(label)))
    for number, key in enumerate(keys):
        drawn[number] = changes(label[np.lexsort((key, sitting))])
    p = (1 + (drawn <= observed).sum()) / (1 + _PERMUTATIONS)
    text = (
        f"The class changes {observed} times along the sittings; in random order "
        f"{drawn.mean():.0f} times are expected (p = {p:.3f})"
    )
    if p <= ALPHA:
        text += ": classes come in blocks, which slow drift of the EEG distinguishes."
        return LeakFinding("caution", "blocks", text)
    return LeakFinding("ok", "blocks", f"{text}.")


def _shares(labels: Codes, n_classes: int) -> Floats:
    return np.bincount(labels, minlength=n_classes) / max(len(labels), 1)


def _majority(trials: _Trials, seen: Codes, asked: Codes, n_classes: int) -> Floats:
    return np.tile(_shares(trials.label[seen], n_classes), (len(asked), 1))


def _group_mean(group: Codes, trials: _Trials, seen: Codes, asked: Codes, n: int) -> Floats:
    """Return the shares of classes among the training trials of the same group."""
    result = _majority(trials, seen, asked, n)
    for one in np.unique(group[asked]):
        same = seen[group[seen] == one]
        if one >= 0 and len(same):
            result[group[asked] == one] = _shares(trials.label[same], n)
    return result


def _person_mean(trials: _Trials, seen: Codes, asked: Codes, n_classes: int) -> Floats:
    return _group_mean(trials.subject, trials, seen, asked, n_classes)


def _stimulus_mean(trials: _Trials, seen: Codes, asked: Codes, n_classes: int) -> Floats:
    return _group_mean(trials.stimulus, trials, seen, asked, n_classes)


def _by_place(trials: _Trials, seen: Codes, asked: Codes, n_classes: int) -> Floats:
    """Return the shares of classes among training trials at the same place in their sittings."""
    gap = trials.place[asked][:, None] - trials.place[seen][None]
    weight = np.exp(-0.5 * (gap / _PLACE_WIDTH) ** 2) + 1e-12
    one_hot = np.eye(n_classes)[trials.label[seen]]
    result: Floats = weight @ one_hot / weight.sum(axis=1, keepdims=True)
    return result


def _nearest(trials: _Trials, seen: Codes, asked: Codes, n_classes: int) -> Floats:
    """Return the class of the training trial nearest in time in the same sitting."""
    result = _majority(trials, seen, asked, n_classes)
    for row, trial in enumerate(asked):
        same = seen[trials.sitting[seen] == trials.sitting[trial]]
        if len(same):
            nearest = same[np.argmin(np.abs(trials.time[same] - trials.time[trial]))]
            result[row] = np.eye(n_classes)[trials.label[nearest]]
    return result


def _score(
    name: str,
    predict: Any,
    trials: _Trials,
    folds: list[tuple[Bools, Bools]],
    n_classes: int,
    seed: int,
) -> LeakBaseline:
    truth, plain, fair, people = [], [], [], []
    for seen, asked in folds:
        train, test = np.flatnonzero(seen), np.flatnonzero(asked)
        if not len(train) or not len(test):
            continue
        shares = predict(trials, train, test, n_classes)
        prior = np.maximum(_shares(trials.label[train], n_classes), 1e-12)
        truth.append(trials.label[test])
        plain.append(shares.argmax(axis=1))
        # Against the classes' shares in training; without information, the larger class.
        lift = shares / prior
        flat = np.ptp(lift, axis=1) < 1e-9
        fair.append(np.where(flat, shares.argmax(axis=1), lift.argmax(axis=1)))
        people.append(trials.subject[test])
    y, accurate, decided, who = (np.concatenate(part) for part in (truth, plain, fair, people))
    correct = decided == y
    score = _balanced(y.astype(np.float64), decided.astype(np.float64))
    # Weights give each class the same total, so that the mean is the balanced accuracy.
    weight = len(y) / (len(np.unique(y)) * np.bincount(y, minlength=n_classes)[y])
    values = weight * correct
    if len(np.unique(who)) >= 5:
        values = np.array([values[who == one].mean() for one in np.unique(who)])
    interval = bootstrap_mean(values, seed=seed)
    constant = len(np.unique(decided)) == 1
    p = (
        1.0
        if constant
        else permutation_p(y, decided, _balanced, n_permutations=_PERMUTATIONS, seed=seed)
    )
    return LeakBaseline(
        name,
        float((accurate == y).mean()),
        score,
        min(interval.low, score),
        max(interval.high, score),
        p,
    )


def _balanced(labels: Floats, decisions: Floats) -> float:
    """Return the mean recall over the classes."""
    return float(np.mean([(decisions[labels == c] == c).mean() for c in np.unique(labels)]))
