"""A stream is found by a part of its name, over real LSL."""

from __future__ import annotations

import pylsl
import pytest

from bci_affect.app.stream_search import find_stream
from bci_affect.errors import BciAffectError


def outlet(name: str) -> pylsl.StreamOutlet:
    return pylsl.StreamOutlet(pylsl.StreamInfo(name, "EEG", 4, 250.0, "float32", f"id-{name}"))


def test_a_part_of_the_name_in_any_case_finds_the_stream() -> None:
    shown: list[str] = []
    epoc, muse = outlet("EPOC Anna"), outlet("Muse S Anna")
    assert find_stream("epoc", "EEG", 10.0, shown.append) == "EPOC Anna"
    with pytest.raises(BciAffectError, match=r"fits several streams: EPOC Anna, Muse S Anna"):
        find_stream("anna", "EEG", 10.0, shown.append)
    with pytest.raises(BciAffectError, match=r"named 'Cyton' .* Visible: .*EPOC Anna"):
        find_stream("Cyton", "EEG", 1.2, shown.append)
    assert "visible: " in shown[-1]
    del epoc, muse
