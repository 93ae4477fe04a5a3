"""Whether the encoder itself is tuned to the person, and the personal model that follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bci_affect.affect import DIMENSIONS, DimensionModel, PersonalModel
from bci_affect.model import Predictor
from bci_affect.training.calibration.clips import ClipTable, labelled
from bci_affect.training.calibration.combining import conformal_quantile, fit_fusion, fit_gain
from bci_affect.training.calibration.finetune import (
    MIN_CLIPS,
    MIN_SESSIONS,
    TuningTrial,
    compare,
    enough,
    fine_tune,
)
from bci_affect.training.calibration.personal import Calibration, territory
from bci_affect.training.calibration.recordings import PersonClips


@dataclass(frozen=True)
class Tuning:
    """What became of the top rung.

    Attributes
    ----------
    calibration : Calibration
        With the tuned encoder where it is used, else as it came.
    gathered : PersonClips
        What live use will see of the recordings then.
    taken : bool
    text : str
        What was done and why, in one sentence.
    frozen_error, tuned_error : float
        Held-out squared errors of the probability; NaN where it was not tried.
    """

    calibration: Calibration
    gathered: PersonClips
    taken: bool
    text: str
    frozen_error: float = float("nan")
    tuned_error: float = float("nan")


def tune(
    calibration: Calibration,
    gathered: PersonClips,
    predictor: Predictor,
    again: Callable[[Predictor], PersonClips],
    *,
    seed: int,
) -> Tuning:
    """Try to fine-tune the encoder, and use it where it beats the frozen one.

    Parameters
    ----------
    calibration : Calibration
        With the frozen encoder.
    gathered : PersonClips
    predictor : Predictor
        The frozen encoder.
    again : callable
        Reads the recordings with another predictor.
    seed : int
    """
    table = gathered.table
    if not enough(table):
        return Tuning(
            calibration,
            gathered,
            False,
            f"The encoder is as it was: fine-tuning begins at {MIN_CLIPS} clips over "
            f"{MIN_SESSIONS} sessions (so far {len(table)} over {len(np.unique(table.session))}).",
        )
    trial = compare(predictor, gathered.windows, table, seed)
    found = None
    if trial.better:
        found = fine_tune(predictor, gathered.windows, table, np.arange(len(table)), seed)
    taken = found is not None and any(found.kept)
    errors = (
        f"on held-out clips its squared error was {trial.tuned_error:.3f} against "
        f"{trial.frozen_error:.3f} of the frozen one"
    )
    if found is None or not taken:
        text = f"Fine-tuning the encoder was tried and taken back: {errors}."
        return Tuning(calibration, gathered, False, text, trial.frozen_error, trial.tuned_error)
    seen = again(predictor.with_weights(found.weights))
    personal = _personal(calibration.personal, seen.table, trial)
    return Tuning(
        calibration=dataclasses.replace(
            calibration, personal=dataclasses.replace(personal, encoder=found.weights)
        ),
        gathered=seen,
        taken=True,
        text=f"The encoder is fine-tuned to you ({sum(found.kept)} of {len(found.kept)} sessions "
        f"kept): {errors}. The test against chance above is of the frozen encoder.",
        frozen_error=trial.frozen_error,
        tuned_error=trial.tuned_error,
    )


def _personal(before: PersonalModel, table: ClipTable, trial: TuningTrial) -> PersonalModel:
    """Keep the heads; fit all above them on clips that the tuned encoder had not seen."""
    models: dict[str, DimensionModel] = {}
    for j, name in enumerate(DIMENSIONS):
        old: DimensionModel = getattr(before, name)
        column = trial.tuned[:, j]
        if np.isfinite(column).sum() < len(table) / 2:  # a dimension that was refused
            models[name] = old
            continue
        clips = labelled(table, name)
        known = np.isfinite(column[clips.rows])
        logit, high = column[clips.rows][known], clips.high[known]
        gain = fit_gain(logit, high)
        fusion = fit_fusion(gain * logit, clips.music_logit[known], high)
        models[name] = dataclasses.replace(
            old,
            gain=1.0,
            bias=0.0,
            weights=np.zeros(table.embedding.shape[1]),
            # Of windows the frozen encoder's temperature is known, of the tuned one only that of
            # clips: the more careful of both.
            live_gain=min(gain, old.live_gain),
            conformal=conformal_quantile(gain * logit, high),
            eeg_weight=fusion.eeg,
            music_weight=fusion.music,
            fused_bias=fusion.bias,
            rung="fine-tuned encoder",
        )
    centre, directions, reach = territory(table)
    return dataclasses.replace(
        before,
        valence=models["valence"],
        arousal=models["arousal"],
        centre=centre,
        directions=directions,
        reach=reach,
    )
