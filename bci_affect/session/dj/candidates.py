"""Candidates for the next track, best first, with reasons: a pure function of the situation.

The policy ranks the tracks; rules then exclude recently played and banned ones, unless that leaves
nothing. Every suggestion names the rule that determined its rank.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.music import Library, Retriever, Suggestion, Track
from bci_affect.session.snapshot import Policy
from bci_affect.storage import plain

LONGEST_AGO = "all were played lately: the longest ago"
_CANDIDATES = 40


@dataclass(frozen=True, slots=True)
class ChooserSettings:
    """Rules of the choice.

    Attributes
    ----------
    smoothing_s : float
        Time constant of the smoothed query and mood.
    lead_s : float
        Seconds before a track's end at which the next is fixed.
    dwell_s : float
        Least time before `follow` leaves a track.
    margin, hold_s : float
        Margin in score, and its duration, for which another track must fit better before `follow`
        leaves one.
    repeat_s, repeat_tracks : float, int
        Least time and number of other tracks before a track repeats (half of a small library).
    artist_gap : int
        Tracks between two of the same artist.
    variety : int
        Number of best tracks among which the choice is drawn.
    temperature : float
        Difference in score at which the odds of a draw fall by a factor of e.
    liked_bonus : float
        Score that a like adds.
    path_step : float
        Longest step of `steer` from track to track, on the plane of -1 to 1.
    """

    smoothing_s: float = 12.0
    lead_s: float = 12.0
    dwell_s: float = 45.0
    margin: float = 0.10
    hold_s: float = 8.0
    repeat_s: float = 2400.0
    repeat_tracks: int = 30
    artist_gap: int = 2
    variety: int = 4
    temperature: float = 0.04
    liked_bonus: float = 0.05
    path_step: float = 0.35


@dataclass(frozen=True, slots=True)
class Situation:
    """Situation of a choice, besides the library and the rules.

    Attributes
    ----------
    policy : str
        How music is chosen.
    time_s : float
        LSL time.
    current : Track or None
        Playing track.
    history : tuple of (int, str, float)
        Track, artist and time of played tracks, oldest first.
    mood, aim, waypoint : ndarray or None
        Listener's mood (2,), query in the common space (d,), and present waypoint of steering (2,).
    target : (float, float) or None
        Target of steering.
    broken : frozenset of int
        Tracks that cannot be played.
    """

    policy: Policy
    time_s: float
    current: Track | None
    history: tuple[tuple[int, str, float], ...]
    mood: NDArray[np.float64] | None
    aim: NDArray[np.float64] | None
    target: tuple[float, float] | None
    waypoint: NDArray[np.float64] | None
    broken: frozenset[int]


def ranked(
    search: Retriever, library: Library, rules: ChooserSettings, now: Situation
) -> list[Suggestion]:
    """Rank the policy's tracks without those that the rules exclude, unless none is left."""
    recent = _recent_tracks(library, rules, now)
    artists = _recent_artists(rules, now)
    playing = {now.current.id} if now.current else set()
    found = _found(search, rules, now, now.broken | playing)
    if not found:
        found = _found(search, rules, now, now.broken)  # a library of one track
    fresh = [s for s in found if s.track.id not in recent]
    rule = ""
    if found and fresh and fresh[0].track.id != found[0].track.id:
        rule = "not again so soon: the nearest was played lately"
    if not fresh and found:
        order = {track: at for at, (track, _, _) in enumerate(now.history)}
        fresh = sorted(found, key=lambda s: order.get(s.track.id, -1))
        return [replace(s, rule=LONGEST_AGO) for s in fresh]
    spaced = [s for s in fresh if not s.track.artist or s.track.artist not in artists]
    if spaced and spaced[0].track.id != fresh[0].track.id:
        rule = "artist spacing"
    allowed = spaced or fresh
    if rule and allowed:
        allowed[0] = replace(allowed[0], rule=rule)
    return _with_likes(rules, allowed)


