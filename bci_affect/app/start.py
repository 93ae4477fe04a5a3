"""First start of the window: streams, profiles, and a running session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from bci_affect.app.demo import DEMO_RECORDING, demo_library, publisher
from bci_affect.app.run import able_to_record, bring_in_music, window_services
from bci_affect.gui import StartChoice, Started
from bci_affect.resources import shipped, user_home

if TYPE_CHECKING:
    from bci_affect.session import SessionOptions
    from bci_affect.streams import FoundStream

_SEARCH_S = 1.0


class SessionStarter:
    """`StartService` of the window; leaving its context ends the session.

    Parameters
    ----------
    options : SessionOptions
        Options of the command line; the user's choice overrides them.
    wait_s : float
        Timeout of a chosen stream.
    """

    def __init__(self, options: SessionOptions, wait_s: float) -> None:
        self._options = options
        self._wait_s = wait_s
        self._stack = ExitStack()

    def __enter__(self) -> SessionStarter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def end(self) -> None:
        """End the session that was started, with all of its resources (slow)."""
        self._stack.close()

    def find(self) -> list[FoundStream]:
        """Return the visible EEG streams (slow: about a second)."""
        from bci_affect.streams import find_streams

        return [found for found in find_streams(_SEARCH_S) if found.type.upper() == "EEG"]

    def profiles(self) -> list[str]:
        """Return the names of all profiles."""
        from bci_affect.profiles import ProfileStore

        with ProfileStore() as store:
            return store.names()

    def start(self, choice: StartChoice, progress: Callable[[str], None]) -> Started:
        """Start a session (slow); `progress` is called with one line per step.

        Raises
        ------
        BciAffectError
            If it cannot start; nothing is left running then.
        """
        from bci_affect.profiles import hold_profile
        from bci_affect.session import build_session, load_predictor
        from bci_affect.streams import LslSource

        options = replace(
            self._options,
            music=choice.music,
            profile=choice.profile or self._options.profile,
            record_dir=choice.record_dir or self._options.record_dir,
        )
        with ExitStack() as stack:
            stack.enter_context(hold_profile(options.profile))
            if choice.stream is None:
                suffix = stack.enter_context(publisher(shipped(DEMO_RECORDING)))
                source = LslSource(predicate=f"contains(source_id, '{suffix}')")
                if choice.music and choice.music_folder is None:
                    music = demo_library(user_home() / "demo")
                    options = replace(options, library=music.library, bring_in=music.bring_in)
            else:
                found = choice.stream
                source = LslSource(
                    name=found.name, type=found.type, source_id=found.source_id or None
                )
            if choice.music and choice.music_folder is not None:
                progress(f"Listening to the music in {choice.music_folder}")
                options = replace(options, music_dirs=bring_in_music([choice.music_folder]))
            progress("Loading the model")
            predictor = load_predictor(options.model)
            session = build_session(source, able_to_record(options), predictor)
            stack.callback(session.stop)
            progress("Connecting to the headset")
            session.start(self._wait_s, record=options.record_dir is not None)
            services = window_services(session, options, predictor, stack)
            self._stack.close()  # an earlier session and its demonstration
            self._stack = stack.pop_all()
        return Started(session, services)
