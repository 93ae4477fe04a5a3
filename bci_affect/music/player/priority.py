"""Asking the system to run the threads that carry sound before all others.

A gap is heard when the device's callback comes later than the device's buffer lasts. Measured on
two cores with a dozen busy programs: the callback stood in the processor's queue for up to 430 ms,
the thread that ALSA's plug-in for PulseAudio starts in our process for up to 270 ms; and with those
two cured, the callback waited a second for Python's lock, whose holder - the decode thread - stood
in the queue itself. Niceness does not help there: Linux groups programs by session
(``sched_autogroup``), and nice counts within a group only. Real-time scheduling does, where the
system allows it: for root, and for members of a group with an ``rtprio`` limit (Debian's
``audio``, after a line in ``/etc/security/limits.d``).
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CALLBACK = 5  # as sound servers take for themselves; 1 is the lowest
DECODE = 1
_NICENESS = -10


def prefer_this_thread(level: int) -> None:
    """Ask that this thread, and what it starts, runs before ordinary ones; else go on as before.

    Parameters
    ----------
    level : int
        Real-time priority, `CALLBACK` or `DECODE`. What asks for it must be short and rare.
    """
    if sys.platform != "linux":  # CoreAudio and WASAPI do this for their callbacks by themselves
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(level))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


@contextmanager
def preferred_threads() -> Iterator[None]:
    """Have threads that are started within preferred; the calling one is then what it was before.

    Meant for opening and starting a sound device, which starts its callback and what feeds it.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    prefer_this_thread(CALLBACK)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, parameter)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
