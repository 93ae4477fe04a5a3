"""Use case of `calibrate --from`: a personal model from recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bci_affect.config import LiveSettings, load_toml
from bci_affect.datasets import Labels
from bci_affect.music import single_threaded_torch
from bci_affect.session import load_predictor, model_path
from bci_affect.training import calibrate_recordings


def calibrate(
    recordings: Sequence[str | Path],
    labels: Labels | str | Path | None = None,
    *,
    profile: str = "",
    model: str | Path | None = None,
    stream: str | None = None,
    settings: LiveSettings | None = None,
    align: bool = False,
    earlier: bool = False,
    report: str | Path | None = None,
    permutations: int = 999,
    seed: int = 0,
    progress: Callable[[str, float], None] = lambda name, share: None,
) -> dict[str, Any]:
    """Fit a model to one listener and test whether it beats chance, as ``bci-affect calibrate``.

    Writes a profile and a report, by default in the user's data folder.

    Parameters
    ----------
    recordings : sequence of path
        Recordings (XDF) of one person, in chronological order.
    labels : Labels or path, optional
        Ratings of the recordings' markers, or their ``LABELS.toml``; recordings of a session
        contain ratings and need none.
    profile : str
        Profile to write to, created if new; by default the subject of the recordings.
    model : path, optional
        Model file; by default the shipped one.
    stream : str, optional
        Name of the EEG stream, if a file has several.
    settings : LiveSettings, optional
        Filters and smoothing.
    align : bool
        Shift EEG or markers that are on another clock.
    earlier : bool
        Include the recordings of the profile's last calibration.
    report : path, optional
        New HTML file.
    permutations, seed : int
        Permutations of the test, and the seed of all random choices.
    progress : callable, optional
        Called with the name of the file and the share that is done, 0 to 1.

    Returns
    -------
    dict
        The JSON document of ``bci-affect calibrate --json``.

    Raises
    ------
    BciAffectError
        If neither dimension can be calibrated; the profile is then not changed.

    Examples
    --------
    >>> import bci_affect as ba
    >>> ba.calibrate(["a.xdf", "b.xdf"], "LABELS.toml", profile="Ada")  # doctest: +SKIP
    """
    meaning = labels if isinstance(labels, Labels) else Labels()
    if isinstance(labels, str | Path):
        meaning = load_toml(Path(labels), Labels)
    if align:
        meaning = meaning.model_copy(update={"align": True})
    weights = model_path(None if model is None else Path(model))
    predictor = load_predictor(weights, one_thread=False)
    with single_threaded_torch():
        return calibrate_recordings(
            [Path(recording) for recording in recordings],
            meaning,
            predictor,
            model_path=weights,
            profile=profile,
            stream=stream,
            settings=settings,
            earlier=earlier,
            report=None if report is None else Path(report),
            n_permutations=permutations,
            seed=seed,
            progress=progress,
        )
