"""Files and streams beyond each limit, used one after the other in one small process.

``python -m tests.bad_input.limits FOLDER`` prints one JSON line per limit: its name, and the
program's sentence. At the end, the largest memory of the process.
"""

from __future__ import annotations

import json
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from bci_affect.config import LiveSettings, load_toml
from bci_affect.errors import BciAffectError
from bci_affect.events import InvalidEvent, read
from bci_affect.music.audio import read_blocks
from bci_affect.profiles import ProfileStore, import_profile
from bci_affect.storage import read_arrays
from bci_affect.streams import build_header, read_xdf
from bci_affect.streams.header import parse_header
from bci_affect.streams.lsl.discovery import FoundStream
from bci_affect.streams.lsl.validation import check_limits, check_texts


def _stream(n_channels: int = 4, rate_hz: float = 250.0, kind: str = "float32") -> None:
    check_limits(FoundStream("Cap", "EEG", "id", n_channels, rate_hz, kind, "host", "uid", 0.0))


def _event(text: str) -> None:
    event = read(text)
    assert isinstance(event, InvalidEvent)
    raise BciAffectError(event.problem)


def _chunk(tag: int, content: bytes) -> bytes:
    return b"\x08" + struct.pack("<QH", len(content) + 2, tag) + content


def _xdf(folder: Path, *chunks: bytes) -> None:
    path = folder / "a.xdf"
    path.write_bytes(b"XDF:" + _chunk(1, b"<?xml version='1.0'?><info/>") + b"".join(chunks))
    recording = read_xdf(path)
    raise BciAffectError("; ".join(damage.what for damage in recording.damage))


def _text_stream(n_chunks: int, n_texts: int) -> list[bytes]:
    header = build_header("Notes", "Markers", ["text"], rate_hz=0.0, fmt="string")
    head = struct.pack("<I", 1) + header.xml.encode()
    one = struct.pack("<I", 1) + b"\x04" + struct.pack("<I", n_texts) + n_texts * b"\x00\x01\x01a"
    return [_chunk(2, head), *n_chunks * [_chunk(3, one)]]


def _long_header(folder: Path) -> None:
    xml = build_header("Cap", "EEG", ["C3"], rate_hz=250.0).xml.encode()
    head = struct.pack("<I", 1) + xml.replace(b"</info>", b" " * (17 << 20) + b"</info>")
    _xdf(folder, _chunk(2, head))


def _promised_chunk(folder: Path) -> None:
    head = struct.pack("<I", 1) + build_header("Cap", "EEG", ["C3"], rate_hz=250.0).xml.encode()
    samples = struct.pack("<I", 1) + b"\x08" + struct.pack("<Q", 1 << 60) + bytes(100)
    _xdf(folder, _chunk(2, head), _chunk(3, samples))


def _bomb(folder: Path) -> None:
    block = zlib.compressobj(1, wbits=31)
    data = block.compress(b"XDF:") + b"".join(block.compress(bytes(10_000_000)) for _ in range(40))
    (folder / "b.xdfz").write_bytes(data + block.flush())
    read_xdf(folder / "b.xdfz")


