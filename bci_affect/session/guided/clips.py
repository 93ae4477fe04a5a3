"""Choice of a calibration's excerpts, balanced over the valence-arousal plane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.music import Track

Places = NDArray[np.float64]

CLIP_SECONDS = (20.0, 60.0)
"""Shortest and longest clip."""
ROUND = 4
"""Clips of a round: one of each quadrant."""


@dataclass(frozen=True)
class Clip:
    """Excerpt to be played and rated.

    ``valence`` and ``arousal`` are the music's prediction in [-1, 1] (*intended*),
    separate from the listener's report; ``block`` is its round of the four quadrants.
    """

    track: int
    path: str
    title: str
    start_s: float
    seconds: float
    valence: float
    arousal: float
    block: int


class AffectRating(Protocol):
    """A self-report, each 1-9."""

    @property
    def valence(self) -> float:
        """Unpleasant to pleasant."""

    @property
    def arousal(self) -> float:
        """Calm to excited."""


def choose_clips(
    tracks: Sequence[Track], n_clips: int, *, seed: int, seconds: float = 30.0
) -> tuple[Clip, ...]:
    """Choose excerpts that cover the valence-arousal plane, in balanced random order.

    The plane is divided into quadrants at its centre or, if the library has too few tracks in a
    quadrant, at the library's medians. Each round (block) plays one excerpt of every quadrant in
    random order, the most extreme first and no track twice while others are left; a repeated track
    is played with another excerpt.

    Parameters
    ----------
    tracks : sequence of Track
        The library; banned tracks, tracks without a prediction, and short ones are excluded.
    n_clips : int
        A multiple of four, at least eight.
    seed : int
        Seed of choice and order.
    seconds : float
        Length of a clip, 20 to 60.

    Raises
    ------
    BciAffectError
        If numbers are out of range or the library has too few tracks.
    """
    if n_clips < 8 or n_clips % 4:
        raise BciAffectError(f"The number of clips must be 8, 12, 16, ...; got {n_clips}.")
    if not CLIP_SECONDS[0] <= seconds <= CLIP_SECONDS[1]:
        raise BciAffectError(
            f"A clip lasts {CLIP_SECONDS[0]:.0f} to {CLIP_SECONDS[1]:.0f} s; got {seconds:g}."
        )
    usable = [t for t in tracks if _is_usable(t)]
    if len(usable) < 4:
        raise BciAffectError(
            f"The library has {len(usable)} analysed tracks of at least {CLIP_SECONDS[0]:.0f} s; "
            "at least 4 are needed: add music with 'bci-affect music add DIR'."
        )
    place = np.array([[t.valence, t.arousal] for t in usable])
    quadrants = _quadrants(place, np.zeros(2))
    if min(len(q) for q in quadrants) < n_clips // 4:
        quadrants = _quadrants(place, np.median(place, axis=0))
    if not all(quadrants):
        # Valence and arousal are correlated in this library: use the nearest to each corner.
        spread = (place - place.mean(axis=0)) / np.maximum(place.std(axis=0), 1e-6)
        quadrants = [
            list(np.argsort(-(spread @ corner))[: max(1, len(usable) // 4)]) for corner in _CORNERS
        ]
    rng = np.random.default_rng(seed)
    centre = np.median(place, axis=0)
    ordered = []
    for members in quadrants:
        far = np.linalg.norm(place[members] - centre, axis=1) + 0.15 * rng.standard_normal(
            len(members)
        )
        ordered.append([members[i] for i in np.argsort(-far)])
    clips: list[Clip] = []
    used: dict[int, int] = {}
    for block in range(n_clips // 4):
        for quadrant in rng.permutation(4):
            members = ordered[quadrant]
            index = min(members, key=lambda i: used.get(i, 0))  # the first of the least used
            clips.append(_excerpt(usable[index], used.get(index, 0), seconds, block))
            used[index] = used.get(index, 0) + 1
    return tuple(clips)


def further_clips(
    tracks: Sequence[Track],
    clips: Sequence[Clip],
    felt: Mapping[int, AffectRating],
    *,
    seed: int,
) -> tuple[Clip, ...]:
    """Choose one more round for a calibration whose clips did not suffice.

    If nearly all reports are on one side (for example pleasant), the excerpts that the music's
    prediction places furthest on the other side are chosen; otherwise one of every quadrant.

    Parameters
    ----------
    tracks : sequence of Track
        The library.
    clips : sequence of Clip
        Played clips, in order.
    felt : mapping of int to AffectRating
        Reports by number of the clip.
    seed : int
        As for `choose_clips`.

    Raises
    ------
    BciAffectError
        As `choose_clips`.
    """
    seconds = max(clip.seconds for clip in clips)
    block = max(clip.block for clip in clips) + 1
    heard = Counter(clip.track for clip in clips)
    rng = np.random.default_rng([seed, block])
    usable = [t for t in tracks if _is_usable(t)]
    reports = np.sign([[f.valence - 5, f.arousal - 5] for f in felt.values()])
    lean = reports.mean(axis=0) if len(reports) else np.zeros(2)
    lean = np.where(np.abs(lean) > 0.5, lean, 0.0)
    if len(usable) < ROUND or not lean.any():
        fresh = [t for t in usable if not heard[t.id]]
        pool = fresh if len(fresh) >= 4 * ROUND else usable
        chosen = choose_clips(pool, 2 * ROUND, seed=seed + block, seconds=seconds)[:ROUND]
        members = [next(t for t in pool if t.id == clip.track) for clip in chosen]
    else:
        place = np.array([[t.valence, t.arousal] for t in usable])
        spread = (place - place.mean(axis=0)) / np.maximum(place.std(axis=0), 1e-6)
        wanted = -(spread @ lean) - 2.0 * np.array([heard[t.id] for t in usable])
        best = np.argsort(-wanted, kind="stable")[:ROUND]
        members = [usable[i] for i in rng.permutation(best)]
    return tuple(_excerpt(t, heard[t.id], seconds, block) for t in members)


_CORNERS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=np.float64)


def _is_usable(track: Track) -> bool:
    """Return True if a track is analysed, long enough, and not banned."""
    known = bool(np.isfinite([track.valence, track.arousal]).all())
    return known and not track.banned and track.duration_s >= CLIP_SECONDS[0]


def _quadrants(place: Places, middle: Places) -> list[list[int]]:
    side = place > middle
    return [
        [int(i) for i in np.flatnonzero((side == (corner > 0)).all(axis=1))] for corner in _CORNERS
    ]


def _excerpt(track: Track, times_used: int, seconds: float, block: int) -> Clip:
    """Return the next excerpt of a track, the first from a quarter of its length."""
    length = min(seconds, track.duration_s)
    room = track.duration_s - length
    start = (0.25 * track.duration_s + times_used * length) % room if room > 0 else 0.0
    return Clip(
        track=track.id,
        path=track.path,
        title=track.title,
        start_s=round(start, 3),
        seconds=round(length, 3),
        valence=track.valence,
        arousal=track.arousal,
        block=block,
    )
