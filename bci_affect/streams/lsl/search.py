"""Search for the wanted stream, and the first connection to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bci_affect.errors import BciAffectError
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.discovery import FoundStream
from bci_affect.streams.lsl.link import Link
from bci_affect.streams.numeric_markers import is_marker_stream

RETRY_S = 6.0
"""Seconds until a stream that did not answer is tried again; a dead one is invisible by then."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Required properties of a stream; None accepts all.

    Attributes
    ----------
    name : str or None
        Name on LSL, or NAME@HOST for one of several machines.
    type : str or None
        As on LSL.
    source_id : str or None
        Source id on LSL, or the uid of an outlet.
    predicate : str or None
        XPath predicate over the stream's description, as in liblsl.
    accept : callable or None
        Further requirement.
    """

    name: str | None = None
    type: str | None = None
    source_id: str | None = None
    predicate: str | None = None
    accept: Callable[[FoundStream], bool] | None = None

    def __str__(self) -> str:
        """Return the requirements in words."""
        asked = [
            f"{what} '{value}'"
            for what, value in (
                ("name", self.name),
                ("source id", self.source_id),
                ("predicate", self.predicate),
            )
            if value
        ]
        return f"{self.type or 'LSL'} stream" + (f" with {' and '.join(asked)}" if asked else "")

    def accepts(self, found: FoundStream) -> bool:
        """Return True if a stream matches; marker streams and this program's own never do."""
        return (
            found.uid not in lsl.own_uids
            and not is_marker_stream(found.name, found.type, found.format, found.rate_hz)
            and self.name in (None, found.name, f"{found.name}@{found.hostname}")
            and (self.type is None or found.type.lower() == self.type.lower())
            and self.source_id in (None, found.source_id, found.uid)
            and (self.accept is None or self.accept(found))
        )

    def connect(
        self, timeout_s: float, *, stop: Callable[[], bool], notify: Callable[[str], None]
    ) -> Link:
        """Find and open the one stream that matches and answers.

        A killed sender remains visible for some seconds; it does not count. A stream that did not
        answer is tried again later, while it is still visible.

        Parameters
        ----------
        timeout_s : float
            Longest time to wait for the stream.
        stop : callable
            Returns True once the search is to end.
        notify : callable
            Called with a sentence for the user.

        Raises
        ------
        BciAffectError
            If none is found, or several match (the message lists them).
        """
        deadline = time.monotonic() + timeout_s
        failed: dict[str, BciAffectError] = {}  # by uid
        retry_at: dict[str, float] = {}
        while True:
            infos = lsl.search(
                max(0.0, deadline - time.monotonic()),
                lambda found: (
                    time.monotonic() >= retry_at.get(found.uid, 0.0) and self.accepts(found)
                ),
                predicate=self.predicate or "",
                settle_s=0.0 if self.source_id else lsl.SETTLE_S,
                stop=stop,
            )
            if not infos and failed:
                raise list(failed.values())[-1]
            if not infos:
                raise BciAffectError(
                    f"No {self} was found in {timeout_s:g} s. Check that the headset's "
                    "program is sending to LSL in this network ('bci-affect streams' lists what "
                    "can be seen)."
                )
            links = []
            for info in infos:
                notify(f"Connecting to {lsl.describe(info)}.")
                try:
                    links.append(Link(info))
                except BciAffectError as error:
                    if info.uid() not in failed:
                        notify(str(error))
                    failed[info.uid()] = error
                    retry_at[info.uid()] = time.monotonic() + RETRY_S
            links = [link for link in links if link.header.rate_hz > 0] or links
            if len(links) == 1:
                return links[0]
            if links:
                raise BciAffectError(_choice([link.found for link in links]))


def _choice(found: Sequence[FoundStream]) -> str:
    """List streams that match, with a property that differs between all of them."""
    listed = "; ".join(map(str, found))
    ids = {one.source_id for one in found}
    names = {one.name for one in found}
    places = {(one.name, one.hostname) for one in found}
    if "" not in ids and len(ids) == len(found):
        advice = "--source-id ID"
    elif len(names) == len(found):
        advice = "--stream NAME"
    elif len(places) == len(found):
        advice = "--stream NAME@HOST"
    else:
        listed = "; ".join(f"{one} with uid {one.uid}" for one in found)
        advice = "--source-id UID"
    return f"{len(found)} streams match: {listed}. Choose one with {advice}."
