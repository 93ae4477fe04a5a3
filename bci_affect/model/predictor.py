"""NumPy interface to a loaded model."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.model.affect import AffectModel
from bci_affect.model.card import ModelCard, Prediction
from bci_affect.model.covariance import FEW_ELECTRODES, CovarianceEncoder
from bci_affect.model.files import load_model
from bci_affect.model.streaming_inference import StreamingInference

Floats = NDArray[np.float32]


class Predictor:
    """A loaded model for live and batch use.

    Parameters
    ----------
    model : Path or (AffectModel, ModelCard)
        A model file, or a model in memory with its card.
    one_thread : bool
        Limit torch to one thread, for the process.

    Notes
    -----
    A `streaming` or `covariance` model runs in `StreamingInference`, any other in torch. With
    two threads of torch on two cores the slowest calls of the same LSTM took 50 to 1000 times
    longer than with one. Concurrent calls from several threads are safe.

    Examples
    --------
    >>> import numpy as np
    >>> import bci_affect as ba
    >>> model = ba.load_model()
    >>> bands = np.zeros((12, 2, 5), np.float32)  # steps, channels, bands; normalised
    >>> cap = ba.make_montage(["C3", "C4"])
    >>> model.predict(bands, np.ones(2, bool), cap.positions).logits.shape
    (2,)
    """

    def __init__(
        self, model: Path | str | tuple[AffectModel, ModelCard], *, one_thread: bool = True
    ) -> None:
        self._one_thread = one_thread
        if one_thread:
            torch.set_num_threads(1)
        if isinstance(model, tuple):
            self._model, self.card = model
        else:
            self._model, self.card = load_model(Path(model))
        self._model = self._model.eval()
        settings = self._model.settings
        self._inference = (
            StreamingInference(self._model)
            if settings.encoder in ("streaming", "covariance")
            else None
        )
        n_channels = settings.n_channels or 8
        for _ in range(3):  # warm-up: the first calls are slow
            self.predict(
                np.zeros((settings.n_steps, n_channels, settings.n_bands), np.float32),
                np.ones(n_channels, np.bool_),
                np.full((n_channels, 3), 0.05, np.float32),
            )

    def copy_model(self) -> AffectModel:
        """Return a copy of the model, in evaluation mode, for training."""
        return copy.deepcopy(self._model)

    def with_weights(self, weights: Mapping[str, NDArray[np.floating]]) -> Predictor:
        """Return a predictor with some parameters replaced.

        Parameters
        ----------
        weights : mapping of str to ndarray
            New values by parameter name.

        Raises
        ------
        BciAffectError
            If the model has no parameter of that name and shape.
        """
        model = self.copy_model()
        state = model.state_dict()
        for name, value in weights.items():
            if name not in state or tuple(state[name].shape) != value.shape:
                raise BciAffectError(
                    f"Fine-tuned weights do not fit the model {self.card.name} ('{name}'); "
                    "calibrate again with this model."
                )
            state[name] = torch.from_numpy(np.array(value, np.float32))
        model.load_state_dict(state)
        return Predictor((model, self.card), one_thread=self._one_thread)

    def __repr__(self) -> str:
        card = self.card
        return f"Predictor({card.name!r}, {len(card.bands)} bands, {card.window_s:g} s windows)"

    @property
    def space(self) -> int:
        """Dimensions of the common space."""
        return self._model.settings.space

    @property
    def needs_person(self) -> bool:
        """True if predictions need features of the person against their own rest."""
        return self._model.needs_person

    @property
    def population(self) -> NDArray[np.float64] | None:
        """Mean rest of the training people, (n_bands, n_sites, n_sites); None if not needed."""
        encoder = self._model.encoder
        if not isinstance(encoder, CovarianceEncoder):
            return None
        prior: NDArray[np.float64] = encoder.population.numpy().astype(np.float64)
        return prior

    def person_weights(self, n_electrodes: int) -> NDArray[np.float64]:
        """Return the weights of the person features in the logits, (2, n_bands * 316).

        Parameters
        ----------
        n_electrodes : int
            Valid electrodes: few and many have weights of their own.

        Raises
        ------
        BciAffectError
            If the model has no such features or is not linear in them.
        """
        model, encoder = self._model, self._model.encoder
        if not isinstance(encoder, CovarianceEncoder) or model.settings.shared_activation:
            raise BciAffectError(f"The model {self.card.name} is not linear in person features.")
        layer = encoder.few if n_electrodes <= FEW_ELECTRODES else encoder.many
        with torch.inference_mode():
            weights = model.heads.weight @ model.shared.weight @ layer.weight
            scaled: NDArray[np.float64] = (weights / encoder.feature_scale).double().numpy()
        return scaled

    def predict(
        self,
        bands: Floats,
        mask: NDArray[np.bool_],
        positions: NDArray[np.floating],
        person: Floats | None = None,
    ) -> Prediction:
        """Run the model on one window.

        Parameters
        ----------
        bands : ndarray of float32, shape (n_steps, n_channels, n_bands)
            Band features normalised to the person.
        mask : ndarray of bool, shape (n_channels,)
            Valid electrodes.
        positions : ndarray, shape (n_channels, 3)
            Metres; NaN where unknown.
        person : ndarray of float32, shape (n_bands * 316,), optional
            `PersonFeatures.vector`, for models with `needs_person`; zeros ("as at rest") by
            default.

        Raises
        ------
        BciAffectError
            If the bands, steps or electrodes do not match the model.
        """
        many = self.predict_many(
            bands[None], mask[None], positions, None if person is None else person[None]
        )
        return Prediction(many.embedding[0], many.attention[0], many.logits[0])

    def predict_many(
        self,
        bands: Floats,
        mask: NDArray[np.bool_],
        positions: NDArray[np.floating],
        person: Floats | None = None,
    ) -> Prediction:
        """Run the model on several windows; the arrays of the result have a leading axis n.

        Parameters
        ----------
        bands : ndarray of float32, shape (n, n_steps, n_channels, n_bands)
        mask : ndarray of bool, shape (n, n_channels)
        positions : ndarray, shape (n_channels, 3) or (n, n_channels, 3)
            Metres; one montage for all windows, or one per window.
        person : ndarray of float32, shape (n, n_bands * 316), optional
            As in `predict`.
        """
        self._check(bands, mask, positions)
        positions = np.asarray(positions, np.float32)
        positions = positions if positions.ndim == 3 else positions[None]
        if self._inference is not None:
            if person is not None:
                person = np.asarray(person, np.float32)
            return self._inference.predict(np.asarray(bands, np.float32), mask, positions, person)
        with torch.inference_mode():
            out = self._model(
                torch.from_numpy(np.ascontiguousarray(bands, np.float32)),
                torch.from_numpy(np.ascontiguousarray(mask, np.bool_)),
                torch.from_numpy(positions),
            )
        return Prediction(out.embedding.numpy(), out.attention.numpy(), out.logits.numpy())

    @torch.inference_mode()
    def project_music(self, embeddings: Floats) -> Floats:
        """Project tagger embeddings, (n, music_dim), into the common space, (n, space)."""
        projected: Floats = self._model.project_music(self._tensor(embeddings)).embedding.numpy()
        return projected

    @torch.inference_mode()
    def music_logits(self, embeddings: Floats) -> Floats:
        """Return logits, (n, 2), of high valence and arousal for tagger embeddings."""
        logits: Floats = self._model.project_music(self._tensor(embeddings)).logits.numpy()
        return logits

    def _tensor(self, embeddings: Floats) -> torch.Tensor:
        dim = self._model.settings.music_dim
        if embeddings.ndim != 2 or embeddings.shape[1] != dim:
            raise BciAffectError(
                f"The model {self.card.name} needs music embeddings of shape (n, {dim}), not "
                f"{embeddings.shape}; embed the music with this program's tagger."
            )
        return torch.from_numpy(np.ascontiguousarray(embeddings, np.float32))

    def _check(
        self, bands: Floats, mask: NDArray[np.bool_], positions: NDArray[np.floating]
    ) -> None:
        settings, name = self._model.settings, self.card.name
        n_steps, n_channels, n_bands = bands.shape[1:]
        if n_bands != settings.n_bands:
            raise BciAffectError(
                f"The model {name} needs {settings.n_bands} bands ({', '.join(self.card.bands)}), "
                f"not {n_bands}."
            )
        if n_steps != settings.n_steps:
            raise BciAffectError(
                f"The model {name} needs windows of {settings.n_steps} steps "
                f"({self.card.window_s:g} s of {self.card.step_s:g} s), not {n_steps}."
            )
        if settings.n_channels and n_channels != settings.n_channels:
            raise BciAffectError(
                f"The model {name} needs its own {settings.n_channels} electrodes, not "
                f"{n_channels}; use a model that accepts any montage."
            )
        shape = (len(bands), n_channels)
        if mask.shape != shape or positions.shape[-2:] != (n_channels, 3):
            raise ValueError(
                f"bands {bands.shape}, mask {mask.shape} and positions {positions.shape} disagree"
            )
