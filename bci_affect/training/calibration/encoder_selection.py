"""Selection between the frozen and the fine-tuned encoder for a person."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bci_affect.affect import DIMENSIONS, DimensionModel, PersonalModel
from bci_affect.model import Predictor
from bci_affect.training.calibration.clips import ClipTable, select_labelled
from bci_affect.training.calibration.finetune import (
    MIN_CLIPS,
    MIN_SESSIONS,
    EncoderComparison,
    compare_encoders,
    fine_tune,
    has_enough_data,
)
from bci_affect.training.calibration.personal_model import Calibration, embedding_range
from bci_affect.training.calibration.probability_calibration import (
    conformal_quantile,
    fit_fusion,
    fit_gain,
)
from bci_affect.training.calibration.recordings import PersonClips


@dataclass(frozen=True)
class EncoderSelection:
    """Result of the encoder selection.

    Attributes
    ----------
    calibration : Calibration
        Calibration with the selected encoder.
    clips : PersonClips
        Clips of the recordings, processed with the selected encoder.
    tuned : bool
        True if the fine-tuned encoder was selected.
    text : str
        Sentence for the user on the decision and its reason.
    frozen_error, tuned_error : float
        Held-out squared errors of the probability; NaN if fine-tuning was not tried.
    """

    calibration: Calibration
    clips: PersonClips
    tuned: bool
    text: str
    frozen_error: float = float("nan")
    tuned_error: float = float("nan")


def select_encoder(
    calibration: Calibration,
    clips: PersonClips,
    predictor: Predictor,
    reload: Callable[[Predictor], PersonClips],
    *,
    seed: int,
) -> EncoderSelection:
    """Fine-tune the encoder and select it if it outperforms the frozen one.

    Parameters
    ----------
    calibration : Calibration
        Calibration with the frozen encoder.
    clips : PersonClips
        Clips processed with the frozen encoder.
    predictor : Predictor
        Predictor with the frozen encoder.
    reload : callable
        Function that loads the clips with another predictor.
    seed : int
        Seed of folds and training.
    """
    table = clips.table
    if not has_enough_data(table):
        return EncoderSelection(
            calibration,
            clips,
            False,
            f"The encoder is unchanged: fine-tuning needs {MIN_CLIPS} clips over "
            f"{MIN_SESSIONS} sessions (so far {len(table)} over {len(np.unique(table.session))}).",
        )
    comparison = compare_encoders(predictor, clips.windows, table, seed)
    result = None
    if comparison.better:
        result = fine_tune(predictor, clips.windows, table, np.arange(len(table)), seed)
    errors = (
        f"on held-out clips its squared error was {comparison.tuned_error:.3f} against "
        f"{comparison.frozen_error:.3f} of the frozen one"
    )
    if result is None or not any(result.kept):
        return EncoderSelection(
            calibration,
            clips,
            False,
            f"Fine-tuning the encoder was tried and rejected: {errors}.",
            comparison.frozen_error,
            comparison.tuned_error,
        )
    tuned_clips = reload(predictor.with_weights(result.weights))
    personal = _refit(calibration.personal, tuned_clips.table, comparison)
    return EncoderSelection(
        calibration=dataclasses.replace(
            calibration, personal=dataclasses.replace(personal, encoder=result.weights)
        ),
        clips=tuned_clips,
        tuned=True,
        text=f"The encoder is fine-tuned to you ({sum(result.kept)} of {len(result.kept)} sessions "
        f"kept): {errors}. The test against chance above is of the frozen encoder.",
        frozen_error=comparison.frozen_error,
        tuned_error=comparison.tuned_error,
    )


def _refit(
    personal: PersonalModel, table: ClipTable, comparison: EncoderComparison
) -> PersonalModel:
    """Return the personal model for the tuned encoder: population head, refitted calibration.

    Temperature, conformal quantile and fusion are fitted on held-out clips of the tuned encoder.
    """
    models: dict[str, DimensionModel] = {}
    for j, name in enumerate(DIMENSIONS):
        old: DimensionModel = getattr(personal, name)
        column = comparison.tuned[:, j]
        if np.isfinite(column).sum() < len(table) / 2:  # dimension without enough labels
            models[name] = old
            continue
        clips = select_labelled(table, name)
        known = np.isfinite(column[clips.rows])
        logit, high = column[clips.rows][known], clips.high[known]
        gain = fit_gain(logit, high)
        fusion = fit_fusion(gain * logit, clips.music_logit[known], high)
        models[name] = dataclasses.replace(
            old,
            gain=1.0,
            bias=0.0,
            weights=np.zeros(table.embedding.shape[1]),
            # The gain for windows is known for the frozen encoder only, that for clips for the
            # tuned one: use the smaller, more cautious one.
            live_gain=min(gain, old.live_gain),
            conformal=conformal_quantile(gain * logit, high),
            eeg_weight=fusion.eeg,
            music_weight=fusion.music,
            fused_bias=fusion.bias,
            rung="fine-tuned encoder",
        )
    centre, directions, reach = embedding_range(table)
    return dataclasses.replace(
        personal,
        valence=models["valence"],
        arousal=models["arousal"],
        centre=centre,
        directions=directions,
        reach=reach,
    )
