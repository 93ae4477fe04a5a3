"""Session report: complete, with the hidden condition revealed, and without outside requests."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bci_affect.app.session_page import render, write_session_report
from bci_affect.app.session_record import SessionRecord, heard, of_recording
from bci_affect.config import LiveSettings
from bci_affect.errors import BciAffectError
from bci_affect.event_log import TimedEvent
from bci_affect.events import (
    Mark,
    MusicChoice,
    MusicCommand,
    SelfReport,
    SessionPause,
    SessionResume,
    SessionStart,
    TrackStart,
    TrackStop,
    encode,
)
from bci_affect.model import Predictor
from bci_affect.session import path_factory
from bci_affect.simulation.simulator import EegSimulator, SimulatedPerson
from bci_affect.streams import event_header
from bci_affect.streams.header import build_header
from bci_affect.streams.xdf.writer import XdfWriter
from tests.hostile_strings import HOSTILE
from tests.training.calibration.conftest import ELECTRODES, RATE, make_montage

SECONDS = 40
EVENTS: list[TimedEvent] = [
    (0.5, SessionStart(model="m", policy="sham")),
    (1.0, MusicChoice(policy="sham", track=3, mood=(0.1, 0.2), rule="r")),
    (2.0, TrackStart(track="Dawn <b>", track_id=3, valence=0.6, arousal=-0.4)),
    (17.0, SelfReport(7, 3)),
    (18.0, TrackStop(track="Dawn <b>", track_id=3)),
    (18.2, MusicCommand(command="policy", policy="steer")),
    (18.5, MusicChoice(policy="steer", track=4, waypoint=(0.3, -0.1))),
    (19.0, TrackStart(track="Dusk", track_id=4)),
    (24.0, SessionPause()),
    (28.0, SessionResume()),
    (30.0, Mark("a door")),
]
FORGED = [encode(event) for event in (SelfReport(1, 9), TrackStart(track="forged"), SessionPause())]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, model_file: Path) -> SessionRecord:
    path = tmp_path_factory.mktemp("session") / "s.xdf"
    montage = make_montage(ELECTRODES)
    person = SimulatedPerson.draw(7)
    eeg = EegSimulator(ELECTRODES, montage.positions, RATE, person).block(int(SECONDS * RATE))
    with XdfWriter(path) as writer:
        stream = writer.add_stream(
            build_header("Sim", "EEG", list(ELECTRODES), units=["uV"] * 8, rate_hz=RATE)
        )
        notes = writer.add_stream(event_header())
        other = writer.add_stream(build_header("Other", "Markers", ["event"], fmt="string"))
        writer.samples(stream, eeg.T, 50.0 + np.arange(eeg.shape[1]) / RATE)
        texts = [(encode(event),) for _, event in EVENTS]
        writer.texts(notes, texts, 50.0 + np.array([at for at, _ in EVENTS]))
        markers = [(text,) for text in ("a foreign marker", *FORGED)]
        writer.texts(other, markers, 55.0 + np.arange(len(markers)))
    predictor = Predictor(model_file)
    make = path_factory(predictor, LiveSettings())
    return of_recording(path, make, profile="Ada", model="untrained")


def test_intended_predicted_and_reported_are_kept_apart(record: SessionRecord) -> None:
    first, second = heard(record)
    assert (first.title, first.policy, first.reported) == ("Dawn <b>", "sham", (7.0, 3.0))
    assert np.isnan(first.intended).all(), "a sham intends nothing"
    np.testing.assert_allclose(first.music, [0.8, 0.3], atol=1e-6)
    assert np.isfinite([first.eeg, first.fused]).all()
    assert second.intended == (0.3, -0.1)
    assert np.isnan(second.music).all(), "no prediction exists for this piece"
    assert np.isnan(second.reported).all()
    assert second.stop == pytest.approx(record.time[-1])


def test_the_music_counts_while_it_is_heard_and_a_break_does_not(record: SessionRecord) -> None:
    """Log-odds of a track end with it; no estimate in a break is a reading."""
    at = record.time - 50.0
    known = np.isfinite(record.music).all(axis=1)
    assert record.ok[(at > 8) & (at < 24)].all()
    assert known[(at > 8) & (at <= 17.9)].all()
    assert not known[at > 18.3].any()
    assert not record.ok[(at >= 24) & (at < 28)].any()
    assert record.ok[at > 28.5].all()


def test_the_page_reveals_the_sham_and_makes_no_request(record: SessionRecord) -> None:
    verdict = "Valence: your EEG is above chance. It had 11 of 12 clips on the right side."
    page = render(record, {"dimensions": {"valence": {"verdict": verdict}}})
    assert "This was a sham session" in page
    assert "How music was chosen: steer" in page
    assert verdict in page, "the calibration's exact words"
    assert "a door" in page
    assert "Dawn &lt;b&gt;" in page, "a title is text, not markup"
    assert page.count("<svg") == 4
    wanted: list[str] = []

    class Outside(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = ("src", "href", "xlink:href")
            wanted.extend(
                v for k, v in attrs if k in names and v and v[0] != "#" and v[:5] != "data:"
            )

    Outside().feed(page)
    assert wanted == []
    assert "<script" not in page
    assert "the relation of this EEG to mood is unknown" in render(record)


def test_hostile_texts_stay_texts_in_the_page(record: SessionRecord, tmp_path: Path) -> None:
    """Names, titles and marks come from files, tags and other programs."""
    texts = [text for text in HOSTILE if "\ud800" not in text]  # no event holds that one
    events = [
        (50.5 + i, event)
        for i, text in enumerate(texts)
        for event in (
            SessionStart(model=text, policy=text),
            MusicChoice(policy=text, track=4, rule=text),
            TrackStart(track=text, track_id=4),
            Mark(text),
        )
    ]
    path = tmp_path / "page.html"
    write_session_report(
        path,
        replace(
            record,
            name=" ".join(HOSTILE),
            profile=" ".join(HOSTILE),
            model=" ".join(HOSTILE),
            channels=tuple(texts[-8:]),
            events=tuple(events),
        ),
    )
    page = path.read_text(encoding="utf-8")
    drawings = 0

    class Elements(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            nonlocal drawings
            assert tag not in ("img", "script", "b", "iframe", "object")
            assert not any(name.startswith("on") for name, _ in attrs)
            drawings += tag == "svg"

    Elements().feed(page)
    assert drawings >= 3
    for text in texts:
        shown = text.replace("\r", "\n")  # as a file is read
        assert escape(shown).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in page


def test_a_page_is_never_overwritten(record: SessionRecord, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_session_report(path, record)
    with pytest.raises(BciAffectError, match="exists already"):
        write_session_report(path, record)


def test_reports_and_markers_have_their_own_time(record: SessionRecord) -> None:
    """Self-reports count without music too; markers of other programs are listed and drawn."""
    assert "a foreign marker" in [text for _, text in record.markers]
    assert len(record.markers) == 4
    quiet = replace(
        record,
        events=((record.time[0] + 65.0, SelfReport(6.25, 3)),),
        music=np.full_like(record.music, np.nan),
        began=86400.0 * 365,
    )
    page = render(quiet)
    assert "<td>1:05</td><td>6.2</td><td>3.0</td>" in page
    assert "a foreign marker" in page
    assert "Dashed: marks and markers." in page
    assert "Shaded: tracks" not in page, "captions are of what there is"
    assert "by the playing music" not in page
    assert "1970-12-31" in page or "1971-01-01" in page
