"""Short royalty-free pieces, composed and rendered from a seed, spread over valence and arousal.

The intended emotion is expressed by the cues that listeners and musicians agree on (Gabrielsson &
Lindström 2010; Eerola, Friberg & Bresin 2013): mode, tempo, register, brightness, density,
articulation, dissonance and loudness of attack. It is an intention: the pieces have not been rated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.simulation import synth
from bci_affect.simulation.synth import RATE_HZ
from bci_affect.storage import atomic_file, write_atomically

_MODES: dict[str, tuple[int, ...]] = {
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "major": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
_PROGRESSIONS: dict[str, tuple[tuple[int, ...], ...]] = {  # scale degrees of the roots, 0-based
    "bright": ((0, 4, 5, 3), (0, 3, 4, 3), (0, 5, 3, 4), (0, 1, 3, 4)),
    "dark": ((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 4), (0, 3, 0, 4)),
    "grim": ((0, 1, 0, 6), (0, 1, 3, 1), (0, 0, 1, 5)),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Piece to be rendered, with the emotion that it is meant to express.

    Attributes
    ----------
    name, title, artist : str
        File name without ending, and tags.
    valence, arousal : float
        Intended position on the plane, each in [-1, 1].
    seed : int
        Melody, progression and tonic follow from it.
    seconds : float
        Length.
    """

    name: str
    title: str
    artist: str
    valence: float
    arousal: float
    seed: int
    seconds: float = 32.0


PIECES: tuple[Piece, ...] = (
    Piece("01_paper_kites", "Paper Kites", "The Lanterns", 0.85, 0.60, 101),
    Piece("02_first_train_south", "First Train South", "The Lanterns", 0.65, 0.90, 102),
    Piece("03_harvest_steps", "Harvest Steps", "Mill & Meadow", 0.50, 0.35, 103),
    Piece("04_warm_stones", "Warm Stones", "Mill & Meadow", 0.75, -0.35, 104),
    Piece("05_lake_at_five", "Lake at Five", "Sena Vale", 0.55, -0.80, 105),
    Piece("06_half_asleep", "Half Asleep", "Sena Vale", 0.20, -0.60, 106),
    Piece("07_passing_clouds", "Passing Clouds", "Sena Vale", 0.05, -0.15, 107),
    Piece("08_letters_unsent", "Letters Unsent", "Orrin Grey", -0.55, -0.45, 108),
    Piece("09_empty_house", "Empty House", "Orrin Grey", -0.80, -0.80, 109),
    Piece("10_low_tide", "Low Tide", "Orrin Grey", -0.30, -0.75, 110),
    Piece("11_wire_and_glass", "Wire and Glass", "Kestrel Unit", -0.75, 0.85, 111),
    Piece("12_under_the_city", "Under the City", "Kestrel Unit", -0.60, 0.40, 112),
    Piece("13_night_courier", "Night Courier", "Kestrel Unit", -0.10, 0.70, 113),
    Piece("14_signal_fires", "Signal Fires", "Mill & Meadow", 0.15, 0.25, 114),
)
"""Library of the demonstration: at least three pieces in each quarter of the plane."""

_FIRST = ("Slow", "Bright", "Hidden", "Silver", "Long", "Quiet", "Open", "Early", "Broken")
_SECOND = ("River", "Garden", "Signal", "Window", "Harbour", "Winter", "Engine", "Orchard")
_BANDS = ("The Lanterns", "Mill & Meadow", "Sena Vale", "Orrin Grey", "Kestrel Unit", "Ada Fen")


def random_pieces(count: int, seed: int = 0, seconds: float = 32.0) -> list[Piece]:
    """Return `count` different pieces spread evenly at random over the plane."""
    rng = np.random.default_rng(seed)
    pieces = []
    for number in range(count):
        # A low-discrepancy sequence (R2) covers the plane evenly at any count.
        point = (0.5 + (number + 1 + seed) * np.array([0.7548776662, 0.5698402910])) % 1.0
        valence, arousal = np.round(1.9 * point - 0.95, 2)
        title = f"{_FIRST[rng.integers(len(_FIRST))]} {_SECOND[rng.integers(len(_SECOND))]}"
        pieces.append(
            Piece(
                name=f"{number + 1:04d}_{title.lower().replace(' ', '_')}",
                title=f"{title} {number + 1}",
                artist=_BANDS[rng.integers(len(_BANDS))],
                valence=float(valence),
                arousal=float(arousal),
                seed=int(1000 * (seed + 1) + number),
                seconds=seconds,
            )
        )
    return pieces


