"""Progress of a guided calibration on disk, so that it can be stopped and resumed at any time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bci_affect.errors import BciAffectError
from bci_affect.session.guided.clips import Clip
from bci_affect.storage import write_atomically

FORMAT = "bci_affect calibration 1"


@dataclass(frozen=True)
class Timing:
    """Lengths of the steps in seconds; 0 omits a rest step."""

    rest_open_s: float = 60.0
    rest_closed_s: float = 30.0
    blinks_s: float = 15.0
    silence_s: float = 8.0


@dataclass(frozen=True)
class Rating:
    """A self-report on 1-9 (self-assessment manikin), with familiarity and liking if given."""

    valence: float
    arousal: float
    familiarity: float | None = None
    liking: float | None = None


@dataclass
class Progress:
    """Stored state of a calibration: its plan and the completed steps.

    Attributes
    ----------
    profile : str
    seed : int
    clips : tuple of Clip
        All excerpts, in order.
    timing : Timing
    rests_done : list of str
        Rest steps that need not be repeated.
    ratings : dict of int to Rating
        By number of the clip from 0.
    """

    profile: str
    seed: int
    clips: tuple[Clip, ...]
    timing: Timing
    rests_done: list[str] = field(default_factory=list)
    ratings: dict[int, Rating] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the progress as plain JSON."""
        return {
            "format": FORMAT,
            "profile": self.profile,
            "seed": self.seed,
            "clips": [asdict(clip) for clip in self.clips],
            "timing": asdict(self.timing),
            "rests_done": self.rests_done,
            "ratings": {str(i): asdict(rating) for i, rating in self.ratings.items()},
        }

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Progress:
        """Parse the result of `document`.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError
            If the document is invalid.
        """
        if document["format"] != FORMAT:
            raise ValueError("another format")
        return cls(
            profile=str(document["profile"]),
            seed=int(document["seed"]),
            clips=tuple(Clip(**clip) for clip in document["clips"]),
            timing=Timing(**document["timing"]),
            rests_done=list(document["rests_done"]),
            ratings={int(i): Rating(**rating) for i, rating in document["ratings"].items()},
        )

    @classmethod
    def load(cls, path: Path) -> Progress:
        """Read the progress from disk.

        Raises
        ------
        BciAffectError
            If the file cannot be read or is damaged.
        """
        try:
            return cls.parse(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise BciAffectError(f"Cannot read {path} ({error.strerror}).") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BciAffectError(
                f"{path} is damaged ({error}); remove it and start a new calibration."
            ) from None

    def save(self, path: Path) -> None:
        """Write the progress atomically; raises `BciAffectError` if it cannot be written."""
        write_atomically(path, json.dumps(self.document()))
