"""Several streams under one source id or name: the EEG is chosen, and comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bci_affect.app.start import source_of
from bci_affect.errors import BciAffectError
from bci_affect.streams.lsl.discovery import FoundStream, find_streams
from bci_affect.streams.lsl.inlet import LslSource
from bci_affect.streams.lsl.recognition import returned
from tests.streams.lsl.live import Reader, end, now, opened, publisher, streaming

EEG = FoundStream("Muse", "EEG", "Muse01", 5, 256.0, "float32", "desk", "u1", 10.0)
PPG = replace(EEG, type="PPG", n_channels=3, rate_hz=64.0, uid="u2", created=20.0)
MARKS = replace(EEG, name="Muse Markers", n_channels=1, rate_hz=0.0, uid="u3", created=30.0)


@pytest.fixture(autouse=True)
def _no_process_stays():
    yield
    end()


def test_side_streams_never_stand_in_for_the_eeg():
    assert returned(EEG, [PPG, MARKS]) is None
    back = replace(EEG, uid="u4", created=15.0)
    assert returned(EEG, [PPG, back, MARKS]) == (back, "same source id")


def test_of_two_with_one_id_the_one_of_the_same_format_and_host_returns():
    back = replace(EEG, uid="u4", created=15.0)
    other = replace(EEG, uid="u5", hostname="sofa", created=99.0)
    wide = replace(EEG, uid="u6", n_channels=8, created=98.0)
    assert returned(EEG, [other, back, wide]) == (back, "same source id")


def test_eeg_is_chosen_and_returns_among_streams_with_its_id():
    base = now()
    side = publisher("Crown", "crown-1", base, "--type", "PPG", "--rate", 64, "--channels", 3)
    irregular = publisher("Crown Markers", "crown-1", base, "--rate", 0, "--channels", 1)
    # An EEG stream of another kind under the same id, as a Crown's power by band.
    bands = publisher("Crown bands", "crown-1", base, "--rate", 64, "--channels", 8)
    eeg = publisher("Crown", "crown-1", base)
    wanted = {("Crown", "PPG"), ("Crown Markers", "EEG"), ("Crown", "EEG")}
    for _ in range(20):
        if wanted <= {(found.name, found.type) for found in find_streams(0.5)}:
            break
    reader = opened("Crown", source_id="crown-1")
    assert reader.source.info.rate_hz == 250
    end(eeg)
    assert reader.wait_for(lambda: not streaming(reader), 20)
    assert not reader.wait_for(lambda: streaming(reader), 3), "no other stream is used"
    assert "session" not in "".join(reason for *_, reason in reader.states), "it recovers"
    publisher("Crown", "crown-1", base)
    assert reader.wait_for(lambda: streaming(reader), 30)
    assert {process.poll() for process in (side, irregular, bands)} == {None}
    reader.finish()


def test_two_headsets_alike_can_be_chosen_by_their_uid():
    processes = [publisher("Twin", "twin-1", now()) for _ in range(2)]
    for _ in range(30):
        twins = find_streams(0.5, lambda found: found.name == "Twin")
        if len(twins) == 2:
            break
    with pytest.raises(BciAffectError, match="--source-id UID") as refused:
        LslSource(name="Twin").open(10.0)
    assert all(twin.uid in str(refused.value) for twin in twins)
    source = LslSource(source_id=twins[1].uid)
    assert source.open(20.0).name == "Twin"
    source.close()
    by_host = LslSource(name=f"Twin@{twins[0].hostname}", source_id=twins[0].uid)
    assert by_host.open(20.0).source_id == "twin-1"
    by_host.close()
    chosen = source_of(twins[1], twins)
    chosen.open(20.0)
    reader = Reader(chosen)
    assert chosen._known.uid == twins[1].uid, "the one that was chosen in the window"
    end(*processes)
    assert reader.wait_for(lambda: not streaming(reader), 20)
    reader.finish()
    publisher("Twin", "twin-1", now())
    again = source_of(twins[1], twins)
    assert again.open(60.0).name == "Twin", "its uid has changed since the choice"
    again.close()


def test_another_headset_never_stands_in_for_a_lost_one():
    """Even one that looks the same: it was there while the lost one was sending."""
    base = now()

    def twins(many):
        for _ in range(60):
            seen = find_streams(0.5, lambda found: found.name == "Pair")
            if len(seen) == many:
                break
        return {twin.uid for twin in seen}

    mine = publisher("Pair", "pair-1", base)
    (uid,) = twins(1)
    other = publisher("Pair", "pair-1", base)
    assert len(twins(2)) == 2
    source = LslSource(source_id=uid)
    source.open(20.0)
    reader = Reader(source)
    end(mine)
    assert reader.wait_for(lambda: not streaming(reader), 20)
    assert not reader.wait_for(lambda: streaming(reader), 3)
    publisher("Pair", "pair-1", base)
    assert reader.wait_for(lambda: streaming(reader), 30), "the lost one returns"
    assert other.poll() is None
    reader.finish()