def render(piece: Piece) -> NDArray[np.float32]:
    """Render a piece: stereo at 44.1 kHz, shape (n_samples, 2), peak -1 dBFS at most.

    The same piece gives the same samples.
    """
    score = _Score(piece)
    mix = np.zeros((2, int(piece.seconds * RATE_HZ)), dtype=np.float32)
    score.chords(mix)
    score.bass(mix)
    score.melody(mix)
    score.drums(mix)
    calm = 0.5 - 0.5 * piece.arousal
    mix = synth.reverberate(mix, 0.7 + 2.3 * calm, 0.10 + 0.32 * calm, piece.seed)
    if score.drive > 0:
        mix = np.tanh(mix * np.float32(1 + 5 * score.drive)).astype(np.float32)
    fade = int(min(3.0, piece.seconds / 4) * RATE_HZ)
    mix[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    # Calm music is also softer, but every analysis normalises the level away.
    peak = 10 ** ((-7.5 + 6.0 * (0.5 + 0.5 * piece.arousal)) / 20)
    return np.ascontiguousarray((mix * np.float32(peak / max(1e-9, float(np.abs(mix).max())))).T)


class _Score:
    """Musical parameters and notes of a piece, from its place on the plane and its seed."""

    def __init__(self, piece: Piece) -> None:
        self.rng = np.random.default_rng(piece.seed)
        v, a = piece.valence, piece.arousal
        self.v, self.a, self.seconds = v, a, piece.seconds
        names = ("phrygian", "minor", "dorian", "major", "lydian")
        self.mode = names[int(np.searchsorted((-0.65, -0.15, 0.1, 0.75), v))]
        self.scale = _MODES[self.mode]
        self.tonic = 48 + int(self.rng.integers(0, 7)) + round(2 * v)
        self.beat = 60.0 / (104 + 50 * a + 8 * v + float(self.rng.uniform(-4, 4)))
        self.brightness = float(np.clip(0.55 + 0.35 * a + 0.15 * v, 0.1, 1.1))
        self.staccato = float(np.clip(0.95 - 0.3 * a - 0.1 * v, 0.4, 1.0))
        self.register = 12 * round(float(np.clip(1 + 0.9 * v + 0.4 * a, 0, 2)))
        self.drive = float(np.clip(0.8 * a - 0.9 * v - 0.35, 0, 1))
        self.dissonance = float(np.clip(-0.5 * v + 0.25 * a - 0.1, 0, 0.6))
        kind = "bright" if v > 0 else "grim" if self.mode == "phrygian" else "dark"
        options = _PROGRESSIONS[kind]
        self.progression = options[int(self.rng.integers(len(options)))]
        self.bar = 4 * self.beat
        self.n_bars = int(np.ceil(self.seconds / self.bar))

    def pitch(self, degree: int) -> int:
        """MIDI number of a scale degree counted from the tonic, any octave."""
        octave, step = divmod(degree, len(self.scale))
        return self.tonic + 12 * octave + self.scale[step]

    def root(self, bar: int) -> int:
        return self.progression[bar % len(self.progression)]

    def chords(self, mix: NDArray[np.float32]) -> None:
        voice = "drive" if self.drive > 0.25 else "pad" if self.a < -0.1 else "keys"
        level = {"drive": 0.10, "pad": 0.16, "keys": 0.15}[voice]
        for bar in range(self.n_bars):
            degrees = [self.root(bar) + step for step in (0, 2, 4)]
            if self.rng.random() < 0.4 * (1 - abs(self.a)):
                degrees.append(self.root(bar) + 6)  # a seventh where the music is neither wild
            notes = [self.pitch(d) + (12 if self.v > 0.4 else 0) for d in degrees]
            if self.rng.random() < self.dissonance:
                notes.append(notes[0] + 13)  # a minor ninth against the root
            hits = 1 if voice == "pad" else 2 if self.a < 0.2 else 4 if self.a < 0.65 else 8
            length = self.bar / hits
            for hit in range(hits):
                start = bar * self.bar + hit * length
                for number, midi in enumerate(notes):
                    strum = 0.012 * number if voice == "keys" else 0.0
                    sound = synth.note(
                        voice,
                        midi,
                        round(length * (1.0 if hits == 1 else self.staccato), 4),
                        round(0.8 * self.brightness, 2),
                    )
                    accent = 1.0 if hit % 2 == 0 else 0.75
                    synth.add(mix, sound, start + strum, level * accent, 0.25 * (number - 1))

    def bass(self, mix: NDArray[np.float32]) -> None:
        hits = 1 if self.a < -0.3 else 2 if self.a < 0.3 else 4 if self.a < 0.75 else 8
        length = self.bar / hits
        for bar in range(self.n_bars):
            for hit in range(hits):
                degree = self.root(bar) + (4 if hits > 1 and hit == hits - 1 else 0)
                sound = synth.note(
                    "bass", self.pitch(degree) - 12, round(0.9 * length, 4), self.brightness
                )
                synth.add(mix, sound, bar * self.bar + hit * length, 0.30)

    def melody(self, mix: NDArray[np.float32]) -> None:
        voices = (
            ("strings", "flute") if self.a < -0.2 and self.v < 0 else
            ("bell", "flute") if self.a < -0.2 else
            ("lead", "drive") if self.v < 0 else
            ("pluck", "lead") if self.a > 0.3 else ("keys", "pluck")
        )  # fmt: skip
        voice = voices[int(self.rng.integers(2))]
        density = float(np.clip(0.55 + 0.4 * self.a, 0.2, 0.95))
        grid = self.beat if self.a < -0.5 else self.beat / 2
        per_bar = round(self.bar / grid)
        motif = [self._phrase(per_bar, density) for _ in range(2)]
        degree = 0
        for bar in range(1 if self.n_bars > 4 else 0, self.n_bars):
            phrase = motif[(0, 0, 1, 0)[bar % 4]]
            if bar % 4 == 3:  # the last bar of four answers instead of repeating
                phrase = self._phrase(per_bar, density * 0.8)
            degree = self.root(bar) + (7 if self.v > 0 else 0)
            for position, (step, length) in enumerate(phrase):
                if length == 0:
                    continue
                degree = int(np.clip(degree + step, -3, 13))
                midi = self.pitch(degree) + self.register
                sound = synth.note(
                    voice, midi, round(length * grid * self.staccato, 4), round(self.brightness, 2)
                )
                human = float(self.rng.normal(0, 0.004))
                start = max(0.0, bar * self.bar + position * grid + human)
                synth.add(mix, sound, start, 0.24 + 0.05 * float(self.rng.random()), 0.15)

    def _phrase(self, per_bar: int, density: float) -> list[tuple[int, int]]:
        """Melodic steps and lengths in grid units of one bar; length 0 is a rest or a held note."""
        slots: list[tuple[int, int]] = []
        for position in range(per_bar):
            strong = position % 2 == 0
            if self.rng.random() < density * (1.15 if strong else 0.8) or position == 0:
                up = 0.5 + 0.12 * self.v
                size = int(
                    self.rng.choice((0, 1, 1, 2, 2, 4), p=(0.1, 0.25, 0.25, 0.15, 0.15, 0.1))
                )
                slots.append((size if self.rng.random() < up else -size, 1))
            else:
                slots.append((0, 0))
        for position in range(per_bar - 1, 0, -1):  # a rest lengthens the note before it
            if slots[position][1] == 0 and slots[position - 1][1]:
                run = 1
                while position - 1 + run < per_bar and slots[position - 1 + run][1] == 0:
                    run += 1
                slots[position - 1] = (slots[position - 1][0], run)
        return slots

    def drums(self, mix: NDArray[np.float32]) -> None:
        if self.a < -0.25:
            return
        power = 0.5 + 0.5 * self.a
        eighth = self.beat / 2
        for bar in range(1 if self.n_bars > 6 else 0, self.n_bars):
            start = bar * self.bar
            for step in range(8):
                at = start + step * eighth
                if self.a < 0.2:
                    synth.add(mix, synth.drum("shaker", self.brightness), at, 0.05 * power, 0.3)
                    if step in (0, 4):
                        synth.add(mix, synth.drum("kick", self.brightness), at, 0.25 * power)
                    continue
                synth.add(mix, synth.drum("hat", self.brightness), at, 0.10 * power, 0.3)
                if step in (2, 6):
                    synth.add(mix, synth.drum("snare", self.brightness), at, 0.28 * power)
                if (
                    step in (0, 4)
                    or (self.a > 0.5 and step % 2 == 0)
                    or (step == 3 and self.a > 0.3)
                ):
                    synth.add(mix, synth.drum("kick", self.brightness), at, 0.5 * power)
                if bar % 4 == 3 and step >= 6 and self.v < 0:
                    synth.add(mix, synth.drum("tom", self.brightness), at, 0.4 * power, -0.3)


FORMATS = ("flac", "ogg", "wav", "mp3", "opus")


def write(
    folder: Path,
    pieces: tuple[Piece, ...] | list[Piece] = PIECES,
    *,
    file_format: str = "flac",
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render pieces into audio files with tags, and ``pieces.json`` with their intended emotions.

    Existing files are kept, so that an interrupted call can be resumed.

    Raises
    ------
    BciAffectError
        If the format is unknown or the folder cannot be written (a full disk, say).
    """
    if file_format not in FORMATS:
        raise BciAffectError(f"'{file_format}' is not one of {', '.join(FORMATS)}.")
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, piece in enumerate(pieces):
            path = folder / f"{piece.name}.{file_format}"
            if not path.exists():
                _write_one(path, piece)
            paths.append(path)
            if progress:
                progress(number + 1, len(pieces))
        listed = [
            {**asdict(piece), "file": path.name} for piece, path in zip(pieces, paths, strict=True)
        ]
        about = {
            "about": "Composed and rendered by `bci-affect simulate music`; public domain (CC0).",
            "pieces": listed,
        }
        text = json.dumps(about, indent=2, ensure_ascii=False)
        write_atomically(folder / "pieces.json", text + "\n")
    except OSError as error:
        raise BciAffectError(
            f"Cannot write music to {folder}: {error.strerror or error}."
        ) from None
    return paths


def _write_one(path: Path, piece: Piece) -> None:
    import soundfile

    audio, rate = render(piece), RATE_HZ
    encoding: dict[str, Any] = {"format": path.suffix[1:].upper(), "subtype": "PCM_16"}
    if path.suffix == ".ogg":
        encoding = {"format": "OGG", "subtype": "VORBIS"}
    elif path.suffix == ".mp3":
        encoding = {"format": "MP3", "subtype": "MPEG_LAYER_III"}
    elif path.suffix == ".opus":
        import soxr

        audio, rate = soxr.resample(audio, RATE_HZ, 48_000), 48_000
        encoding = {"format": "OGG", "subtype": "OPUS"}
    with atomic_file(path) as partial:
        try:
            with soundfile.SoundFile(partial, "w", rate, 2, **encoding) as file:
                file.title, file.artist = piece.title, piece.artist
                file.album, file.license = "bci_affect demonstration", "CC0"
                # In parts: one long write overflows the stack of the Vorbis encoder.
                for first in range(0, len(audio), 1 << 16):
                    file.write(audio[first : first + (1 << 16)])
        except soundfile.SoundFileError as error:
            raise BciAffectError(f"Cannot write music to {path}: {error}.") from None


def intended(folder: Path) -> dict[str, tuple[float, float]]:
    """Return file name to intended (valence, arousal) from a folder's ``pieces.json``."""
    try:
        about = json.loads((folder / "pieces.json").read_text(encoding="utf-8"))
        return {item["file"]: (item["valence"], item["arousal"]) for item in about["pieces"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BciAffectError(
            f"{folder} holds no readable pieces.json ({type(error).__name__}); make one with "
            "`bci-affect simulate music`."
        ) from None


def embedded(
    pieces: tuple[Piece, ...] = PIECES,
) -> Iterator[tuple[Piece, NDArray[np.float64], NDArray[np.float32]]]:
    """Yield each piece with the tagger's row times (n,) and rows (n, 128) of it.

    The rows are those that a library holds of the piece written as flac: normalised to the
    analysis loudness.
    """
    from bci_affect.music import analysis_audio, load_encoder

    encoder = _encoder_once(load_encoder)
    for piece in pieces:
        times, rows = encoder.embed(analysis_audio(render(piece), RATE_HZ, encoder.rate_hz))
        yield piece, times, rows


@lru_cache(maxsize=1)
def _encoder_once(make: Callable[[], Any]) -> Any:
    return make()
