"""Sessions started in the window: streams, profiles, and a running session."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bci_affect.app.demo import DEMO_RECORDING, demo_library, publisher
from bci_affect.app.headset import Headsets
from bci_affect.app.run import window_services
from bci_affect.app.scan import FolderScan
from bci_affect.errors import BciAffectError
from bci_affect.gui import StartChoice, Started
from bci_affect.resources import shipped, user_home

if TYPE_CHECKING:
    from bci_affect.session import SessionOptions
    from bci_affect.streams import FoundStream, LslSource, Source

logger = logging.getLogger(__name__)
_SEARCH_S = 1.0


class SessionStarter:
    """`StartService` of the window; leaving its context ends the session.

    Parameters
    ----------
    options : SessionOptions
        Options of the command line; the user's choice overrides them.
    wait_s : float
        Timeout of a chosen stream.

    Attributes
    ----------
    headsets : Headsets
        Headsets that are connected without another program.
    """

    def __init__(self, options: SessionOptions, wait_s: float) -> None:
        self._options = options
        self._wait_s = wait_s
        self._stack = ExitStack()
        self._found: list[FoundStream] = []
        self.headsets = Headsets()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._stack.close()
        finally:
            self.headsets.close()

    def end(self) -> None:
        """End the session that was started, with all of its resources (slow)."""
        self._stack.close()

    def find(self) -> list[FoundStream]:
        """Return the visible EEG streams (slow: about a second)."""
        from bci_affect.streams import find_streams

        self._found = find_streams(_SEARCH_S)
        return [found for found in self._found if found.type.upper() == "EEG"]

    def side_streams(self, stream: FoundStream) -> list[FoundStream]:
        """Return the other streams of a device, as of the last `find`."""
        from bci_affect.streams import accompanies

        return [found for found in self._found if accompanies(stream, found)]

    def profiles(self) -> list[str]:
        """Return the names of all profiles."""
        from bci_affect.profiles import ProfileStore

        with ProfileStore() as store:
            return store.names()

    def create_profile(self, name: str) -> None:
        """Create an empty profile.

        Raises
        ------
        BciAffectError
            If the name is taken or invalid.
        """
        from bci_affect.profiles import ProfileStore

        with ProfileStore() as store:
            store.create(name)

    def start(self, choice: StartChoice, progress: Callable[[str], None]) -> Started:
        """Start a session for the check of the contact (slow); its `begin` follows that.

        `progress` is called with one line per step. Music of a folder is added in the background.

        Raises
        ------
        BciAffectError
            If it cannot start; nothing is left running then.
        """
        from bci_affect.profiles import hold_profile

        options = self._chosen(choice)
        with ExitStack() as stack:
            stack.enter_context(hold_profile(options.profile))
            source: Source
            if choice.stream is None:
                source, options = _demonstration(choice, options, stack)
            else:
                source = source_of(choice.stream, self._found, choice.left_out)
            scan = _scan_of(choice)
            if scan is not None and choice.music_folder is not None:
                options = replace(options, music_dirs=(choice.music_folder.resolve(),))
                if choice.calibrate:
                    _scan_alone(scan, stack)
                else:
                    options = replace(options, bring_in=scan.bring_in)
            record = choice.record or self._options.record_dir is not None
            return self._run(source, options, choice, stack, progress, record=record, scan=scan)

    def _chosen(self, choice: StartChoice) -> SessionOptions:
        """Return the options of the command line with the user's choice."""
        folder = choice.record_dir or self._options.record_dir or user_home() / "recordings"
        return replace(
            self._options,
            music=choice.music,
            profile=choice.profile or self._options.profile,
            record_dir=folder,
        )

    def _headset_of(self, choice: StartChoice) -> Headsets | None:
        """Return the connected headset if the session receives it."""
        status = self.headsets.status()
        chosen = choice.stream.source_id if choice.stream is not None else ""
        return self.headsets if status is not None and status.source_id == chosen else None

    def _run(
        self,
        source: Source,
        options: SessionOptions,
        choice: StartChoice,
        stack: ExitStack,
        progress: Callable[[str], None],
        *,
        record: bool = False,
        scan: FolderScan | None = None,
    ) -> Started:
        from bci_affect.session import build_session, load_predictor

        progress("Loading the model")
        predictor = load_predictor(options.model)
        built = options
        if choice.calibrate:  # no estimate is shown, and an earlier model must not influence it
            name = options.profile
            built = replace(options, music=False, policy="manual", profile="", participant=name)
        session = build_session(source, built, predictor)
        stack.callback(session.stop)
        progress("Connecting to the headset")
        session.start(self._wait_s, record=record, begin=False)
        services = window_services(session, built, predictor, stack, source, person=options.profile)
        services = replace(services, scan=scan, can_leave=True, headset=self._headset_of(choice))
        self._stack.close()  # an earlier session and its demonstration
        self._stack = stack.pop_all()
        return Started(session, services)


def _demonstration(
    choice: StartChoice, options: SessionOptions, stack: ExitStack
) -> tuple[Source, SessionOptions]:
    """Return the stream of the demonstration, and the options with its music."""
    from bci_affect.streams import LslSource

    suffix = stack.enter_context(publisher(shipped(DEMO_RECORDING)))
    source = LslSource(predicate=f"contains(source_id, '{suffix}')")
    if choice.music and choice.music_folder is None:
        music = demo_library(user_home() / "demo")
        options = replace(options, library=music.library, bring_in=music.bring_in)
    return source, options


def source_of(
    chosen: FoundStream, others: Sequence[FoundStream] = (), left_out: Sequence[str] = ()
) -> LslSource:
    """Return the source of a chosen stream.

    Equal headsets are distinguished by the uid of their outlets. A device that has restarted since
    the choice has another one: it is known by name, type, host and source id, and is none of
    `others`, which were visible next to it.
    """
    from bci_affect.streams import LslSource

    unlike = {other.uid for other in others} - {chosen.uid}

    def device(found: FoundStream) -> tuple[str, str, str, str]:
        return found.name, found.type, found.hostname, found.source_id

    return LslSource(
        name=chosen.name,
        type=chosen.type,
        left_out=left_out,
        accept=lambda found: found.uid not in unlike and device(found) == device(chosen),
    )


def _scan_of(choice: StartChoice) -> FolderScan | None:
    """Return the scan of the chosen folder; None without one.

    Raises
    ------
    BciAffectError
        If the folder has no music.
    """
    from bci_affect.music import find_audio_files

    folder = choice.music_folder
    if folder is None or not (choice.music or choice.calibrate):
        return None
    if next(iter(find_audio_files([folder])), None) is None:
        raise BciAffectError(f"There is no music in {folder}; choose another folder.")
    return FolderScan(folder)


def _scan_alone(scan: FolderScan, stack: ExitStack) -> None:
    """Run a scan on a thread of its own, for a session without music."""
    thread = threading.Thread(target=add_alone, args=(scan,), name="bci-music-add", daemon=False)
    thread.start()
    stack.callback(thread.join)
    stack.callback(scan.cancel)


def add_alone(scan: FolderScan, library: Path | None = None) -> None:
    """Run a scan into a library; its status has any error."""
    from bci_affect.music import Library

    try:
        with Library(library) as opened:
            scan.run(opened)
    except BciAffectError as error:
        logger.warning("%s", error)
