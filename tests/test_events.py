"""The vocabulary of events: what is written can be read, and nothing else is taken for an event."""

from __future__ import annotations

import ast
import dataclasses
import json
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bci_affect
from bci_affect import events
from bci_affect.events import (
    EVENTS,
    FORMER_NAMES,
    MAX_CHARS,
    MAX_DEPTH,
    ClipStart,
    EventError,
    EventKind,
    InvalidEvent,
    Mark,
    SelfReport,
    SessionEvent,
    TrackStart,
    TrackStop,
    UnknownEvent,
    decode,
    encode,
    names_in_marker,
    read,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return values that a field may have, by its annotation."""
    simple = {
        events.Text: st.text(max_size=20),
        events.Name: st.text(min_size=1, max_size=20),
        events.Scale: st.floats(1, 9),
        events.Mood: st.none() | st.floats(-1, 1),
        events.Count: st.integers(0, 10**6),
        float: NUMBERS,
        int: st.integers(-(2**63), 2**63),
        bool: st.booleans(),
        type(None): st.none(),
        dict[str, Any]: st.dictionaries(st.text(), PLAIN, max_size=3),
    }
    if hint in simple:
        return simple[hint]
    if get_origin(hint) in (Union, types.UnionType):
        return st.one_of(*map(values, get_args(hint)))
    assert get_origin(hint) is tuple, hint
    inner = get_args(hint)
    if inner[-1] is Ellipsis:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    return st.tuples(*map(values, inner))


def made(cls: type[SessionEvent]) -> st.SearchStrategy[SessionEvent]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{f.name: values(hints[f.name]) for f in dataclasses.fields(cls)})  # type: ignore[arg-type]


@given(st.one_of(*map(made, EVENTS.values())))
def test_what_is_written_is_read_alike(event: SessionEvent) -> None:
    text = encode(event)
    assert json.loads(text)["event"] == event.KIND
    assert decode(text) == event
    assert encode(decode(text)) == text


def test_every_kind_has_one_class() -> None:
    assert set(EVENTS) == set(EventKind) - {EventKind.UNKNOWN}


@given(st.text(min_size=1), st.dictionaries(st.text(), PLAIN, max_size=3))
def test_an_unknown_kind_is_kept(name: str, fields: dict[str, Any]) -> None:
    if name in FORMER_NAMES or name in set(EventKind):
        return
    fields.pop("event", None)
    event = decode(json.dumps({"event": name} | fields))
    assert event == UnknownEvent(name, fields)
    assert decode(encode(event)) == event


def test_the_name_of_an_earlier_version_is_read_and_the_present_one_written() -> None:
    event = decode('{"event": "track_end", "track": "Tide", "track_id": 4, "valence": 0.5}')
    assert event == TrackStop(track="Tide", track_id=4)
    assert json.loads(encode(event))["event"] == "track_stop"
    old = decode('{"event": "clip_start", "track": "a", "valence": 0.5, "arousal": -1}')
    assert old == ClipStart(track="a", intended_valence=0.5, intended_arousal=-1.0)


def test_unknown_fields_and_null_are_left_out() -> None:
    assert decode('{"event": "mark", "note": "x", "colour": "red"}') == Mark("x")
    assert decode('{"event": "mark", "note": null}') == Mark()


@pytest.mark.parametrize(
    "values",
    [
        {"valence": "7", "arousal": 3},
        {"valence": True, "arousal": 3},
        {"valence": 0.5, "arousal": 3},
        {"valence": 9.5, "arousal": 3},
        {"valence": 10**400, "arousal": 3},
        {"valence": 7},
        {"valence": [7], "arousal": 3},
        {"valence": 7, "arousal": 3, "clip": 1.5},
        {"valence": 7, "arousal": 3, "clip": -1},
    ],
)
def test_types_and_ranges_are_strict(values: dict[str, Any]) -> None:
    with pytest.raises(EventError, match="rating"):
        decode(json.dumps({"event": "rating"} | values))
    with pytest.raises((ValueError, TypeError)):
        SelfReport(**values)


@pytest.mark.parametrize("mood", [1.5, -2, "0.1", True, 1e308, None, [0.1]])
def test_a_mood_out_of_range_is_no_mood(mood: object) -> None:
    event = decode(json.dumps({"event": "track_start", "track": "a", "valence": mood}))
    assert event == TrackStart(track="a")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "3", "null", '{"event": 3}', "{}", '{"event": "mark"', '"event"',
     '{"event": "rating", "valence": NaN, "arousal": 3}',
     '{"event": "x", "n": ' + "9" * 5000 + "}"],
)  # fmt: skip
def test_other_text_is_no_event(text: str) -> None:
    with pytest.raises(EventError):
        decode(text)
    assert isinstance(read(text), InvalidEvent)


def test_size_and_depth_are_limited_before_parsing() -> None:
    with pytest.raises(EventError, match="characters"):
        decode('{"event": "mark", "note": "' + "x" * MAX_CHARS + '"}')
    with pytest.raises(EventError, match="characters"):
        encode(Mark("x" * MAX_CHARS))
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    with pytest.raises(EventError, match="deep"):
        decode('{"event": "x", "n": ' + deep + "}")
    with pytest.raises(EventError, match="deep"):
        decode("[" * (MAX_CHARS // 2))
    for endless in ('"' + '\\"' * (MAX_CHARS // 2 - 1), '{"a": "' + "x" * (MAX_CHARS - 10)):
        with pytest.raises(EventError, match="not"):
            decode(endless)
    brackets_in_text = Mark(r"[[[[[[[[[[[[[[[\"[[[[[[[[[[[[[[")
    assert decode(encode(brackets_in_text)) == brackets_in_text


def test_half_a_character_is_replaced() -> None:
    """File names of other encodings become lone surrogates, which no stream can store."""
    assert Mark("a\udc80b").note == "a?b"
    assert decode('{"event": "mark", "note": "a\\udc80b"}') == Mark("a?b")
    encode(UnknownEvent("x", {"a": "\ud800"})).encode()


def test_what_cannot_be_read_says_why_and_is_not_written_again() -> None:
    event = read('{"event": "rating", "valence": 99, "arousal": 3}')
    assert isinstance(event, InvalidEvent)
    assert event.name == "rating"
    assert "valence" in event.problem
    with pytest.raises(EventError):
        encode(event)


def test_numbers_that_json_lacks_are_unknown() -> None:
    """Earlier versions wrote NaN for the mood of music without tags."""
    text = '{"event": "clip_start", "track": "a", "intended_valence": NaN, "offset": Infinity}'
    assert decode(text) == ClipStart(track="a")
    assert decode('{"event": "x", "n": -Infinity}') == UnknownEvent("x", {"n": None})
    with pytest.raises(EventError, match="finite"):
        encode(UnknownEvent("x", {"n": float("inf")}))


def test_events_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Mark("a").note = "b"  # type: ignore[misc]


def test_names_of_markers() -> None:
    assert names_in_marker(" happy ") == ["happy"]
    assert names_in_marker('{"event": "stimulus", "label": "sad"}') == ["stimulus", "sad"]
    assert names_in_marker('{"mood": 1}') == ['{"mood": 1}']
    assert names_in_marker("{") == ["{"]


PACKAGE = Path(bci_affect.__file__).parent
WORDS = {"rating", "mark", "channel", "paused", "resumed", "seek", "error", "unknown"} | {
    "normalisation"
}
"""Names of events that are also common words: of steps, buttons, states and settings."""


@pytest.fixture(scope="module")
def nodes() -> list[tuple[str, ast.AST]]:
    """Every node of the package's source, except this vocabulary's, with its place."""
    return [
        (f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}", node)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "events.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_no_name_of_an_event_stands_elsewhere(nodes: list[tuple[str, ast.AST]]) -> None:
    """Events are objects in memory: no other module knows how they are named or written."""
    names = (set(EventKind) | set(FORMER_NAMES)) - WORDS
    found = []
    for place, node in nodes:
        keys = [*node.keys] if isinstance(node, ast.Dict) else []
        keys += [node.slice] if isinstance(node, ast.Subscript) else []
        keys += node.args[:1] if isinstance(node, ast.Call) else []
        as_key = any(isinstance(key, ast.Constant) and key.value == "event" for key in keys)
        as_name = isinstance(node, ast.Constant) and node.value in names
        if as_key or as_name:
            found.append(f"{place}: {ast.unparse(node)}")
    assert not found, "\n".join(found)


def test_no_name_of_a_stream_stands_twice(nodes: list[tuple[str, ast.AST]]) -> None:
    texts = [(node.value, place) for place, node in nodes if isinstance(node, ast.Constant)]
    for name in ("bci_affect.events", "bci_affect.estimate", "bci_affect.embedding"):
        found = [place for text, place in texts if text == name]
        assert len(found) == 1, (name, found)
