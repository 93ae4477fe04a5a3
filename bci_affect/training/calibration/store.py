"""The whole way from recordings to a profile with a report: what the command and the window run."""

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
from bci_affect.training.calibration.evaluation import N_PERMUTATIONS
from bci_affect.training.calibration.personal import calibrate
from bci_affect.training.calibration.recordings import PersonClips, gather
from bci_affect.training.calibration.report import summary, write_report
from bci_affect.training.calibration.tuning import tune

_LABELS = "labels"  # in a calibration's summary: what the markers of its recordings mean


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
        See `recordings.gather`.
    model_path : Path
        File of the predictor.
    profile : str
        Profile to write to, made if it is new; the recordings' subject when "".
    earlier : bool
        Calibrate on the recordings of the profile's last calibration too, where they still are.
    report : Path, optional
        New HTML file; under the user's data folder when left out.
    n_permutations, seed : int
        See `personal.calibrate`.

    Returns
    -------
    dict
        Plain JSON: verdicts and scores by dimension, profile, report, sources, dropped clips.

    Raises
    ------
    BciAffectError
        If nothing can be calibrated; the profile is then left as it was.
    """
    if report is not None and report.exists():
        raise BciAffectError(f"{report} exists already; choose another file.")
    name = profile or next(filter(None, (subject_of(path, labels) for path in paths)), "")
    if not name:
        raise BciAffectError("Whose recordings are these? Give a name with --profile NAME.")
    identity = model_identity(model_path)
    sources = _earlier(name, identity) if earlier else {}
    sources |= {path.resolve(): labels for path in paths}
    for path, meaning in sources.items():
        sources[path] = _of_person(path, meaning, name) if earlier else meaning

    def read(predictor: Predictor) -> PersonClips:
        return gather(
            list(sources),
            list(sources.values()),
            predictor,
            model=identity,
            stream=stream,
            settings=settings,
            progress=progress,
        )

    frozen = read(predictor)
    first = calibrate(frozen.table, model=identity, seed=seed, n_permutations=n_permutations)
    tuning = tune(first, frozen, predictor, read, seed=seed)
    found, gathered = tuning.calibration, tuning.gathered
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(found.personal.created))
    page = report or free_path(user_home() / "reports" / f"{safe_name(name)}-{stamp}.html")
    document = summary(found) | {
        "fine_tuning": {
            "taken": tuning.taken,
            "text": tuning.text,
            "frozen_error": tuning.frozen_error,
            "tuned_error": tuning.tuned_error,
        }
    }
    with ProfileStore() as store:
        if name.casefold() not in {known.casefold() for known in store.names()}:
            store.create(name)
        write_report(page, name, gathered, found, model=identity, tuning=tuning.text)
        store.add_calibration(
            name,
            found.personal,
            document | {_LABELS: [one.model_dump(mode="json") for one in sources.values()]},
            sources=tuple(map(str, sources)),
            report=str(page.resolve()),
        )
        for key, state in gathered.normalisation.items():
            store.save_normalisation(name, key, state)
    return {
        **document,
        "profile": name,
        "model": identity,
        "report": str(page.resolve()),
        "sources": [str(path) for path in sources],
        "dropped": gathered.dropped,
    }


def _earlier(profile: str, model: str) -> dict[Path, Labels]:
    """Return the recordings of the profile's last calibration, and what their markers mean.

    Recordings that are gone are left out, and so are all where another encoder was calibrated or
    the meaning of their markers was not kept.
    """
    with ProfileStore() as store:
        if profile.casefold() not in {known.casefold() for known in store.names()}:
            return {}
        history = store.load(profile).history
    if not history or history[-1].model != model:
        return {}
    last = history[-1]
    meanings = [Labels.model_validate(one) for one in last.summary.get(_LABELS, [])]
    if len(meanings) != len(last.sources):
        return {}
    pairs = zip(map(Path, last.sources), meanings, strict=True)
    return {path: meaning for path, meaning in pairs if path.exists()}


def _of_person(path: Path, labels: Labels, profile: str) -> Labels:
    """Say that a file is of the profile's person, whatever its name says."""
    note = FileInfo(subject=profile, session=session_of(path, labels))
    files = {key: one for key, one in labels.files.items() if key != path.name}
    return labels.model_copy(update={"files": files | {str(path): note}})
