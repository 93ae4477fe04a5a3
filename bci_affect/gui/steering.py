"""Words on the target of steering: distance, and music that the library lacks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bci_affect.gui.texts import tr
from bci_affect.music import Track

FEW = 3
"""Fewer tracks than this on the target's side are reported."""
_ASIDE = 0.2  # a target this close to the middle is on no side


def target_words(target: tuple[float, float], present: tuple[float, float] | None) -> str:
    """Return the target with its distance from the present estimate, None where there is none."""
    words = tr("target {v:+.2f}, {a:+.2f}", v=target[0], a=target[1])
    if present is None or not all(map(math.isfinite, present)):
        return words
    return tr("{words} · {d:.2f} away", words=words, d=math.dist(target, present))


def lacking_words(target: tuple[float, float], tracks: Sequence[Track]) -> str:
    """Return which side of the target the library has few tracks on; "" where it has enough."""
    placed = [t for t in tracks if math.isfinite(t.valence) and not t.banned]
    sides = (
        (target[0], [t.valence for t in placed], tr("happier"), tr("sadder")),
        (target[1], [t.arousal for t in placed], tr("more active"), tr("calmer")),
    )
    said = []
    for aim, values, above, below in sides:
        if abs(aim) < _ASIDE:
            continue
        n = sum(value * aim > 0 for value in values)
        if n < FEW:
            word = above if aim > 0 else below
            count = tr("1 song is") if n == 1 else tr("{n} songs are", n=n or tr("no"))
            said.append(tr("{count} {word} than neutral here", count=count, word=word))
    return "; ".join(said)
