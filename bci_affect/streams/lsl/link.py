"""Connection to one outlet, buffered by liblsl from its start."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.streams.header import StreamHeader, parse_header
from bci_affect.streams.lsl import discovery as lsl
from bci_affect.streams.lsl.validation import buffer_length, check_agreement, check_limits

PATIENCE_S = 3.0
"""Longest time in seconds for a stream to answer with its description or clock."""
COALESCE_S = 0.002
"""Time in seconds over which fast samples are pulled together: half the wake-ups at 1 kHz."""
MAX_SAMPLES = 256  # of one pull; the rest follows at once with the next
TIMED_OUT = -1  # liblsl's lsl_timeout_error


class Link:
    """Connection with liblsl's recovery off: that resumes silently, only for the same source id.

    Attributes
    ----------
    uid : str
        Identity of the outlet; changes at each start of the sender.
    header : StreamHeader
        Header of the stream.
    measured : float
        Newest measured offset of the sender's clock to ours.
    shift : float
        Further offset, after the sender has set the clock of its stamps.
    broken : bool
        True once `pull` has detected the end of the connection.

    Raises
    ------
    BciAffectError
        If the stream does not answer, exceeds a limit, or describes itself in two ways.
    """

    def __init__(self, info: Any) -> None:
        self.uid: str = info.uid()
        self.found = lsl.describe(info)
        check_limits(self.found)
        self._inlet = lsl.load().StreamInlet(
            info, max_buflen=buffer_length(self.found), recover=False, as_numpy=True
        )
        self.shift = 0.0
        self.broken = False
        try:
            self._inlet.open_stream(PATIENCE_S)
            self.header: StreamHeader = parse_header(self._inlet.info(PATIENCE_S).as_xml())
            self.measured = float(self._inlet.time_correction(PATIENCE_S))
        except (TimeoutError, RuntimeError) as error:
            raise BciAffectError(
                f"Stream '{info.name()}' was found but does not answer ({error}); restart the "
                "program that sends it, or check the firewall."
            ) from None
        check_agreement(self.found, self.header)
        self._least = max(1, int(self.header.rate_hz * COALESCE_S))
        self._prepare()

    def _prepare(self) -> None:
        """Allocate the buffers of a pull once; pylsl allocates them each time, at the same cost.

        liblsl fills them by the short description, so that sizes them.
        """
        n = self._inlet.channel_count
        self._samples = np.empty((self._least + MAX_SAMPLES, n), self._inlet.np_dtype)
        self._stamps = np.empty(self._least + MAX_SAMPLES)
        self._error = ctypes.c_int()

        def arguments(first: int, count: int) -> tuple[Any, ...]:
            """Return the part of the buffer for `count` samples from number `first` on."""
            return (
                self._inlet.obj,
                ctypes.c_void_p(self._samples[first:].ctypes.data),
                ctypes.c_void_p(self._stamps[first:].ctypes.data),
                ctypes.c_size_t(count * n),
                ctypes.c_size_t(count),
            )

        self._first = arguments(0, self._least)
        self._rest = arguments(self._least, MAX_SAMPLES)

    @property
    def offset(self) -> float:
        """Seconds to add to the sender's stamps."""
        return self.measured + self.shift

    def measure(self, timeout_s: float) -> float | None:
        """Measure the clock offset; None if the sender does not answer. May block."""
        try:
            return float(self._inlet.time_correction(timeout_s))
        except (TimeoutError, RuntimeError):
            return None

    def pull(self, timeout_s: float) -> tuple[NDArray[Any], NDArray[np.float64]] | None:
        """Wait for the next samples (n, n_channels) and their raw stamps (n,); None if broken."""
        count = self._pull(self._first, timeout_s)
        if count == self._least and self._inlet.samples_available():
            count += self._pull(self._rest, 0.0)
        if self.broken and not count:
            return None
        return self._samples[:count].copy(), self._stamps[:count].copy()

    def _pull(self, arguments: tuple[Any, ...], timeout_s: float) -> int:
        """Let liblsl fill the buffer; return the number of samples."""
        error = self._error
        values = self._inlet.do_pull_chunk(
            *arguments, ctypes.c_double(timeout_s), ctypes.byref(error)
        )
        if error.value not in (0, TIMED_OUT):
            self.broken = True
        return int(values) // self.header.n_channels
