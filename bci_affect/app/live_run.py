"""Live session as a context manager, for Python programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bci_affect.app.recording_analysis import read_settings
from bci_affect.config import LiveSettings
from bci_affect.model import Predictor
from bci_affect.profiles import hold_profile
from bci_affect.session import LiveSession, Policy, SessionOptions, build_session, load_predictor
from bci_affect.streams import LslSource, Source


@contextmanager
def live(
    stream: str | Source | None = None,
    *,
    source_id: str | None = None,
    type: str | None = "EEG",
    wait_s: float = 30.0,
    profile: str = "",
    model: str | Path | None = None,
    settings: LiveSettings | str | Path | None = None,
    music: bool = False,
    policy: Policy = "follow",
    target: tuple[float, float] | None = None,
    publish: bool = False,
    record: str | Path | None = None,
    estimates: str | Path | None = None,
    realtime: bool = False,
    seed: int = 0,
) -> Iterator[LiveSession]:
    """Run a live session for the duration of a ``with`` block.

    Unless asked, it plays no music, publishes no LSL streams, writes no files, and changes no
    settings of the process.

    Parameters
    ----------
    stream : str or Source, optional
        Name of the LSL stream, or a source that is not opened yet, such as an `XdfSource`; by
        default the only visible stream of the type.
    source_id, type : str, optional
        Source id and type of the LSL stream.
    wait_s : float
        Seconds to wait for the stream.
    profile : str
        Name of a calibrated profile; "" for none.
    model : path, optional
        Model file; by default the shipped one.
    settings : LiveSettings or path, optional
        Settings, or their TOML file.
    music : bool
        Choose and play music of the user's library.
    policy, target
        Choice of music, as in ``bci-affect live``.
    publish : bool
        Publish estimates, embeddings and events over LSL.
    record : path, optional
        Folder to record the session to.
    estimates : path, optional
        New CSV file for the estimates.
    realtime : bool
        Change the process for low latency: garbage collection, malloc arenas, thread switching,
        and one thread for torch.
    seed : int
        Seed of all random choices.

    Yields
    ------
    LiveSession
        Running session: iterate over ``session.estimates()`` or ``session.windows()``, poll
        ``session.snapshot()``, or send commands such as ``session.mark("note")``.

    Raises
    ------
    BciAffectError
        If no stream is found, it cannot be used, or the session fails.

    Examples
    --------
    >>> import bci_affect as ba
    >>> from bci_affect.resources import shipped
    >>> replay = ba.XdfSource(shipped("recordings/demo.xdf"), speed=100.0)
    >>> with ba.live(replay) as session:
    ...     windows = [window.bands.shape for window in session.windows(timeout_s=10.0)]
    >>> windows[0]
    (12, 8, 5)
    """
    options = SessionOptions(
        model=None if model is None else Path(model),
        profile=profile,
        music=music,
        policy=policy,
        target=target,
        record_dir=None if record is None else Path(record),
        estimates=None if estimates is None else Path(estimates),
        publish=publish,
        realtime=realtime,
        seed=seed,
        settings=read_settings(settings),
    )
    source: Source = (
        LslSource(name=stream, type=type, source_id=source_id)
        if stream is None or isinstance(stream, str)
        else stream
    )
    with ExitStack() as stack:
        stack.enter_context(hold_profile(profile))
        session = build_session(source, options)
        stack.callback(session.stop)
        session.start(wait_s, record=record is not None)
        yield session
    session.raise_failure()


def load_model(model: str | Path | None = None, *, realtime: bool = False) -> Predictor:
    """Load a model, by default the shipped one.

    Parameters
    ----------
    model : path, optional
        Model file.
    realtime : bool
        Limit torch to one thread, for the process.

    Raises
    ------
    BciAffectError
        If the file is no model of this program; the message has the reason.

    Examples
    --------
    >>> import bci_affect as ba
    >>> model = ba.load_model()
    >>> list(model.card.bands), model.space
    (['delta', 'theta', 'alpha', 'beta', 'gamma'], 32)
    """
    return load_predictor(None if model is None else Path(model), one_thread=realtime)
