"""Calibration workflow: from recordings to a profile with a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bci_affect.config import LiveSettings
from bci_affect.datasets import FileInfo, Labels, session_of, subject_of
from bci_affect.errors import BciAffectError
from bci_affect.model import Predictor
from bci_affect.profiles import ProfileStore, model_identity
from bci_affect.resources import user_home
from bci_affect.storage import free_path, safe_name
from bci_affect.training.calibration.encoder_selection import select_encoder
from bci_affect.training.calibration.evaluation import N_PERMUTATIONS
from bci_affect.training.calibration.personal_model import calibrate
from bci_affect.training.calibration.recordings import PersonClips, load_clips
from bci_affect.training.calibration.report import summary, write_report

_LABELS = "labels"  # key of the labels of each recording in the summary of a calibration


def calibrate_recordings(
    paths: Sequence[Path],
    labels: Labels,
    predictor: Predictor,
    *,
    model_path: Path,
    profile: str = "",
    stream: str | None = None,
    settings: LiveSettings | None = None,
    earlier: bool = False,
    report: Path | None = None,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    progress: Callable[[str, float], None] = lambda name, share: None,
) -> dict[str, Any]:
    """Calibrate a person from recordings; write profile and report.

    Parameters
    ----------
    paths, labels, predictor, stream, settings, progress
        See `recordings.load_clips`.
    model_path : Path
        Model file of the predictor.
    profile : str
        Profile to write to, created if new; by default the subject of the recordings.
    earlier : bool
        Include the recordings of the profile's last calibration that still exist.
    report : Path, optional
        New HTML file; by default in the user's data folder.
    n_permutations, seed : int
        See `personal_model.calibrate`.

    Returns
    -------
    dict
        JSON document: verdicts and scores by dimension, profile, report, sources, dropped clips.

    Raises
    ------
    BciAffectError
        If neither dimension can be calibrated; the profile is then not changed.
    """
    if report is not None and report.exists():
        raise BciAffectError(f"{report} already exists; choose another file.")
    name = profile or next(filter(None, (subject_of(path, labels) for path in paths)), "")
    if not name:
        raise BciAffectError("Whose recordings are these? Give a name with --profile NAME.")
    identity = model_identity(model_path)
    sources = _earlier_recordings(name, identity) if earlier else {}
    sources |= {path.resolve(): labels for path in paths}
    if earlier:
        sources = {path: _assign_to_person(path, one, name) for path, one in sources.items()}

    def load(predictor: Predictor) -> PersonClips:
        return load_clips(
            list(sources),
            list(sources.values()),
            predictor,
            model=identity,
            stream=stream,
            settings=settings,
            progress=progress,
        )

    frozen = load(predictor)
    first = calibrate(frozen.table, model=identity, seed=seed, n_permutations=n_permutations)
    selection = select_encoder(first, frozen, predictor, load, seed=seed)
    calibration, clips = selection.calibration, selection.clips
    personal = calibration.personal
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(personal.created))
    page = report or free_path(user_home() / "reports" / f"{safe_name(name)}-{stamp}.html")
    document = summary(calibration) | {
        "fine_tuning": {
            "taken": selection.tuned,
            "text": selection.text,
            "frozen_error": selection.frozen_error,
            "tuned_error": selection.tuned_error,
        }
    }
    with ProfileStore() as store:
        if name.casefold() not in {known.casefold() for known in store.names()}:
            store.create(name)
        write_report(page, name, clips, calibration, model=identity, tuning=selection.text)
        store.add_calibration(
            name,
            personal,
            document | {_LABELS: [one.model_dump(mode="json") for one in sources.values()]},
            sources=tuple(map(str, sources)),
            report=str(page.resolve()),
        )
        for key, state in clips.normalisation.items():
            store.save_normalisation(name, key, state)
    return {
        **document,
        "profile": name,
        "model": identity,
        "report": str(page.resolve()),
        "sources": [str(path) for path in sources],
        "dropped": clips.dropped,
    }


def _earlier_recordings(profile: str, model: str) -> dict[Path, Labels]:
    """Return the recordings of the profile's last calibration with their labels.

    Deleted recordings are left out. The result is empty if the last calibration used another
    encoder or its labels were not stored.
    """
    with ProfileStore() as store:
        if profile.casefold() not in {known.casefold() for known in store.names()}:
            return {}
        history = store.load(profile).history
    if not history or history[-1].model != model:
        return {}
    last = history[-1]
    labels = [Labels.model_validate(one) for one in last.summary.get(_LABELS, [])]
    if len(labels) != len(last.sources):
        return {}
    pairs = zip(map(Path, last.sources), labels, strict=True)
    return {path: one for path, one in pairs if path.exists()}


def _assign_to_person(path: Path, labels: Labels, profile: str) -> Labels:
    """Return the labels with a file assigned to the profile's person."""
    info = FileInfo(subject=profile, session=session_of(path, labels))
    files = {key: one for key, one in labels.files.items() if key != path.name}
    return labels.model_copy(update={"files": files | {str(path): info}})
