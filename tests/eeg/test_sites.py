"""Virtual sites: any montage lands in one space, whatever the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.eeg import CAPS, make_montage
from bci_affect.eeg.sites import (
    N_SITES,
    SITES,
    SiteProjector,
    site_directions,
    spherical_kernel,
)
from bci_affect.errors import BciAffectError
from bci_affect.harmonics import spherical_harmonics

CAP = make_montage(CAPS["cap32"])


def masks(n: int, least: int = 4) -> st.SearchStrategy[np.ndarray]:
    chosen = st.sets(st.integers(0, n - 1), min_size=least)
    return chosen.map(lambda rows: np.isin(np.arange(n), sorted(rows)))


@settings(max_examples=30, deadline=None)
@given(mask=masks(32))
def test_a_common_signal_adds_nothing_at_the_sites(mask):
    matrix = SiteProjector(CAP).project(mask).matrix
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(mask=masks(32))
def test_what_is_unseen_is_a_covariance_below_the_prior(mask):
    unseen = SiteProjector(CAP).project(mask).unseen
    prior = spherical_kernel(site_directions(), site_directions())
    assert np.linalg.eigvalsh(unseen).min() > -1e-9
    assert np.linalg.eigvalsh(prior - unseen).min() > -1e-9


@settings(max_examples=20, deadline=None)
@given(mask=masks(32), extra=st.integers(0, 31))
def test_another_electrode_never_hides_more(mask, extra):
    projector = SiteProjector(CAP)
    more = mask.copy()
    more[extra] = True
    before, after = (np.trace(projector.project(m).unseen) for m in (mask, more))
    assert after <= before + 1e-9


def test_a_smooth_potential_is_predicted_between_electrodes():
    projector = SiteProjector(CAP)
    directions = np.asarray(CAP.positions, float) / np.linalg.norm(CAP.positions, axis=1)[:, None]
    potential = spherical_harmonics(*directions.T)
    here, there = projector.project(projector.placed).matrix, site_directions()
    projected = here @ potential[2]  # front minus back, nearly
    assert np.corrcoef(projected, there[:, 1])[0, 1] > 0.98


def test_the_order_of_channels_has_no_influence():
    order = np.random.default_rng(0).permutation(32)
    mixed = make_montage([CAPS["cap32"][i] for i in order])
    everything = np.ones(32, bool)
    plain = SiteProjector(CAP).project(everything).matrix
    np.testing.assert_allclose(
        SiteProjector(mixed).project(everything).matrix, plain[:, order], atol=1e-9
    )


def test_channels_of_unknown_place_are_never_used():
    montage = make_montage(["Fp1", "nowhere", "O1", "O2"])
    assert SiteProjector(montage).project(np.ones(4, bool)).electrodes.tolist() == [0, 2, 3]


def test_projections_are_cached_and_the_cache_is_bounded():
    projector = SiteProjector(CAP)
    everything = np.ones(32, bool)
    assert projector.project(everything) is projector.project(everything.copy())
    for row in range(32):
        for other in (0, 1):
            mask = everything.copy()
            mask[[row, other]] = False
            projector.project(mask)
    assert len(projector._cache) <= 32


def test_too_few_electrodes_are_refused_with_a_sentence():
    with pytest.raises(BciAffectError, match="known place"):
        SiteProjector(make_montage(["a", "b", "Cz"]))
    with pytest.raises(BciAffectError, match="electrodes are valid"):
        SiteProjector(CAP).project(np.zeros(32, bool))


def test_sites_are_known_and_differ():
    assert len(set(SITES)) == N_SITES
    assert np.isfinite(site_directions()).all()
    between = site_directions() @ site_directions().T - 2 * np.eye(N_SITES)
    assert between.max() < 0.97
