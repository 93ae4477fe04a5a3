"""Advice on devices whose programs do not stamp on LSL's clock by default."""

from __future__ import annotations


def advice(name: str) -> str:
    """Return a sentence on how to stamp on LSL's clock, for a device whose programs are known."""
    if "muse" not in name.casefold():
        return ""
    return (
        " For later recordings start 'muselsl stream --lsltime', or choose LSL's local clock as "
        "the timestamp format of BlueMuse."
    )
