"""Raised scheduling priority of the audio threads.

A gap is audible if the device's callback is later than the duration of the device's buffer.
Measured on two cores with a dozen busy programs: the callback waited for a processor for up to 430
ms, and the thread of ALSA's PulseAudio plug-in for up to 270 ms. With both corrected, the callback
waited one second for Python's lock, held by the decode thread, which was itself waiting for a
processor. Niceness has no effect there, because Linux groups programs by session
(``sched_autogroup``) and nice applies within a group only. Real-time scheduling works if permitted:
for root, and for members of a group with an ``rtprio`` limit (Debian's ``audio``, after a line in
``/etc/security/limits.d``).
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CALLBACK = 5  # as used by sound servers; 1 is the lowest
DECODE = 1
_NICENESS = -10


def raise_thread_priority(level: int) -> None:
    """Raise the priority of this thread and of threads started by it, if permitted.

    Parameters
    ----------
    level : int
        Real-time priority, `CALLBACK` or `DECODE`. The work of the thread must be short.
    """
    if sys.platform != "linux":  # CoreAudio and WASAPI raise the priority of their callbacks
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(level))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


@contextmanager
def raised_priority() -> Iterator[None]:
    """Raise the priority of threads started in the context; the calling thread is then restored.

    It is used for opening and starting a sound device, which starts the threads of its callback.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    raise_thread_priority(CALLBACK)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, parameter)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
