"""Seeded mutations of a file: of bytes, of text, and of JSON documents."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import numpy as np

NASTY_BYTES = (
    b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x01\x00",
    b"\xff" * 8, b"\x00" * 8, b"\x00\x00\x00\x00\x00\x00\xf8\x7f", b"\x00\x00\xc0\x7f", b"{", b"}",
    b"<", b'"', b"\r\n", b"\xc3\x28",
)  # fmt: skip
NASTY_TEXTS = (
    "", "0", "-0.0", "1", "-1", "2", "nan", "inf", "-inf", "1e308", "1e-308", "-1e400", "1e9",
    "99999999999999999999", "0x10", "true", "false", "null", "[]", "{}", '""', '"x"', "[[[]]]",
    "../../etc/passwd", "\\u0000", "\ud7ff", "é" * 40, "%s%n", "' OR 1=1 --", "1979-05-27",
    "[1, 2]",
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, 1e-320, float("nan"),
    float("inf"), "", "x", "../../x", "nan", "\x00", "é" * 300, [], {}, [[]], [None], {"a": {}},
    [1, 2], [1.0, "a"], {"": 0},
)  # fmt: skip


def _span(rng: np.random.Generator, size: int, longest: int) -> tuple[int, int]:
    start = int(rng.integers(0, max(1, size)))
    return start, min(size, start + int(rng.integers(1, longest + 1)))


def break_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a copy with one to six changes of bytes."""
    out = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 6]))):
        kind = int(rng.integers(9))
        start, stop = _span(rng, len(out), 64)
        if kind == 0 and out:
            out[start] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            out[start:stop] = rng.bytes(stop - start)
        elif kind == 2:
            del out[start:stop]
        elif kind == 3:
            out[start:start] = rng.bytes(int(rng.integers(1, 64)))
        elif kind == 4:
            del out[start:]
        elif kind == 5:
            piece = NASTY_BYTES[int(rng.integers(len(NASTY_BYTES)))]
            out[start : start + len(piece)] = piece
        elif kind == 6:
            out[start:stop] = bytes(stop - start)
        elif kind == 7:  # duplicate a range
            out[stop:stop] = out[start:stop]
        else:  # move a range
            other = int(rng.integers(0, max(1, len(out))))
            out[other : other + stop - start] = out[start:stop]
    return bytes(out)


def break_text(text: str, rng: np.random.Generator) -> str:
    """Return a copy with one to three words, lines or characters changed."""
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        kind = int(rng.integers(8))
        if kind <= 3:  # replace a word or number
            words = list(re.finditer(r"-?[\w.]+|\"[^\"]*\"|\S", text))
            if words:
                word = words[int(rng.integers(len(words)))]
                text = text[: word.start()] + _word(rng) + text[word.end() :]
            continue
        lines = text.splitlines(keepends=True) or [""]
        at, other = (int(n) for n in rng.integers(0, len(lines), 2))
        if kind == 4:
            del lines[at]
        elif kind == 5:
            lines.insert(at, lines[other])
        elif kind == 6:
            lines[at], lines[other] = lines[other], lines[at]
        else:
            where = int(rng.integers(0, len(lines[at]) + 1))
            lines[at] = lines[at][:where] + _word(rng) + lines[at][where:]
        text = "".join(lines)
    return text


def break_document(document: Any, rng: np.random.Generator) -> Any:
    """Return a copy of a JSON document with one to three values changed, removed, or retyped."""
    document = copy.deepcopy(document)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        places = list(_places(document))
        if not places:
            return NASTY_VALUES[int(rng.integers(len(NASTY_VALUES)))]
        parent, key = places[int(rng.integers(len(places)))]
        kind = int(rng.integers(5))
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent[key], str):
            parent[key] = break_text(parent[key], rng)
        elif kind == 2 and isinstance(parent[key], int | float):
            parent[key] = parent[key] * float(rng.choice([-1, 1.5, 1e6, 1e-6, 1e300]))
        elif kind == 3:
            donor, name = places[int(rng.integers(len(places)))]
            parent[key] = copy.deepcopy(donor.get(name) if isinstance(donor, dict) else None)
        else:
            value = NASTY_VALUES[int(rng.integers(len(NASTY_VALUES)))]
            parent[key] = copy.deepcopy(value)
    return document


def break_json(text: str, rng: np.random.Generator) -> str:
    """Damage a JSON text, mostly as a document and sometimes as plain text."""
    if rng.random() < 0.75:
        return json.dumps(break_document(json.loads(text), rng))
    return break_text(text, rng)


def _word(rng: np.random.Generator) -> str:
    return NASTY_TEXTS[int(rng.integers(len(NASTY_TEXTS)))]


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a document; of long lists only the first values."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))[:12]
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], dict | list):
                waiting.append(node[key])
    return found
