"""DREAMER (Katsigiannis & Ramzan 2018): 23 people, 18 film clips, EPOC headset, one ``.mat`` file.

``DREAMER.Data[23].EEG.stimuli[18]`` is (samples, 14) at 128 Hz; ``ScoreValence`` and
``ScoreArousal`` are 1-5 and are spread to 1-9 here. Clips have soundtracks but no music features.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.datasets.checks import check_trials, hash_files, pick_subjects
from bci_affect.datasets.mat_tags import has_sound_tags
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
        Such as ``("s01",)``; all when absent.

    Raises
    ------
    BciAffectError
        If the file is missing, is no DREAMER, or lacks a subject that was asked for.
    """

    name = "dreamer"

    def __init__(self, root: Path, subjects: Sequence[str] | None = None) -> None:
        self._path = root / "DREAMER.mat" if root.is_dir() else root
        self._montage = make_montage(CHANNELS)
        found = [f"s{number + 1:02d}" for number in range(len(_people(self._path)))]
        self._subjects = tuple(pick_subjects(found, subjects, str(self._path)))

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the subjects, in order."""
        return self._subjects

    @property
    def simulated(self) -> bool:
        """Whether the data are simulated."""
        return False

    def content_key(self, subject: str) -> str:
        """Return what decides the subject's trials, as a hash of the file's content."""
        return _key(self._path) + subject

    def trials(self, subject: str) -> list[Trial]:
        """Return one subject's trials in the order of the clips.

        Raises
        ------
        BciAffectError
            If the subject's part has another shape, NaN samples or ratings outside 1-5.
        """
        where = f"{self._path}, {subject}"
        person = _people(self._path)[int(subject[1:]) - 1]
        try:
            stimuli = list(np.atleast_1d(person.EEG.stimuli))
            scores = {
                name: np.atleast_1d(getattr(person, f"Score{name.capitalize()}")).astype(float)
                for name in ("valence", "arousal")
            }
        except (AttributeError, ValueError, TypeError):
            raise BciAffectError(f"{where}: there is no EEG.stimuli or no score in it.") from None
        if any(len(values) != len(stimuli) for values in scores.values()):
            raise BciAffectError(f"{where}: {len(stimuli)} clips, but another number of scores.")
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
def _people(path: Path) -> Sequence[Any]:
    """Read the file once: it is half a gigabyte and holds everybody."""
    from scipy.io import loadmat

    try:
        if not has_sound_tags(path):
            raise BciAffectError(f"{path} is no DREAMER.mat (damaged, or not of level 5).")
        content = loadmat(path, squeeze_me=True, struct_as_record=False)
        people = np.atleast_1d(content["DREAMER"].Data)
    except OSError as error:
        raise BciAffectError(f"Cannot read {path}: {error.strerror or error}.") from None
    except BciAffectError:
        raise
    except Exception as error:  # scipy raises whatever a damaged byte leads it to
        raise BciAffectError(f"{path} is no DREAMER.mat ({type(error).__name__}).") from None
    return list(people)


@lru_cache(maxsize=1)
def _key(path: Path) -> str:
    return hash_files([path])
