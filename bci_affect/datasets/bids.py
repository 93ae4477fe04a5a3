"""Reader of Daly's music data sets in BIDS (OpenNeuro ds002721 to ds002724), using mne-bids.

Two kinds of ratings are supported:

- **Questions after each piece** (ds002721): events 788 (music onset), 800-807 (question shown),
  833-841 (answer 1-9). An answer belongs to the last question strictly before it. Of the eight
  questions (pleasantness, energy, tension, anger, fear, happiness, sadness, tenderness, assumed to
  be numbered in this order) pleasantness is used as valence and energy as arousal. A trial lasts
  from the music onset to its first question.
- **Continuous ratings** (ds002722, ds002723, ds002724): channels VA1 (valence) and VA2 (arousal),
  0-9, recorded during the music. A trial lasts from event 788, or without such events from any
  numbered event, to the next one (at most `MAX_TRIAL_S`); its ratings are the channel means,
  rescaled from 0-9 to 1-9.

Old electrode names (T3, T4, T5, T6) are read as T7, T8, P7, P8. mne-bids is the extra ``[bids]``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.datasets.checks import check_trials, hash_files, select_subjects
from bci_affect.datasets.trial import Trial
from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError

MUSIC_ONSET = 788
QUESTIONS = range(800, 808)
ANSWERS = range(833, 842)
VALENCE_QUESTION, AROUSAL_QUESTION = 800, 801
MAX_TRIAL_S = 60.0
MIN_TRIAL_S = 5.0
_CONTINUOUS = {"valence": "VA1", "arousal": "VA2"}


class DalyBids:
    """Reader of Daly's BIDS music data sets.

    Parameters
    ----------
    root : Path
        Folder with ``sub-01`` ...
    subjects : sequence of str, optional
        Subjects to read, for example ``("01", "07")``; by default all.

    Raises
    ------
    BciAffectError
        If mne-bids is not installed, the folder has no subjects, or a requested one is missing.
    """

    name = "bids"
    simulated = False

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        try:
            import mne_bids  # noqa: F401
        except ImportError:
            raise BciAffectError(
                "BIDS data need mne-bids; install it with: pip install 'bci_affect[bids]'."
            ) from None
        self._root = root
        found = sorted(path.name[4:] for path in root.glob("sub-*") if path.is_dir())
        self.subjects = tuple(select_subjects(found, subjects, str(root)))

    def content_key(self, subject: str) -> str:
        """Return a hash of all files of the subject."""
        folder = self._root / f"sub-{subject}"
        return hash_files(sorted(path for path in folder.rglob("*") if path.is_file()))

    def trials(self, subject: str) -> list[Trial]:
        """Return one subject's trials, run by run.

        Raises
        ------
        BciAffectError
            If a recording cannot be read, or no run contains a rated piece of music.
        """
        trials: list[Trial] = []
        for path in self._recordings(subject):
            raw = _read(path)
            session = path.session or "1"
            for start, stop, ratings, stimulus in _rated_pieces(raw):
                trials.append(_trial(raw, start, stop, ratings, stimulus, subject, session,
                                     len(trials)))  # fmt: skip
        return check_trials(trials, f"{self._root}, sub-{subject}")

    def _recordings(self, subject: str) -> list[Any]:
        from mne_bids import find_matching_paths

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            paths = find_matching_paths(
                self._root, subjects=subject, suffixes="eeg", datatypes="eeg",
                extensions=[".edf", ".bdf", ".set", ".vhdr", ".fif"],
            )  # fmt: skip
        # Recording order: by session, then task ("run2"), then run.
        return sorted(paths, key=lambda p: (p.session or "", p.task or "", str(p.run or "")))


def _read(path: Any) -> Any:
    from mne_bids import read_raw_bids

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # these data sets lack some sidecar files
            raw = read_raw_bids(path, verbose="error")
            return raw.load_data(verbose="error")
    except Exception as error:  # mne raises many types for damaged headers
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BciAffectError(f"{path.fpath} cannot be read: {reason}.") from None


def _rated_pieces(raw: Any) -> Iterator[tuple[float, float, dict[str, float], str]]:
    """Yield start, stop (seconds), ratings and name of every rated piece."""
    events = _numbered_events(raw)
    starts = [time for time, code in events if code == MUSIC_ONSET]
    end = float(raw.times[-1])
    continuous = all(name in raw.ch_names for name in _CONTINUOUS.values())
    if continuous and not starts:
        starts = [time for time, _ in events]
    for number, start in enumerate(starts):
        following = starts[number + 1] if number + 1 < len(starts) else end
        until = min(following, start + MAX_TRIAL_S, end)
        within = [(time, code) for time, code in events if start < time < following]
        if continuous:
            ratings = _mean_ratings(raw, start, until)
        else:
            questions = [time for time, code in within if code in QUESTIONS]
            until = min([until, *questions[:1]])
            ratings = _answered_ratings(within)
        if ratings and until - start >= MIN_TRIAL_S:
            yield start, until, ratings, _stimulus(within)


def _numbered_events(raw: Any) -> list[tuple[float, int]]:
    """Return times and codes of the numeric events, sorted by time."""
    found = []
    for onset, text in zip(raw.annotations.onset, raw.annotations.description, strict=True):
        digits = str(text).rsplit("/", 1)[-1].strip()
        if digits.removesuffix(".0").isdigit():
            found.append((float(onset) - raw.first_time, int(digits.removesuffix(".0"))))
    return sorted(found)


def _answered_ratings(events: list[tuple[float, int]]) -> dict[str, float]:
    """Assign each answer to the last question strictly before it; the last answer wins."""
    ratings: dict[str, float] = {}
    questions = [(time, code) for time, code in events if code in QUESTIONS]
    for time, code in events:
        if code not in ANSWERS:
            continue
        earlier = [question for asked, question in questions if asked < time]
        if earlier and earlier[-1] in (VALENCE_QUESTION, AROUSAL_QUESTION):
            name = "valence" if earlier[-1] == VALENCE_QUESTION else "arousal"
            ratings[name] = float(code - ANSWERS.start + 1)
    return ratings


def _mean_ratings(raw: Any, start: float, stop: float) -> dict[str, float]:
    first, last = raw.time_as_index([start, stop])
    ratings = {}
    for name, channel in _CONTINUOUS.items():
        values = raw.get_data(picks=[channel], start=first, stop=last)[0]
        values = values[np.isfinite(values)]
        # If the header declares the rating channel as microvolts, mne converts it to volts.
        if len(values) and raw.get_data(picks=[channel]).max() < 1e-3:
            values = values * 1e6
        if len(values):
            ratings[name] = float(np.clip(1 + values.mean() * 8 / 9, 1, 9))
    return ratings


def _stimulus(events: list[tuple[float, int]]) -> str:
    """Name the piece by its code (301-660), an event after its onset; "" if there is none."""
    codes = [code for _, code in events if 301 <= code <= 660]
    return f"piece{codes[0]}" if codes else ""


def _trial(
    raw: Any,
    start: float,
    stop: float,
    ratings: dict[str, float],
    stimulus: str,
    subject: str,
    session: str,
    index: int,
) -> Trial:
    kinds = raw.get_channel_types()
    names = [
        name
        for name, kind in zip(raw.ch_names, kinds, strict=True)
        if kind == "eeg" and name not in _CONTINUOUS.values()
    ]
    montage = make_montage(names)
    keep = np.flatnonzero(montage.placed)
    first, last = raw.time_as_index([start, stop])
    volts: NDArray[np.float64] = raw.get_data(
        picks=[names[row] for row in keep], start=first, stop=last
    )
    return Trial(
        eeg=(volts * 1e6).astype(np.float32),
        rate_hz=float(raw.info["sfreq"]),
        montage=make_montage([names[row] for row in keep]),
        subject=subject,
        session=session,
        stimulus=stimulus,
        ratings=ratings,
        index=index,
    )