def next_waypoint(rules: ChooserSettings, now: Situation) -> NDArray[np.float64]:
    """Return the next waypoint of steering: the present mood, then steps towards the target."""
    target = np.array(now.target if now.target is not None else (0.0, 0.0))
    if now.waypoint is None:
        return np.zeros(2) if now.mood is None else np.clip(now.mood, -1.0, 1.0)
    way = target - now.waypoint
    length = float(np.hypot(*way))
    return now.waypoint + way * min(1.0, rules.path_step / max(length, 1e-9))


def described(choice: Suggestion) -> dict[str, Any]:
    """Return a suggestion with its reasons, as fields of a `MusicChoice`."""
    return {
        "track": choice.track.id,
        "title": choice.track.title,
        "artist": choice.track.artist,
        "score": plain(choice.score, digits=4),
        "segment_s": plain(choice.segment_s, digits=4),
        "distance": plain(choice.distance, digits=4),
        "shared_tags": choice.shared_tags,
        "rule": choice.rule,
    }


def rounded(values: tuple[float, float] | NDArray[np.float64] | None) -> Any:
    """Return numbers with four digits as a tuple, None for each that is not finite."""
    return None if values is None else tuple(plain(values, digits=4))


def _found(
    search: Retriever, rules: ChooserSettings, now: Situation, exclude: frozenset[int]
) -> list[Suggestion]:
    """Return the policy's ranking before rules."""
    many = max(_CANDIDATES, 2 * rules.repeat_tracks)
    if now.policy == "steer":
        point = now.waypoint if now.waypoint is not None else next_waypoint(rules, now)
        found = search.by_point(
            float(point[0]), float(point[1]), count=many, exclude=exclude, like=now.current
        )
        return [replace(s, rule="on the path to the target") for s in found]
    if now.policy == "music-only":
        if now.target is not None:
            return search.by_point(*now.target, count=many, exclude=exclude, like=now.current)
        if now.current is not None:
            found = search.by_track(now.current.id, count=many, exclude=exclude)
            return [replace(s, rule="sounds like what plays") for s in found]
    elif now.aim is not None:
        mood = None if now.mood is None else (float(now.mood[0]), float(now.mood[1]))
        return search.query(now.aim, count=many, exclude=exclude, point=mood, like=now.current)
    found = search.by_point(0.0, 0.0, count=many, exclude=exclude)
    why = "start: no estimate yet" if now.policy != "music-only" else "start: the middle"
    return [replace(s, rule=why) for s in found]


def _with_likes(rules: ChooserSettings, allowed: list[Suggestion]) -> list[Suggestion]:
    lifted = [
        replace(s, score=min(1.0, s.score + rules.liked_bonus)) if s.track.liked else s
        for s in allowed
    ]
    lifted.sort(key=lambda s: -s.score)
    if lifted and allowed and lifted[0].track.id != allowed[0].track.id:
        lifted[0] = replace(lifted[0], rule="liked")
    return lifted


def _recent_tracks(library: Library, rules: ChooserSettings, now: Situation) -> set[int]:
    last = min(rules.repeat_tracks, len(library) // 2)
    recent = {track for track, _, _ in now.history[len(now.history) - last :]} if last else set()
    since = now.time_s - rules.repeat_s
    return recent | {track for track, _, at in now.history if at >= since}


def _recent_artists(rules: ChooserSettings, now: Situation) -> set[str]:
    gap = rules.artist_gap
    return {artist for _, artist, _ in now.history[-gap:]} if gap else set()


def draw(
    rules: ChooserSettings, found: list[Suggestion], rng: np.random.Generator
) -> tuple[list[Suggestion], int]:
    """Return the tracks of the draw and the drawn one, by softmax of their scores."""
    best = found[: 1 if found[0].rule == LONGEST_AGO else rules.variety]
    if len(best) == 1:
        return best, 0
    scores = np.array([s.score for s in best])
    odds = np.exp((scores - scores.max()) / rules.temperature)
    return best, int(rng.choice(len(best), p=odds / odds.sum()))


def after(library: Library, current: Track | None) -> Suggestion | None:
    """Return the track after the playing one in the library's order, or None."""
    tracks = library.tracks(include_banned=False)
    if not tracks:
        return None
    numbers = [track.id for track in tracks]
    at = numbers.index(current.id) if current is not None and current.id in numbers else -1
    return Suggestion(tracks[(at + 1) % len(tracks)], float("nan"), rule="next in the library")
