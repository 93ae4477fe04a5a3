"""Report of a session: at its end for the window, and of a recording for ``report``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home
from bci_affect.storage import free_path

if TYPE_CHECKING:
    from bci_affect.session import SessionControl


class SessionReport:
    """Report writer of a session; implements `bci_affect.gui.services.ReportWriter`.

    Parameters
    ----------
    session : SessionControl
        Running or ended.
    """

    def __init__(self, session: SessionControl) -> None:
        self._session = session

    def write(self) -> Path:
        """Write the page next to the recording, or in the user's data folder; return its file.

        Raises
        ------
        BciAffectError
            If there is no estimate to report, or the page cannot be written.
        """
        from bci_affect.app.session_page import write_session_report
        from bci_affect.app.session_record import of_session

        record = of_session(self._session)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = (
            record.source.with_suffix(".html")
            if record.source
            else user_home() / "reports" / f"session-{stamp}.html"
        )
        path = free_path(path)
        write_session_report(path, record, calibration_of(record.profile))
        return path


def report_recording(
    recording: Path,
    out: Path | None,
    *,
    profile: str,
    model: Path | None,
    progress: Callable[[float], None],
) -> Path:
    """Write the report of a session's recording; return its file.

    Raises
    ------
    BciAffectError
        If the recording cannot be read, the profile does not fit, or the page exists.
    """
    from bci_affect.app.session_page import write_session_report
    from bci_affect.app.session_record import of_recording
    from bci_affect.config import LiveSettings
    from bci_affect.profiles import PersonalState, starting_state
    from bci_affect.session import load_predictor, model_path, path_factory
    from bci_affect.streams import read_xdf

    path = out or recording.with_suffix(".html")
    if path.exists():
        raise BciAffectError(f"{path} exists already; choose another file with --out.")
    began = starting_state(read_xdf(recording).events())
    if not profile and began is not None and _is_known(began.profile):
        profile = began.profile
    person = PersonalState(profile, model_path(model), began) if profile else None
    predictor = load_predictor(model)
    record = of_recording(
        recording,
        path_factory(predictor, LiveSettings(), person),
        profile=profile,
        model=predictor.card.name,
        progress=progress,
    )
    write_session_report(path, record, calibration_of(profile))
    return path


def calibration_of(profile: str) -> dict[str, Any] | None:
    """Return the summary of a profile's newest calibration, if any."""
    from bci_affect.profiles import ProfileStore

    if not _is_known(profile):
        return None
    with ProfileStore() as store:
        history = store.load(profile).history
    return history[-1].summary if history else None


def _is_known(profile: str) -> bool:
    from bci_affect.profiles import ProfileStore

    with ProfileStore() as store:
        return profile.casefold() in {name.casefold() for name in store.names()}
