"""Factors to microvolts, from declared units and from the size of the signal."""

from __future__ import annotations

import numpy as np
import pytest

from bci_affect.eeg.doubt import unit_doubt
from bci_affect.eeg.units import eeg_scales, infer_scale, units_scale, with_inferred
from tests.eeg.signals import pink


@pytest.mark.parametrize(
    ("written", "factor"),
    [
        *(("microvolts", 1), ("uV", 1), ("\u00b5V", 1), ("\u03bcV", 1), ("MicroVolt", 1)),
        *(("mV", 1e3), ("MV", 1e3), ("millivolts", 1e3), ("V", 1e6), ("volts", 1e6), ("nV", 1e-3)),
    ],
)
def test_units_as_streams_spell_them(written, factor):
    assert units_scale([written])[0] == factor


def test_an_unknown_unit_is_not_guessed_from_its_name():
    assert np.isnan(units_scale(["", "furlong", "normalized"])).all()


@pytest.mark.parametrize("factor", [1.0, 1e3, 1e6, 1e-3])
@pytest.mark.parametrize("sd_uv", [2.0, 15.0, 120.0])
def test_a_unit_is_inferred_from_the_size_of_the_signal(factor, sd_uv):
    eeg = pink(1, 8, 500, sd_uv)
    assert infer_scale(eeg / factor, 500.0) == factor
    offset = eeg.astype(np.float64) + 60_000
    offset[::2, ::7], offset[3] = np.nan, 1e200
    assert infer_scale(offset / factor, 500.0) == factor


def test_a_signal_that_does_not_change_is_taken_to_be_in_microvolts():
    assert infer_scale(np.zeros((3, 100)), 250.0) == 1.0
    assert infer_scale(np.full((3, 100), np.nan), 250.0) == 1.0
    assert infer_scale(np.zeros((3, 0)), 250.0) == 1.0


def test_other_channels_are_left_as_they_are():
    declared = eeg_scales(["mV", "", "mV"], np.array([True, True, False]))
    np.testing.assert_array_equal(declared, [1e3, np.nan, 1.0])
    volts = pink(2, 3, 250).T / 1e6
    np.testing.assert_array_equal(with_inferred(declared, volts, 250.0), [1e3, 1e6, 1.0])


def test_eeg_at_the_limits_of_the_converter_is_no_question_of_units() -> None:
    noise = np.random.default_rng(0).normal(0, 1e6, (4, 500))
    assert "limits of the converter" in unit_doubt(np.clip(noise, -187_500, 187_500), "Cap")
    assert "may be in nanovolts" in unit_doubt(noise, "Cap")
