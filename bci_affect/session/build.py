"""Builder of sessions: connects source, model, music and outputs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bci_affect.affect import AffectPath, EstimateCsv, Personalisation
from bci_affect.config import LiveSettings
from bci_affect.eeg import map_electrodes
from bci_affect.errors import BciAffectError
from bci_affect.events import SessionEvent
from bci_affect.model import Predictor
from bci_affect.music import AudioPlayer, Library, PlayerEvent, Retriever
from bci_affect.profiles import PersonalState
from bci_affect.resources import shipped
from bci_affect.session.dj.chooser import MusicChooser
from bci_affect.session.dj.music_thread import MusicParts, MusicThread, Prepare
from bci_affect.session.dj.sham import read_log, yoke
from bci_affect.session.engine import LiveSession
from bci_affect.session.publish import Publisher
from bci_affect.session.realtime import limit_malloc_arenas
from bci_affect.session.recording import SessionRecording
from bci_affect.session.snapshot import Policy
from bci_affect.streams import Source, StreamInfo, local_clock, new_session_id

DEFAULT_MODEL = "models/demo.safetensors"

SHIPPED_MODELS = ("demo", "base")
"""Names of shipped models, accepted in place of a path."""


@dataclass(frozen=True)
class SessionOptions:
    """Options of a live session.

    Attributes
    ----------
    model : Path or None
        Model file; the shipped one if None.
    profile : str
        Name of a person's profile; "" for none.
    library : Path or None
        The music library's database; the user's own if None.
    music_dirs : tuple of Path
        Only tracks in these folders are played; empty for the full library.
    music : bool
        False for a session without music.
    bring_in : callable, optional
        Adds music to the library before the first piece is chosen. Its arguments are the library
        and a function that returns True once the session has ended; it may return a function that
        adds more while music plays.
    policy, target
        How music is chosen; see `bci_affect.session.dj.chooser`.
    yoke : Path or None
        Recording of a session whose music a sham repeats; random music if None.
    participant : str
        Name in the recordings; the profile's if "".
    volume : float
        0 to 1.
    device : str
        Part of an audio device's name; "" for the system's default, "none" for silence.
    record_dir : Path or None
        Folder for recordings; without one the session records once it is given a folder.
    estimates : Path or None
        New CSV file of estimates.
    publish : bool
        Publish results over LSL.
    realtime : bool
        Change garbage collection, malloc and thread switching of the process, for low latency.
    seed : int or None
        Seed of every choice that the session makes; another one every time if None, so that the
        same track does not open every session. Choices are recorded with their seed.
    settings : LiveSettings
        Filters and smoothing.
    """

    model: Path | None = None
    profile: str = ""
    library: Path | None = None
    music_dirs: tuple[Path, ...] = ()
    music: bool = True
    bring_in: Callable[[Library, Callable[[], bool]], Callable[[], None]] | None = None
    policy: Policy = "follow"
    target: tuple[float, float] | None = None
    yoke: Path | None = None
    participant: str = ""
    volume: float = 0.5
    device: str = ""
    record_dir: Path | None = None
    estimates: Path | None = None
    publish: bool = True
    realtime: bool = True
    seed: int | None = None
    settings: LiveSettings = field(default_factory=LiveSettings)


def load_predictor(model: Path | None = None, *, one_thread: bool = True) -> Predictor:
    """Load a model, by default the shipped one.

    With `one_thread`, torch is limited to one thread, for the process.
    """
    return Predictor(model_path(model), one_thread=one_thread)


def model_path(model: Path | None) -> Path:
    """Return the path of a model file: by default the shipped one; `SHIPPED_MODELS` by name."""
    if model is not None and str(model) in SHIPPED_MODELS and not model.exists():
        return shipped(f"models/{model}.safetensors")
    return model or shipped(DEFAULT_MODEL)


def path_factory(
    predictor: Predictor, settings: LiveSettings, person: PersonalState | None = None
) -> Callable[[StreamInfo], AffectPath]:
    """Return a function that builds the `AffectPath` of a stream.

    Parameters
    ----------
    predictor : Predictor
    settings : LiveSettings
    person : PersonalState, optional
        A profile's personal model and normalisation.
    """

    def make(info: StreamInfo) -> AffectPath:
        model = person.personal if person else None
        now = person.now if person else None
        return AffectPath(
            predictor,
            info.rate_hz,
            map_electrodes(info.montage, settings.electrodes),
            signal=settings.signal,
            affect=settings.affect,
            state=person.state(info.labels) if person else None,
            personal=Personalisation(model, now=now) if model else None,
        )

    return make


def build_session(
    source: Source, options: SessionOptions, predictor: Predictor | None = None
) -> LiveSession:
    """Build a session; nothing runs before its `start`.

    The model is loaded unless `predictor` has it already.

    Raises
    ------
    BciAffectError
        If the model, the library or an output file cannot be used; no output is left incomplete.
    """
    if options.policy == "steer" and options.target is None:
        raise BciAffectError("Steering needs a target: add --target VALENCE,AROUSAL in -1..1.")
    if options.yoke is not None:
        if options.policy != "sham":
            raise BciAffectError("Only a sham is yoked to another session: add --policy sham.")
        read_log(options.yoke)  # fail now, not when the music begins
    if options.realtime:
        limit_malloc_arenas()
    predictor = predictor or load_predictor(options.model, one_thread=options.realtime)
    person = PersonalState(options.profile, model_path(options.model)) if options.profile else None
    session_id = new_session_id()
    recording = SessionRecording(
        options.record_dir, options.participant or options.profile, session_id
    )
    estimates = EstimateCsv(options.estimates) if options.estimates else None
    publisher = Publisher(predictor.space, session_id) if options.publish else None
    make_music = partial(
        MusicThread, _music(predictor, options), policy=options.policy, target=options.target
    )
    return LiveSession(
        source,
        path_factory(predictor, options.settings, person),
        model_name=predictor.card.name,
        model_summary=predictor.card.summary,
        profile=options.profile,
        normalisers=person,
        publisher=publisher,
        estimates=estimates,
        make_music=make_music if options.music else None,
        recording=recording,
        realtime=options.realtime,
    )


def _music(predictor: Predictor, options: SessionOptions) -> Prepare:
    """Return a function that opens the library, player and `MusicChooser` on the music thread."""

    def prepare(
        on_event: Callable[[PlayerEvent], None],
        log: Callable[[SessionEvent], None],
        ended: Callable[[], bool],
    ) -> MusicParts | None:
        library = Library(options.library)
        more = options.bring_in(library, ended) if options.bring_in else None
        if not len(library):
            library.close()
            return None
        retriever = Retriever(library, predictor.project_music, within=options.music_dirs)
        player = AudioPlayer(
            clock=local_clock, on_event=on_event, device=options.device, volume=options.volume
        )
        chooser = MusicChooser(
            retriever,
            player,
            library,
            policy=options.policy,
            seed=secrets.randbelow(2**31) if options.seed is None else options.seed,
            target=options.target,
            yoke=yoke(options.yoke, library) if options.yoke else None,
            log=log,
        )
        return MusicParts(library, player, chooser, more)

    return prepare
