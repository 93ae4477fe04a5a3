"""Home page of the window: profiles, past sessions, reports, and replays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bci_affect.app.library_editor import LibraryEditor
from bci_affect.app.run import window_services
from bci_affect.app.session_report import report_recording
from bci_affect.app.start import SessionStarter
from bci_affect.gui import PastSession, ProfileSummary, Started

if TYPE_CHECKING:
    from bci_affect.profiles import Profile

_MOST_SESSIONS = 200


class Home(SessionStarter):
    """`HomeService` of the window; leaving its context ends the session."""

    def profile_summaries(self) -> list[ProfileSummary]:
        """Return all profiles."""
        from bci_affect.profiles import ProfileStore

        with ProfileStore() as store:
            return [_summary(store.load(name)) for name in store.names()]

    def past_sessions(self, folders: Sequence[Path]) -> list[PastSession]:
        """Return the recordings in folders, newest first, at most two hundred."""
        found: dict[Path, PastSession] = {}
        for path in _recordings(folders):
            try:
                info = path.stat()
            except OSError:
                continue
            report = path.with_suffix(".html")
            person = path.name.partition("_")[0].removeprefix("sub-")
            found[path.resolve()] = PastSession(
                path=path,
                person=person if path.name.startswith("sub-") else "",
                modified=info.st_mtime,
                size_bytes=info.st_size,
                report=report if report.is_file() else None,
            )
        newest = sorted(found.values(), key=lambda one: -one.modified)
        return newest[:_MOST_SESSIONS]

    @property
    def library(self) -> LibraryEditor:
        """Music library of the user."""
        return LibraryEditor(self._options.library)

    def write_report(self, recording: Path) -> Path:
        """Write the report of a recording next to it, and return its file.

        Raises
        ------
        BciAffectError
            If the recording cannot be read, or the report cannot be written.
        """
        return report_recording(
            recording, None, profile="", model=self._options.model, progress=lambda share: None
        )

    def open_recording(self, path: Path, progress: Callable[[str], None]) -> Started:
        """Start the replay of a recording (slow).

        Raises
        ------
        BciAffectError
            If it has no EEG or cannot be read.
        """
        from dataclasses import replace

        from bci_affect.session import build_session, load_predictor
        from bci_affect.streams import XdfSource

        options = replace(self._options, music=False, profile="", record_dir=None, publish=False)
        source = XdfSource(path)
        source.hold_at_end = True
        with ExitStack() as stack:
            progress("Loading the model")
            predictor = load_predictor(options.model)
            session = build_session(source, options, predictor)
            stack.callback(session.stop)
            progress("Reading the recording")
            session.start(self._wait_s)
            services = window_services(session, options, predictor, stack, source)
            self._stack.close()
            self._stack = stack.pop_all()
        return Started(session, replace(services, can_leave=True))


def _recordings(folders: Sequence[Path]) -> Iterable[Path]:
    for folder in folders:
        if folder.is_dir():
            yield from folder.rglob("*.xdf")


def _summary(profile: Profile) -> ProfileSummary:
    if not profile.history:
        return ProfileSummary(profile.name, "not calibrated")
    newest = profile.history[-1]
    report = Path(newest.report) if newest.report else None
    return ProfileSummary(
        profile.name,
        standing_words(newest.summary),
        calibrated=True,
        report=report if report is not None and report.is_file() else None,
    )


def standing_words(summary: dict[str, Any]) -> str:
    """Return the result of a calibration in one line: "valence above chance, 12 clips"."""
    parts = [
        f"{name} {found.get('standing', 'not calibrated')}"
        for name, found in summary.get("dimensions", {}).items()
    ]
    if clips := summary.get("n_clips"):
        parts.append(f"{clips} clips")
    return ", ".join(parts)
