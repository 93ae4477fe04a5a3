"""Lock of a profile: a second session with the same profile is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from bci_affect.errors import BciAffectError
from bci_affect.resources import user_home
from bci_affect.storage import unique_name


@contextmanager
def hold_profile(profile: str) -> Iterator[None]:
    """Hold the lock of a profile, as window, dashboard and calibration do while they use it.

    The system releases the lock of a process that is killed.

    Parameters
    ----------
    profile : str
        Its name, in capitals or not; "" for no profile, which needs no lock.

    Raises
    ------
    BciAffectError
        If another session holds it.
    """
    if not profile:
        yield
        return
    folder = user_home() / "locks"
    folder.mkdir(exist_ok=True)
    file = folder / f"{unique_name(profile.casefold())}.lock"
    lock = FileLock(file, thread_local=False)  # acquired and released on different threads
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        raise BciAffectError(
            f"The profile '{profile}' is in use by another session; end that one first, or start "
            "with another profile."
        ) from None
    try:
        yield
    finally:
        lock.release()
