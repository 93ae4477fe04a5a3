"""Markers that are numbers: recognition of such streams and trigger columns, and their texts.

Programs send markers as text, as numbers of any format at no regular rate, or as a column of the
EEG (or of a regular stream) that holds a code. `Marker.text` is the number as people write it:
``7``, not ``7.0``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.streams.header import StreamHeader
from bci_affect.streams.source import Marker

MOST_CODES = 64
"""Most distinct values of a column that is taken for triggers without such a name."""
LEAST_IDLE = 0.2
"""Least share of zeros in a column that is taken for triggers without such a name."""
MOST_CHANGES = 0.2
"""Most changes per sample of such a column; more are noise of small integers."""
LEAST_S = 2.0
"""Seconds of a live stream after which such a column is taken for triggers."""
MAX_PENDING = 10_000
"""Most markers of a live column that wait for this."""

_KIND = re.compile(r"(?:markers?|events?|stim(?:ulus|uli)?|trig(?:ger)?s?|annotations?)", re.I)
_NAMED = re.compile(rf"(?<![a-z]){_KIND.pattern}(?![a-z])", re.I)
_COLUMN = re.compile(
    r"(?:markers?|events?|stim(?:ulus)?|sti|trig(?:ger)?s?|trg|status|din)[ _]?\d*", re.I
)
_OTHER_COLUMN = re.compile(
    r"batt|count|sample|seq|packet|acc|gyr|mag|time|contact|quality|horseshoe|hsi|blink|jaw|temp",
    re.I,
)


def is_marker_stream(name: str, kind: str, fmt: str, rate_hz: float) -> bool:
    """Return whether a stream holds markers: text, or numbers under a type or name of markers.

    The name counts only for a stream at no regular rate.

    Examples
    --------
    >>> is_marker_stream("PsychoPy", "Markers", "int32", 0.0)
    True
    >>> is_marker_stream("Crown-459 Markers", "EEG", "float32", 0.0)
    True
    >>> is_marker_stream("Crown-459", "EEG", "float32", 256.0)
    False
    """
    if fmt == "string" or _KIND.fullmatch(kind):
        return True
    return rate_hz <= 0 and bool(_NAMED.search(name))


def has_markers(header: StreamHeader) -> bool:
    """Return whether the samples of a stream are markers; see `is_marker_stream`."""
    return is_marker_stream(header.name, header.type, header.format, header.rate_hz)


def marker_texts(samples: NDArray[Any]) -> list[str]:
    r"""Return the text of each sample (n, n_channels); values are separated by tabs.

    Examples
    --------
    >>> marker_texts(np.array([[7.0, 0.5]]))
    ['7\t0.5']
    """
    return ["\t".join(_number(value) for value in row) for row in samples.tolist()]


def code_changes(
    codes: NDArray[Any], before: float = np.nan, *, idle: float = 0.0
) -> NDArray[np.int64]:
    """Return the indices at which a column of codes (n,) changes to another than the idle one.

    Parameters
    ----------
    codes : ndarray, shape (n,)
    before : float
        Code before the first; NaN at the start, where the first is no change.
    idle : float
        Code between triggers.

    Examples
    --------
    >>> code_changes(np.array([0, 7, 7, 0, 3])).tolist()
    [1, 4]
    """
    if not codes.size:
        return np.zeros(0, np.int64)
    first = codes[0] if np.isnan(before) else before
    return np.flatnonzero((codes != np.concatenate(([first], codes[:-1]))) & (codes != idle))


def idle_code(codes: NDArray[Any]) -> float:
    """Return the code between triggers of a recorded column (n,); NaN if each code has a meaning.

    It is zero if that occurs, else the first value where it is also the commonest.
    """
    if not codes.all():
        return 0.0
    values, counts = np.unique(codes, return_counts=True)
    return float(codes[0]) if codes[0] == values[counts.argmax()] else float("nan")


class TriggerColumns:
    """Search for the trigger columns of a regular stream, block by block.

    A column under a name or type of triggers counts if it holds integers; any other one if it holds
    few of them, is often zero, and has no name of something else (a battery, a counter).

    Parameters
    ----------
    header : StreamHeader
        Header of a numeric stream.

    Attributes
    ----------
    candidates : list of int
        Columns that may still be triggers.
    n_samples : int
        Samples so far.
    """

    def __init__(self, header: StreamHeader) -> None:
        self._named = {
            i
            for i, (label, kind) in enumerate(zip(header.labels, header.types, strict=True))
            if _COLUMN.fullmatch(label) or _KIND.fullmatch(kind) or kind.casefold() == "status"
        }
        if _KIND.fullmatch(header.type):
            self._named = set(range(header.n_channels))
        self.candidates = [
            i
            for i, label in enumerate(header.labels)
            if i in self._named or not _OTHER_COLUMN.search(label)
        ]
        self._codes: dict[int, set[float]] = {i: set() for i in self.candidates}
        self._zeros = dict.fromkeys(self.candidates, 0)
        self._changes = dict.fromkeys(self.candidates, 0)
        self.n_samples = 0

    def push(self, samples: NDArray[Any]) -> None:
        """Check the next samples (n, n_channels)."""
        self.n_samples += len(samples)
        for i in list(self.candidates):
            column = samples[:, i]
            if not (np.isfinite(column).all() and (column == np.trunc(column)).all()):
                self.candidates.remove(i)
                continue
            self._zeros[i] += int(np.count_nonzero(column == 0))
            self._changes[i] += int(np.count_nonzero(column[1:] != column[:-1]))
            if i not in self._named:
                self._codes[i].update(np.unique(column).tolist())
                if len(self._codes[i]) > MOST_CODES:
                    self.candidates.remove(i)

    def found(self) -> list[int]:
        """Return the columns that hold triggers, after the last block."""
        return [
            i
            for i in self.candidates
            if i in self._named
            or (
                len(self._codes[i]) > 1
                and self._zeros[i] >= LEAST_IDLE * self.n_samples
                and self._changes[i] <= MOST_CHANGES * self.n_samples
            )
        ]

    def is_named(self, column: int) -> bool:
        """Return True for a column that its label or type names as triggers."""
        return column in self._named


class TriggerReader:
    """Reader of the trigger columns of a live stream: `push` samples, then `stamp` them.

    A column that is named as triggers gives markers at once. Any other gives those since the start
    once it is known to hold triggers. A code is idle if it is zero, or the first one before any
    zero.

    Parameters
    ----------
    header : StreamHeader
        Header of a numeric, regular stream.
    """

    def __init__(self, header: StreamHeader) -> None:
        self._header = header
        self._search = TriggerColumns(header)
        self._waiting: deque[NDArray[Any]] = deque()  # (n, n_channels), without times yet
        self._pending = {i: deque[Marker](maxlen=MAX_PENDING) for i in self._search.candidates}
        self._before: dict[int, float] = {}
        self._idle: dict[int, float] = {}

    def push(self, samples: NDArray[Any]) -> None:
        """Append raw samples (n, n_channels)."""
        if self._search.candidates:
            self._search.push(samples)
            self._waiting.append(samples)
        else:
            self._waiting.clear()

    def stamp(self, times: NDArray[np.float64]) -> list[Marker]:
        """Assign times (n,) to the oldest samples without; return the markers among them."""
        if not self._search.candidates:
            return []
        samples = self._next(times.size)
        for i in self._search.candidates:
            codes = samples[:, i]
            idle = 0.0 if not codes.all() else self._idle.get(i, float(codes[0]))
            at = code_changes(codes, self._before.get(i, np.nan), idle=idle)
            self._idle[i], self._before[i] = idle, float(codes[-1])
            texts = column_texts(codes[at].tolist())
            name = f"{self._header.name} {self._header.labels[i]}"
            self._pending[i].extend(
                Marker(float(times[j]), text, name) for j, text in zip(at, texts, strict=True)
            )
        late = self._search.n_samples >= LEAST_S * self._header.rate_hz
        markers: list[Marker] = []
        for i in self._search.found():
            if late or self._search.is_named(i):
                markers += self._pending[i]
                self._pending[i].clear()
        return sorted(markers, key=lambda marker: marker.time)

    def _next(self, count: int) -> NDArray[Any]:
        parts = []
        while count:
            head = self._waiting.popleft()
            parts.append(head[:count])
            if len(head) > count:
                self._waiting.appendleft(head[count:])
            count -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def trigger_columns(header: StreamHeader, blocks: Iterable[NDArray[Any]]) -> list[int]:
    """Return which columns of a recorded stream hold triggers.

    Reading ends as soon as no column can be one: for EEG alone, after the first block.
    """
    search = TriggerColumns(header)
    for block in blocks:
        if not search.candidates:
            break
        search.push(block)
    return search.found()


def _number(value: float) -> str:
    """Return a number as text, an integer without a fraction."""
    return str(int(value)) if np.isfinite(value) and value == int(value) else f"{value:.6g}"


def column_texts(codes: Sequence[float]) -> list[str]:
    """Return the texts of codes of one column."""
    return [_number(code) for code in codes]