def _npz(folder: Path, shape: tuple[int, ...], n_bytes: int) -> None:
    path = folder / "a.npz"
    head = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w") as file,
    ):
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        for _ in range(n_bytes // 10_000_000):
            file.write(bytes(10_000_000))
    read_arrays(path)


def _profile(folder: Path, text: str) -> None:
    path = folder / "a.json"
    path.write_text(text)
    (folder / "home").mkdir(exist_ok=True)
    import_profile(ProfileStore(folder / "home" / "profiles.db"), path)


def _toml(folder: Path, text: str) -> None:
    path = folder / "a.toml"
    path.write_text(text)
    load_toml(path, LiveSettings)


def _audio(folder: Path, n_channels: int, rate_hz: int, *, promised: int = 0) -> None:
    """Read a tenth of a second of audio; `promised` samples are announced in its header."""
    path = folder / ("a.flac" if promised else "a.wav")
    soundfile.write(path, np.zeros((rate_hz // 10, n_channels)), rate_hz)
    if promised:
        data = bytearray(path.read_bytes())
        total = int.from_bytes(data[18:26], "big") >> 36 << 36 | promised
        data[18:26] = total.to_bytes(
            8, "big"
        )  # STREAMINFO: rate, channels, bits, 36 bits of length
        path.write_bytes(data)
    for _ in read_blocks(path):
        pass


def _cover(folder: Path, side: int) -> None:
    from pyqtgraph.Qt import QtWidgets

    from bci_affect.gui.panels.nowplaying import load_cover

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    assert app is not None

    def part(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    squeeze = zlib.compressobj(1)
    rows = b"".join(squeeze.compress(bytes(1 + 3 * side)) for _ in range(side)) + squeeze.flush()
    picture = b"\x89PNG\r\n\x1a\n" + part(
        b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    )
    picture += part(b"IDAT", rows) + part(b"IEND", b"")
    found = load_cover(picture)
    if found is None:
        raise BciAffectError("no cover")
    raise BciAffectError(f"cover of {found.width()} pixels")


LIMITS: dict[str, tuple[Callable[[Path], object], str]] = {
    "channels": (lambda f: _stream(n_channels=5000), "announces 5000 channels, and 4096 is"),
    "rate": (lambda f: _stream(rate_hz=2e5), "announces 200000 Hz, and 100000 Hz is the most"),
    "rate that is no number": (lambda f: _stream(rate_hz=float("nan")), "announces nan Hz"),
    "sample size": (lambda f: _stream(4096, 5e4, "double64"), "MB per second, and 32 is the most"),
    "text size": (lambda f: check_texts("Notes", [["a" * (2 << 20)]]), "a text of more than 1 MB"),
    "text per second": (lambda f: check_texts("Notes", [["a" * 1000]] * 20_000), "more text than"),
    "depth of JSON": (lambda f: _event('{"event": "mark", "note": ' + "[" * 90_000), "deep"),
    "channels of a file": (
        lambda f: parse_header(
            "<info><name>A</name><type>EEG</type><channel_count>100000000</channel_count>"
            "<nominal_srate>250</nominal_srate><channel_format>float32</channel_format></info>"
        ),
        "channel",
    ),
    "texts of a chunk": (
        lambda f: _xdf(f, *_text_stream(1, 1_000_001)),
        "more than 1,000,000 texts",
    ),
    "texts of a stream": (
        lambda f: _xdf(f, *_text_stream(2, 600_000)),
        "more than 1,000,000 texts",
    ),
    "length of a header": (_long_header, "more than 16 MB"),
    "count of a chunk": (_promised_chunk, "too short for its samples"),
    "expansion of a recording": (_bomb, "expands to more than 100 times"),
    "expansion of arrays": (lambda f: _npz(f, (33_750_000,), 270_000_000), "expand to more than"),
    "promise of an array": (lambda f: _npz(f, (1 << 40,), 0), "expand to more than 256 MB"),
    "size of a profile": (lambda f: _profile(f, " " * (33 << 20)), "larger than 32 MB"),
    "depth of a profile": (lambda f: _profile(f, "[" * 200_000), "nested too deeply"),
    "size of settings": (lambda f: _toml(f, "#" * (33 << 20)), "larger than 32 MB"),
    "depth of settings": (lambda f: _toml(f, "a = " + "[" * 20_000), "nested too deeply"),
    "channels of audio": (lambda f: _audio(f, 64, 44_100), "64 channels, and 32 is the most"),
    "rate of audio": (lambda f: _audio(f, 1, 1_000_000), "rate of 1000000 Hz is not valid"),
    "hours of audio": (
        lambda f: _audio(f, 2, 44_100, promised=44_100 * 3600 * 400),
        "announces 400 hours, and 24",
    ),
    "pixels of a cover": (lambda f: _cover(f, 12_000), "no cover"),
    "side of a cover": (lambda f: _cover(f, 4000), "cover of 512 pixels"),
}
"""Limit -> what exceeds it, and a part of the sentence."""


def main() -> None:
    folder = Path(sys.argv[1])
    for name, (exceed, _) in LIMITS.items():
        try:
            exceed(folder)
            said = "nothing"
        except (BciAffectError, OSError) as error:
            said = str(error)
        print(json.dumps({"limit": name, "said": said}), flush=True)
    # Not ru_maxrss: a new process inherits that of the one that started it.
    status = Path("/proc/self/status").read_text()
    print(json.dumps({"peak_kb": int(status.split("VmHWM:")[1].split()[0])}))


if __name__ == "__main__":
    main()
