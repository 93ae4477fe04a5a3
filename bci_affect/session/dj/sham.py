"""Sham control: music that seems to follow the EEG but does not depend on it.

Two kinds, after the closed-loop literature. *Random*: all rules of `follow` (spacing, likes,
variety, dwell time, changes for a clear gain) with a decoy in place of the EEG, a random piece of
the library that changes at the pace of moods. *Yoked*: the music of another session at the same
times, so that two listeners hear the same and only one of them influenced it. Screen and terminal
look as in `follow`; the session's events and its report reveal the condition.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.event_log import TimedEvent
from bci_affect.events import MusicChoice, SessionStart, TrackStart
from bci_affect.music import Library, Retriever, Suggestion, Track
from bci_affect.streams import read_xdf


class Decoy:
    """Position in the common space that is independent of the listener.

    Parameters
    ----------
    retriever : Retriever
        Retriever over the library from which pieces are drawn.
    seed : int
        Seed of the draws.
    every_s : float
        Duration of a decoy.
    """

    def __init__(self, retriever: Retriever, seed: int, every_s: float) -> None:
        self._retriever = retriever
        self._seed = seed
        self._every_s = every_s
        self._began: float | None = None
        self._drawn: tuple[int, NDArray[np.float64]] | None = None

    def place(self, time_s: float) -> NDArray[np.float64] | None:
        """Return the decoy of a moment, shape (d,); None for an empty library."""
        self._began = time_s if self._began is None else self._began
        number = int(max(0.0, time_s - self._began) // self._every_s)
        if self._drawn is None or self._drawn[0] != number:
            _, places = self._retriever.track_embeddings()
            if not len(places):
                return None
            row = np.random.default_rng((self._seed, number)).integers(len(places))
            self._drawn = (number, places[row].astype(np.float64))
        return self._drawn[1]


@dataclass(frozen=True)
class YokedTrack:
    """Track of the session that is repeated.

    ``at_s`` counts from that session's start; ``offset_s`` is the position in the track.
    """

    at_s: float
    offset_s: float
    suggestion: Suggestion


@dataclass(frozen=True)
class Yoke:
    """Tracks of another session, from its events.

    ``source`` names its recording, ``ends_s`` is its end.
    """

    source: str
    played: tuple[YokedTrack, ...]
    ends_s: float

    def due(self, elapsed_s: float) -> int | None:
        """Return the number of the due track; -1 before the first, None after the end."""
        if elapsed_s > self.ends_s:
            return None
        return sum(one.at_s <= elapsed_s for one in self.played) - 1

    def coming(self, number: int, many: int) -> tuple[Suggestion, ...]:
        """Return the next track."""
        return tuple(one.suggestion for one in self.played[number + 1 : number + 1 + many])


def read_log(recording: Path) -> list[TimedEvent]:
    """Return the events of a session's recording: LSL time and event, in order.

    Raises
    ------
    BciAffectError
        If the file cannot be read, or no music was played in it.
    """
    found = read_xdf(recording).events()
    if not any(isinstance(event, TrackStart) for _, event in found):
        raise BciAffectError(
            f"No music was played in {recording.name}: a sham is yoked to the recording of a "
            "session with music."
        )
    return found


def yoke(recording: Path, library: Library) -> Yoke:
    """Read the tracks that a session played, as tracks of this library.

    Raises
    ------
    BciAffectError
        If the recording is not a session with music, or the library lacks one of its tracks.
    """
    log = read_log(recording)
    began = next((at for at, event in log if isinstance(event, SessionStart)), log[0][0])
    known = {_name(t.title, t.artist): t for t in library.tracks()}
    played: list[YokedTrack] = []
    choice = MusicChoice()
    for at, event in log:
        if isinstance(event, MusicChoice):
            choice = event
        elif isinstance(event, TrackStart):
            track = known.get(_name(event.track, event.artist))
            if track is None:
                raise BciAffectError(
                    f"The library lacks '{event.track}', which {recording.name} played; add "
                    "its music with 'bci-affect music add DIR'."
                )
            mine = choice if choice.track == event.track_id else MusicChoice()
            played.append(YokedTrack(at - began, event.offset or 0.0, _suggestion(track, mine)))
    return Yoke(recording.name, tuple(played), log[-1][0] - began)


def _name(title: str, artist: str | None) -> tuple[str, str]:
    return title.casefold(), (artist or "").casefold()


def _suggestion(track: Track, choice: MusicChoice) -> Suggestion:
    """Return the suggestion with the other session's reason, as `follow` would show it."""

    def number(value: float | None) -> float:
        return float("nan") if value is None else value

    return Suggestion(
        track,
        number(choice.score),
        number(choice.segment_s),
        distance=number(choice.distance),
        shared_tags=choice.shared_tags,
        rule=choice.rule or "nearest",
    )
