"""A small part of ``python -m benchmarks.fuzz`` on every run, and the parsers under hypothesis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bci_affect.config import LiveSettings, load_toml
from bci_affect.datasets import Labels, find_segments
from bci_affect.errors import BciAffectError
from bci_affect.events import read
from bci_affect.streams import Marker
from bci_affect.streams.header import parse_header
from bci_affect.streams.xdf.reader import parse_xdf
from benchmarks.fuzz.targets import TARGETS
from benchmarks.fuzz.worker import judge, rng_of

CASES = {"replay": 8, "model": 24, "profiles": 16, "library": 16, "audio": 24, "dreamer": 16}


@pytest.mark.parametrize("name", TARGETS)
def test_broken_files_are_refused_reported_or_read_rightly(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]()
    target.prepare(tmp_path)
    for case in range(CASES.get(name, 40)):
        data = target.make(rng_of(1, name, case))
        outcome, what = judge(target, data, tmp_path)
        assert outcome in ("refused", "reported", "read"), f"case {case}: {what}"


def test_the_fuzzer_sees_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that raises, lies, or talks at length must not pass."""
    target = TARGETS["events"]()
    target.prepare(tmp_path)

    def broken(kind: str) -> str:
        if kind == "traceback":
            raise IndexError("list index out of range")
        raise BciAffectError("two\nlines")

    for kind, verdict in (("traceback", "traceback"), ("unclear", "unclear")):
        monkeypatch.setattr(target, "use", lambda data, folder, kind=kind: broken(kind))
        assert judge(target, b"", tmp_path)[0] == verdict
    monkeypatch.undo()
    evil = TARGETS["deap"]()
    evil.prepare(tmp_path)
    (tmp_path / "canary").touch()  # as if a pickle had made it
    assert judge(evil, evil._old, tmp_path) == ("wrong", "the pickle executed code")
    assert judge(evil, evil._old, tmp_path) == ("read", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=4,
)
KEYS = ("event", "label", "track", "title", "valence", "arousal", "kind", "intended_valence")


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4) | JSON, max_size=5))
def test_any_json_is_some_event(documents: list[object]) -> None:
    texts = [json.dumps(document) for document in documents]
    markers = [Marker(float(i), text, "m", read(text)) for i, text in enumerate(texts)]
    for segment in find_segments(markers, 30.0, Labels()):
        assert segment.stop > segment.start


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.binary(max_size=120))
def test_any_bytes_are_some_recording_or_none(tail: bytes) -> None:
    try:
        recording = parse_xdf(b"XDF:" + tail, Path("x.xdf"))
    except BciAffectError as error:
        one_line(error)
    else:  # so few bytes hold no samples
        assert all(not len(stream.times) for stream in recording.streams)
    try:
        header = parse_header(tail.decode("latin-1"))
    except BciAffectError as error:
        one_line(error)
    else:
        assert header.n_channels > 0


def one_line(error: BciAffectError) -> None:
    assert str(error)
    assert "\n" not in str(error)


VALUES = st.integers() | st.floats() | st.booleans() | st.text(alphabet="abc\\ .é", max_size=5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(
        ("window.window_s", "window.hop_s", "bands.a", "line_hz", "gap_s", "reference")
    ),
    VALUES | st.lists(VALUES, max_size=3),
)
def test_any_setting_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    text = json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")
    path.write_text(f"[signal]\n{key} = {text}\n")
    try:
        taken = load_toml(path, LiveSettings)
    except BciAffectError as error:
        one_line(error)
    else:
        window = taken.signal.window
        assert 0 < window.hop_s <= window.window_s < float("inf")
        assert all(0 <= low < high < float("inf") for low, high in taken.signal.bands.values())
