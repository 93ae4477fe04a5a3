"""What the music room hands to others: tracks, suggestions with reasons, the player's state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Track:
    """One track of the library.

    Attributes
    ----------
    id : int
        Key in the library.
    path, title, artist, album : str
        Where it is, and what its tags say (title falls back to the file's name).
    duration_s : float
        Decoded length.
    valence, arousal : float
        Predicted emotion of the music in [-1, 1]; NaN where unknown.
    valence_sd, arousal_sd : float
        Uncertainty of the prediction, same scale.
    tags : tuple of (str, float)
        Strongest tags with their probability, best first.
    gain_db : float
        Gain that brings it to the playback target without clipping.
    liked, banned : bool
        The listener's word.
    """

    id: int
    path: str
    title: str
    artist: str
    album: str
    duration_s: float
    valence: float
    arousal: float
    valence_sd: float
    arousal_sd: float
    tags: tuple[tuple[str, float], ...]
    gain_db: float
    liked: bool = False
    banned: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A track that fits a query, and why.

    Attributes
    ----------
    track : Track
        What is suggested.
    score : float
        Similarity in [-1, 1], larger fits better.
    segment_s : float
        Start of the best matching segment in the track.
    distance : float
        Distance from the query on the valence-arousal plane; NaN where it has no place there.
    shared_tags : tuple of str
        Tags shared with what is asked for.
    rule : str
        Rule that decided ("nearest", "artist spacing", "liked", "variety", ...).
    """

    track: Track
    score: float
    segment_s: float = 0.0
    distance: float = float("nan")
    shared_tags: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What the player does now.

    Attributes
    ----------
    track_id : int or None
        What plays, or None.
    position_s, duration_s : float
        Place in the track and its length.
    playing : bool
        False while paused or stopped.
    volume : float
        0 to 1.
    device : str
        Name of the audio device, or "" where time runs without sound.
    starved : int
        Times the device asked for audio that was not ready.
    message : str
        One sentence for the user; "" while all is well.
    """

    track_id: int | None
    position_s: float
    duration_s: float
    playing: bool
    volume: float
    device: str
    starved: int = 0
    message: str = ""
