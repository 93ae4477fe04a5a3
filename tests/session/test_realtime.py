"""A session keeps Python's house-keeping off its data path, and gives it back."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from bci_affect.session.realtime import SWITCH_S, RealtimeMode


def test_limits_hold_from_begin_to_end_only():
    before, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    mode = RealtimeMode()
    mode.enable()
    try:
        assert sys.getswitchinterval() <= SWITCH_S + 1e-9
        assert gc.get_freeze_count() > frozen
        assert gc.isenabled()  # what the session itself leaves behind is still collected
    finally:
        mode.disable()
    assert sys.getswitchinterval() == before
    assert gc.get_freeze_count() == 0
    mode.disable()
    assert sys.getswitchinterval() == before


@pytest.mark.skipif(sys.platform != "linux", reason="heaps are glibc's")
def test_threads_share_few_heaps():
    """Each thread's heap is a mapping of its own; glibc counts them in malloc_info."""
    code = (
        "import ctypes, threading\n"
        "from bci_affect.session.realtime import limit_malloc_arenas\n"
        "limit_malloc_arenas()\n"
        "hold = threading.Barrier(13)\n"
        "def work():\n"
        "    kept = bytearray(100_000)\n"
        "    hold.wait(30)\n"
        "for _ in range(12): threading.Thread(target=work).start()\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.fopen.restype = ctypes.c_void_p\n"
        "out = ctypes.c_void_p(libc.fopen(b'/dev/stdout', b'w'))\n"
        "libc.malloc_info(0, out)\n"
        "libc.fflush(out)\n"
        "hold.wait(30)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert said.returncode == 0, said.stderr
    if "<malloc" not in said.stdout:
        pytest.skip("this C library is not glibc")
    assert 1 <= said.stdout.count("<heap") <= 2
