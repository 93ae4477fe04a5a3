"""Validation of trials and subjects, shared by all data set readers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bci_affect.datasets.trial import Trial
from bci_affect.errors import BciAffectError

RATING_LOW, RATING_HIGH = 1.0, 9.0


def check_trials(trials: Sequence[Trial], where: str) -> list[Trial]:
    """Return the trials unchanged if all of them are valid.

    Parameters
    ----------
    trials : sequence of Trial
        Trials of one subject.
    where : str
        File or subject to name in the message.

    Raises
    ------
    BciAffectError
        If there are no trials, or a trial has a wrong shape, NaN or infinite values, an invalid
        sampling rate, a rating outside 1-9, or embeddings that do not match their times; the
        message names the first invalid trial.
    """
    if not trials:
        raise BciAffectError(f"{where}: no trials were found; check that the files are complete.")
    for number, trial in enumerate(trials):
        problem = _problem(trial)
        if problem:
            raise BciAffectError(f"{where}: trial {number} ({trial.stimulus}): {problem}.")
    return list(trials)


def _problem(trial: Trial) -> str:
    if trial.eeg.ndim != 2 or trial.eeg.shape[0] != len(trial.montage):
        return (
            f"the EEG has shape {trial.eeg.shape}, but ({len(trial.montage)} channels, samples) "
            "is needed"
        )
    if not np.isfinite(trial.rate_hz) or trial.rate_hz <= 0:
        return f"a sampling rate of {trial.rate_hz} Hz is not possible"
    if trial.eeg.shape[1] <= trial.onset_s * trial.rate_hz:
        return f"its {trial.eeg.shape[1]} samples end before the stimulus begins"
    if not np.isfinite(trial.eeg).all():
        channel = int(np.flatnonzero(~np.isfinite(trial.eeg).all(axis=1))[0])
        return (
            f"channel {trial.montage.names[channel]} has NaN or infinite samples; remove the trial "
            "or repair the file"
        )
    for name in ("valence", "arousal", "music_valence", "music_arousal"):
        value = trial.ratings.get(name)
        if value is not None and not RATING_LOW <= value <= RATING_HIGH:
            return f"a rating of {name} of {value:g} lies outside 1 to 9"
    if trial.music is not None:
        times = trial.music_times
        if trial.music.ndim != 2 or times is None or len(times) != len(trial.music):
            return f"music embeddings of shape {trial.music.shape} do not match their times"
        if not np.isfinite(trial.music).all():
            return "the music embeddings contain NaN or infinite values"
    return ""


def select_subjects(found: Sequence[str], wanted: Sequence[str] | None, where: str) -> list[str]:
    """Return the requested subjects (by default all) in the order of the data set.

    Raises
    ------
    BciAffectError
        If no subject was found, or a requested one is missing.
    """
    if not found:
        raise BciAffectError(f"{where}: no subjects were found; check the folder.")
    if wanted is None:
        return list(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise BciAffectError(
            f"{where}: missing subjects {', '.join(missing)}; choose from {', '.join(found)}."
        )
    return [name for name in found if name in set(wanted)]


def hash_files(paths: Sequence[Path]) -> str:
    """Return a hash of the names and contents of files, independent of their folder.

    Raises
    ------
    BciAffectError
        If a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(path.name.encode() + b"\0")
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    return digest.hexdigest()
