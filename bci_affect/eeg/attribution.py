"""Attribution of a linear score of person features to electrodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bci_affect.eeg.covariance import N_TANGENT
from bci_affect.eeg.person_reference import PersonFeatures
from bci_affect.eeg.sites import N_HARMONICS, N_SITES

Floats = NDArray[np.float64]

_PAIRS = np.concatenate(
    [np.stack([np.arange(N_SITES)] * 2), np.stack(np.triu_indices(N_SITES, 1))], 1
)
_ENDS = np.eye(N_SITES)[_PAIRS].sum(axis=0)  # (N_TANGENT, N_SITES): ends of each pair of sites


def electrode_contributions(features: PersonFeatures, weights: Floats, n_channels: int) -> Floats:
    """Split linear scores of person features into contributions of electrodes.

    A covariance score is an inner product ``<A, L>`` over pairs of sites. Half of each pair's
    product goes to either site, and each site's sum to the electrodes in proportion to the absolute
    weights with which they predict it. Contributions of power are those of the electrodes
    themselves. The contributions add up to the score.

    Parameters
    ----------
    features : PersonFeatures
        One window.
    weights : ndarray, shape (n_scores, n_bands * 316)
        Weights of `PersonFeatures.vector` in each score.
    n_channels : int
        Channels of the montage.

    Returns
    -------
    ndarray of float64, shape (n_scores, n_channels)
        0 for channels without a valid electrode.
    """
    projection, n_bands = features.projection, len(features.covariance)
    split = n_bands * N_TANGENT
    tangent = weights[:, :split].reshape(-1, n_bands, N_TANGENT) * features.covariance
    halves = 0.5 * tangent.sum(axis=1)  # (n_scores, N_TANGENT)
    sites = halves @ _ENDS
    share = np.abs(projection.matrix)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)  # (N_SITES, n)
    field = weights[:, split:].reshape(-1, n_bands, N_HARMONICS) @ projection.field
    contributions = np.zeros((len(weights), n_channels))
    contributions[:, projection.electrodes] = sites @ share + (field * features.amplitude).sum(
        axis=1
    )
    return contributions
