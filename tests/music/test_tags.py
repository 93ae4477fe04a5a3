"""Tags of audio files: title, artist, cover picture, ReplayGain and R128 gain."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bci_affect.music import Library
from bci_affect.music.analysis import read_cover, read_tags

RATE_HZ = 44_100
PICTURE = b"\x89PNG\r\n\x1a\n" + b"not a valid picture; only its bytes are compared " * 4


def noise(seconds: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.05 * rng.standard_normal((int(seconds * RATE_HZ), 2))).astype(np.float32)


def flac(path: Path, tags: dict[str, str], picture: bytes = b"") -> Path:
    """Write a flac file with comments and a front cover (RFC 9639, section 8)."""
    soundfile.write(path, noise(), RATE_HZ, format="FLAC")
    data = path.read_bytes()
    first = 8 + int.from_bytes(data[5:8], "big")  # behind "fLaC" and STREAMINFO
    lines = [f"{key}={value}".encode() for key, value in tags.items()]
    comments = struct.pack("<I", 4) + b"test" + struct.pack("<I", len(lines))
    comments += b"".join(struct.pack("<I", len(line)) + line for line in lines)
    blocks = block(4, comments)
    if picture:
        mime = b"image/png"
        head = struct.pack(">II", 3, len(mime)) + mime + struct.pack(">I", 0)
        blocks += block(6, head + struct.pack(">5I", 1, 1, 24, 0, len(picture)) + picture)
    # clear the last-block flag of STREAMINFO; the original blocks follow
    path.write_bytes(data[:4] + bytes([data[4] & 0x7F]) + data[5:first] + blocks + data[first:])
    return path


def block(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3, "big") + content


def mp3(path: Path, tags: dict[str, str], picture: bytes = b"") -> Path:
    """Write an mp3 file with an ID3v2.3 tag: user-defined texts and a front cover."""
    soundfile.write(path, noise(), RATE_HZ, format="MP3", subtype="MPEG_LAYER_III")
    frames = b"".join(
        frame(b"TXXX", b"\x00" + key.encode() + b"\x00" + value.encode())
        for key, value in tags.items()
    )
    if picture:
        frames += frame(b"APIC", b"\x00image/png\x00\x03\x00" + picture)
    n = len(frames)
    size = bytes([(n >> 21) & 127, (n >> 14) & 127, (n >> 7) & 127, n & 127])
    path.write_bytes(b"ID3\x03\x00\x00" + size + frames + path.read_bytes())
    return path


def frame(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "big") + b"\x00\x00" + content


def opus(path: Path, tags: dict[str, str]) -> Path:
    av = pytest.importorskip("av", reason="writing opus tags needs the m4a extra")
    with av.open(str(path), "w", format="ogg") as container:
        container.metadata.update(tags)
        stream = container.add_stream("libopus", rate=48_000, layout="stereo")
        resampler = av.AudioResampler(format="flt", layout="stereo", rate=48_000, frame_size=960)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(noise().reshape(1, -1)), format="flt", layout="stereo"
        )
        frame.sample_rate = RATE_HZ
        for resampled in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("write", [flac, mp3])
@pytest.mark.parametrize(
    ("text", "gain_db"), [("-6.50 dB", -6.5), ("+2.1 dB", 2.1), ("3", 3.0), ("loud", np.nan)]
)
def test_replay_gain_is_read(tmp_path: Path, write, text: str, gain_db: float) -> None:  # type: ignore[no-untyped-def]
    path = write(tmp_path / f"x.{write.__name__}", {"REPLAYGAIN_TRACK_GAIN": text})
    assert read_tags(path).replay_gain_db == pytest.approx(gain_db, nan_ok=True)


def test_r128_gain_of_opus_is_converted_to_replay_gain(tmp_path: Path) -> None:
    """R128 gain is in 1/256 dB to -23 LUFS (RFC 7845); ReplayGain 2 targets -18 LUFS."""
    path = opus(tmp_path / "x.opus", {"R128_TRACK_GAIN": str(-8 * 256)})
    assert read_tags(path).replay_gain_db == pytest.approx(-3.0)


@pytest.mark.parametrize("write", [flac, mp3])
def test_cover_pictures_are_read_unchanged(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    assert read_cover(write(tmp_path / "with", {}, PICTURE)) == PICTURE
    assert read_cover(write(tmp_path / "without", {})) is None
    assert read_cover(tmp_path / "gone") is None


def test_replay_gain_of_a_file_is_used_up_to_the_peak_limit(
    tmp_path: Path,
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    flac(music / "plain.flac", {"TITLE": "plain", "ARTIST": "A"})
    flac(music / "quieter.flac", {"TITLE": "quieter", "REPLAYGAIN_TRACK_GAIN": "-9 dB"}, PICTURE)
    flac(music / "louder.flac", {"TITLE": "louder", "REPLAYGAIN_TRACK_GAIN": "+40 dB"})
    with Library(tmp_path / "music.sqlite") as library:
        library.add([music], encoder="logmel", workers=1)
        by_title = {track.title: track for track in library.tracks()}
        assert by_title["plain"].artist == "A"
        assert by_title["quieter"].gain_db == pytest.approx(-9.0)
        peak_db = 20 * np.log10(np.abs(noise()).max())
        assert by_title["louder"].gain_db + peak_db <= -1.0  # limited by the peak
        assert by_title["louder"].gain_db > by_title["plain"].gain_db - 1e-6
        assert library.cover(by_title["quieter"].id) == PICTURE
        assert library.cover(by_title["plain"].id) is None
