"""Search for the wanted stream, and the first connection to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bci_affect.errors import BciAffectError
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.discovery import FoundStream
from bci_affect.streams.lsl.link import Link


@dataclass(frozen=True, slots=True)
class Wanted:
    """Required properties of a stream; None accepts all.

    Attributes
    ----------
    name, type, source_id : str or None
        As on LSL.
    predicate : str or None
        XPath predicate over the stream's description, as in liblsl.
    """

    name: str | None = None
    type: str | None = None
    source_id: str | None = None
    predicate: str | None = None

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
        """Return True if a stream matches; text streams and this program's own never do."""
        return (
            found.uid not in lsl.own_uids
            and found.format != "string"
            and (self.name is None or found.name == self.name)
            and (self.type is None or found.type.lower() == self.type.lower())
            and (self.source_id is None or found.source_id == self.source_id)
        )

    def connect(
        self, timeout_s: float, *, stop: Callable[[], bool], notify: Callable[[str], None]
    ) -> Link:
        """Find and open the one stream that matches and answers.

        A killed sender remains visible for some seconds; it does not count.

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
        gone: dict[str, BciAffectError] = {}
        while True:
            infos = lsl.search(
                max(0.0, deadline - time.monotonic()),
                lambda found: found.uid not in gone and self.accepts(found),
                predicate=self.predicate or "",
                settle_s=0.0 if self.source_id else lsl.SETTLE_S,
                stop=stop,
            )
            if not infos and gone:
                raise list(gone.values())[-1]
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
                    gone[info.uid()] = error
            if len(links) == 1:
                return links[0]
            if links:
                seen = "; ".join(str(link.found) for link in links)
                raise BciAffectError(
                    f"{len(links)} streams match: {seen}. Choose one by --source-id or --stream."
                )
