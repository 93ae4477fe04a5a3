from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.gui.decimate import peaks


@settings(derandomize=True, max_examples=40)
@given(n=st.integers(200, 3000), at=st.integers(0, 10**6), columns=st.integers(20, 400))
def test_no_peak_is_lost_and_order_is_kept(n: int, at: int, columns: int) -> None:
    rng = np.random.default_rng(n + at)
    times = 5000 + (at + np.arange(n)) / 250.0
    values = rng.standard_normal((3, n)).astype(np.float32)
    width = n // columns
    t, v = peaks(times, values, width, 250.0)
    assert np.all(np.diff(t) > 0)
    inner = values[:, width : n - width] if width > 2 else values
    assert v.max() >= inner.max()
    assert v.min() <= inner.min()
    assert v.shape[1] <= max(n if width <= 2 else 0, 2 * n / max(1, width) + 2)


def test_columns_stay_on_the_clock_while_the_trace_scrolls() -> None:
    """A peak drawn at one height must not flicker when a few more samples arrive."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal((1, 6000)).astype(np.float32)
    times = np.arange(6000) / 250.0
    first_t, first_v = peaks(times[:5000], values[:, :5000], 10, 250.0)
    next_t, next_v = peaks(times[7:5007], values[:, 7:5007], 10, 250.0)
    common, i, j = np.intersect1d(first_t.round(6), next_t.round(6), return_indices=True)
    assert len(common) > 950
    assert np.array_equal(first_v[:, i], next_v[:, j])


def test_a_gap_stays_a_gap() -> None:
    values = np.zeros((2, 4000), np.float32)
    values[:, 2000] = np.nan
    _, v = peaks(np.arange(4000) / 250.0, values, 10, 250.0)
    assert np.isnan(v).any(axis=0).sum() == 2
