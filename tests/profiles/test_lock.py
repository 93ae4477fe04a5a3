"""Two sessions never write to one profile at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bci_affect.errors import BciAffectError
from bci_affect.profiles.lock import hold_profile
from bci_affect.resources import user_home

HOLD = """
import sys
from bci_affect.profiles.lock import hold_profile
with hold_profile(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_session_of_a_profile_is_refused() -> None:
    with hold_profile("Ada"):
        for same in ("Ada", "ada"):
            with pytest.raises(BciAffectError, match=f"'{same}' is in use"), hold_profile(same):
                pass
        with hold_profile("Ada B"), hold_profile("Ada_B"):
            pass
    with hold_profile("Ada"):
        pass


def test_nobodys_profile_is_everybodys() -> None:
    with hold_profile(""), hold_profile(""):
        assert not list(user_home().rglob("*.lock"))


def test_a_killed_session_holds_nothing() -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, "Ada"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdin is not None
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BciAffectError, match="in use"), hold_profile("Ada"):
            pass
    finally:
        other.kill()
        other.wait(60)
        other.stdin.close()
        other.stdout.close()
    with hold_profile("Ada"):
        pass
