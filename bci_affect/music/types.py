"""Types shared with other rooms: tracks, suggestions with reasons, and the player's state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Track:
    """Track of the library.

    Attributes
    ----------
    id : int
        Key in the library.
    path, title, artist, album : str
        Path and metadata; without a title, the file name.
    duration_s : float
        Decoded length.
    valence, arousal : float
        Predicted emotion of the music in [-1, 1]; NaN if unknown.
    valence_sd, arousal_sd : float
        Standard deviation of the prediction error, on the same scale.
    tags : tuple of (str, float)
        Most probable tags with their probability, highest first.
    gain_db : float
        Gain to the playback loudness without clipping.
    liked, banned : bool
        True if the listener liked or banned the track.
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
    """Track that matches a query, with the reason.

    Attributes
    ----------
    track : Track
        Suggested track.
    score : float
        Similarity in [-1, 1]; larger is better.
    segment_s : float
        Start of the best matching segment in the track.
    distance : float
        Distance from the query on the valence-arousal plane; NaN if unknown.
    shared_tags : tuple of str
        Tags shared with the query.
    rule : str
        Deciding rule ("nearest", "artist spacing", "liked", "variety", ...).
    """

    track: Track
    score: float
    segment_s: float = 0.0
    distance: float = float("nan")
    shared_tags: tuple[str, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class PlayerState:
    """Current state of the player.

    Attributes
    ----------
    track_id : int or None
        Track being played; None if there is none.
    position_s, duration_s : float
        Position in the track and its length.
    playing : bool
        False while paused or stopped.
    volume : float
        Volume, 0 to 1.
    device : str
        Name of the audio device; "" during silent playback.
    starved : int
        Number of buffer underruns.
    message : str
        Sentence for the user on a problem; "" if there is none.
    """

    track_id: int | None
    position_s: float
    duration_s: float
    playing: bool
    volume: float
    device: str
    starved: int = 0
    message: str = ""
