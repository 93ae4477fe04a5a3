"""Reader of DREAMER (Katsigiannis & Ramzan 2018): 23 subjects, 18 film clips, EPOC headset.

``DREAMER.Data[23].EEG.stimuli[18]`` has shape (n_samples, 14) at 128 Hz; ``ScoreValence`` and
``ScoreArousal`` are 1-5 and are rescaled to 1-9 here. There are no music embeddings of the clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.datasets.checks import check_trials, hash_files, select_subjects
from bci_affect.datasets.mat_validation import is_valid_mat
from bci_affect.datasets.trial import Trial
from bci_affect.eeg import CAPS, make_montage
from bci_affect.errors import BciAffectError

CHANNELS: tuple[str, ...] = CAPS["epoc"]
RATE_HZ = 128.0


class Dreamer:
    """Reader of ``DREAMER.mat``.

    Parameters
    ----------
    root : Path
        The file, or the folder that holds it.
    subjects : sequence of str, optional
        Subjects to read, for example ``("s01",)``; by default all.

    Raises
    ------
    BciAffectError
        If the file is missing or is not DREAMER.mat, or a requested subject is missing.
    """

    name = "dreamer"
    simulated = False

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        self._path = root / "DREAMER.mat" if root.is_dir() else root
        self._montage = make_montage(CHANNELS)
        found = [f"s{number + 1:02d}" for number in range(len(_read_subjects(self._path)))]
        self.subjects = tuple(select_subjects(found, subjects, str(self._path)))

    def content_key(self, subject: str) -> str:
        """Return a hash of the file's content, with the subject."""
        return _hash_file(self._path) + subject

    def trials(self, subject: str) -> list[Trial]:
        """Return one subject's trials in the order of the clips.

        Raises
        ------
        BciAffectError
            If the subject's data have an unexpected shape, NaN samples or ratings outside 1-5.
        """
        where = f"{self._path}, {subject}"
        person = _read_subjects(self._path)[int(subject[1:]) - 1]
        try:
            stimuli = list(np.atleast_1d(person.EEG.stimuli))
            scores = {
                name: np.atleast_1d(getattr(person, f"Score{name.capitalize()}")).astype(float)
                for name in ("valence", "arousal")
            }
        except (AttributeError, ValueError, TypeError):
            raise BciAffectError(
                f"{where}: EEG.stimuli or scores are missing; download the file again."
            ) from None
        if any(len(values) != len(stimuli) for values in scores.values()):
            raise BciAffectError(
                f"{where}: the number of scores differs from the {len(stimuli)} clips; "
                "download the file again."
            )
        trials = []
        for index, stimulus in enumerate(stimuli):
            eeg = np.asarray(stimulus)
            if eeg.ndim != 2 or eeg.shape[1] != len(CHANNELS) or eeg.dtype.kind not in "fiu":
                raise BciAffectError(
                    f"{where}: clip {index + 1} has shape {eeg.shape}, but (samples, 14) is needed."
                )
            ratings = {name: 2.0 * values[index] - 1.0 for name, values in scores.items()}
            trials.append(
                Trial(
                    eeg=np.ascontiguousarray(eeg.T, np.float32),
                    rate_hz=RATE_HZ,
                    montage=self._montage,
                    subject=subject,
                    session="1",
                    stimulus=f"clip{index + 1:02d}",
                    ratings=ratings,
                    index=index,
                )
            )
        return check_trials(trials, where)


@lru_cache(maxsize=1)
def _read_subjects(path: Path) -> Sequence[Any]:
    """Read all subjects, cached because the file is half a gigabyte."""
    from scipy.io import loadmat

    try:
        if not is_valid_mat(path):
            raise BciAffectError(
                f"{path} is not DREAMER.mat (damaged, or not a MATLAB level 5 file)."
            )
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
        people = np.atleast_1d(content["DREAMER"].Data)
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    except BciAffectError:
        raise
    except Exception as error:  # scipy raises many types for damaged files
        raise BciAffectError(f"{path} is not DREAMER.mat ({type(error).__name__}).") from None
    return list(people)


@lru_cache(maxsize=1)
def _hash_file(path: Path) -> str:
    return hash_files([path])
