"""Daly's music data sets in BIDS (OpenNeuro ds002721 to ds002724), read through mne-bids.

Two ways of saying what was felt are understood:

- **Questions after each piece** (ds002721): events 788 (music begins), 800-807 (a question is
  shown), 833-841 (the answer 1-9). An answer belongs to the last question strictly before it. Of
  the eight questions (pleasantness, energy, tension, anger, fear, happiness, sadness, tenderness,
  taken to be numbered in this order) pleasantness stands for valence and energy for arousal. A
  trial lasts from the music's onset to its first question.
- **Continuous ratings** (ds002722, ds002723, ds002724): channels VA1 (valence) and VA2 (arousal),
  0-9, moved while music plays. A trial lasts from 788, or where there is none from any numbered
  event, to the next one (at most `LONGEST_S`); its ratings are the mean of the channels, spread
  from 0-9 to 1-9.

Old electrode names (T3, T4, T5, T6) are read as T7, T8, P7, P8. mne-bids is the extra ``[bids]``.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.datasets.checks import check_trials, hash_files, pick_subjects
from bci_affect.datasets.trial import Trial
from bci_affect.eeg import make_montage
from bci_affect.errors import BciAffectError

log = logging.getLogger(__name__)

MUSIC_STARTS = 788
QUESTIONS = range(800, 808)
ANSWERS = range(833, 842)
VALENCE_QUESTION, AROUSAL_QUESTION = 800, 801
LONGEST_S = 60.0
SHORTEST_S = 5.0
_CONTINUOUS = {"valence": "VA1", "arousal": "VA2"}


class DalyBids:
    """Reader of Daly's BIDS music data sets.

    Parameters
    ----------
    root : Path
        Folder with ``sub-01`` ...
    subjects : sequence of str, optional
        Such as ``("01", "07")``; all when absent.

    Raises
    ------
    BciAffectError
        If mne-bids is not installed, or the folder has no subjects, or not those asked for.
    """

    name = "bids"

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        try:
            import mne_bids  # noqa: F401
        except ImportError:
            raise BciAffectError(
                "BIDS data need mne-bids; install it with: pip install 'bci_affect[bids]'."
            ) from None
        self._root = root
        found = sorted(path.name[4:] for path in root.glob("sub-*") if path.is_dir())
        self._subjects = tuple(pick_subjects(found, subjects, str(root)))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in order."""
        return self._subjects

    @property
    def simulated(self) -> bool:
        """Whether the data are simulated."""
        return False

    def content_key(self, subject: str) -> str:
        """Return what decides the subject's trials, as a hash of the files' content."""
        folder = self._root / f"sub-{subject}"
        return hash_files(sorted(path for path in folder.rglob("*") if path.is_file()))

    def trials(self, subject: str) -> list[Trial]:
        """Return one subject's trials, run by run.

        Raises
        ------
        BciAffectError
            If a recording cannot be read, or none of the runs has a rated piece of music.
        """
        trials: list[Trial] = []
        for path in self._recordings(subject):
            raw = _read(path)
            session = path.session or "1"
            for start, stop, ratings, stimulus in _pieces(raw):
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
        # Runs in the order in which they were recorded: sessions, then tasks ("run2"), then runs.
        return sorted(paths, key=lambda p: (p.session or "", p.task or "", str(p.run or "")))


def _read(path: Any) -> Any:
    from mne_bids import read_raw_bids

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sidecars that these data sets lack
            raw = read_raw_bids(path, verbose="error")
            return raw.load_data(verbose="error")
    except Exception as error:  # mne raises whatever a damaged header leads it to
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BciAffectError(f"{path.fpath} cannot be read: {reason}.") from None


def _pieces(raw: Any) -> Iterator[tuple[float, float, dict[str, float], str]]:
    """Yield start, stop (seconds), ratings and name of every piece that was rated."""
    events = _coded_events(raw)
    starts = [time for time, code in events if code == MUSIC_STARTS]
    end = float(raw.times[-1])
    continuous = all(name in raw.ch_names for name in _CONTINUOUS.values())
    if continuous and not starts:
        starts = [time for time, _ in events]
    for number, start in enumerate(starts):
        following = starts[number + 1] if number + 1 < len(starts) else end
        until = min(following, start + LONGEST_S, end)
        within = [(time, code) for time, code in events if start < time < following]
        if continuous:
            ratings = _mean_ratings(raw, start, until)
        else:
            asked = [time for time, code in within if code in QUESTIONS]
            until = min([until, *asked[:1]])
            ratings = _answers(within)
        if ratings and until - start >= SHORTEST_S:
            yield start, until, ratings, _stimulus(within)


def _coded_events(raw: Any) -> list[tuple[float, int]]:
    """Return the events that are numbers, in order of time."""
    found = []
    for onset, text in zip(raw.annotations.onset, raw.annotations.description, strict=True):
        digits = str(text).rsplit("/", 1)[-1].strip()
        if digits.removesuffix(".0").isdigit():
            found.append((float(onset) - raw.first_time, int(digits.removesuffix(".0"))))
    return sorted(found)


def _answers(events: list[tuple[float, int]]) -> dict[str, float]:
    """Give each answer to the last question strictly before it; the last answer counts."""
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
        # A header that calls the scale microvolts has it read as volts; no rating is that small.
        if len(values) and raw.get_data(picks=[channel]).max() < 1e-3:
            values = values * 1e6
        if len(values):
            ratings[name] = float(np.clip(1 + values.mean() * 8 / 9, 1, 9))
    return ratings


def _stimulus(events: list[tuple[float, int]]) -> str:
    """Name the piece by its own code (301-660), which follows its onset, where there is one."""
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
