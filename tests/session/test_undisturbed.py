"""A session keeps Python's house-keeping off its data path, and gives it back."""

from __future__ import annotations

import gc
import sys

from bci_affect.session.undisturbed import SWITCH_S, Undisturbed


def test_limits_hold_from_begin_to_end_only():
    before, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    still = Undisturbed()
    still.begin()
    try:
        assert sys.getswitchinterval() <= SWITCH_S + 1e-9
        assert gc.get_freeze_count() > frozen
        assert gc.isenabled()  # what the session itself leaves behind is still collected
    finally:
        still.end()
    assert sys.getswitchinterval() == before
    assert gc.get_freeze_count() == 0
    still.end()
    assert sys.getswitchinterval() == before
