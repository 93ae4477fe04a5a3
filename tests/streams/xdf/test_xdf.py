"""Written files are read back bit for bit, by us and by pyxdf, and never overwritten."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

from bci_affect.errors import BciAffectError
from bci_affect.streams.header import build_header, parse_header
from bci_affect.streams.xdf.format import MAGIC, Tag, pack_chunk, varlen
from bci_affect.streams.xdf.inspection import inspect_xdf
from bci_affect.streams.xdf.naming import recording_path
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.recorder import Recorder
from bci_affect.streams.xdf.writer import XdfWriter
from tests.streams.lsl.live import ROOT
from tests.streams.xdf.damage import content, pyxdf_content, write_session

FORMATS = ["float32", "double64", "int8", "int16", "int32", "int64"]


def assert_same(ours, theirs):
    assert set(ours) <= set(theirs)
    for name, (stamps, rows) in ours.items():
        assert np.allclose(theirs[name][0], stamps, rtol=0, atol=1e-9)
        assert theirs[name][1] == rows


def test_a_session_reads_the_same_here_and_in_pyxdf(tmp_path):
    path = write_session(tmp_path / "s.xdf", 10)
    recording, ours = content(path)
    assert not recording.damage
    assert recording.checked
    assert len(ours["Cap"][1]) == 1280
    assert_same(ours, pyxdf_content(path))


def test_a_real_recording_reads_the_same_here_and_in_pyxdf(cyton_xdf):
    recording, ours = content(cyton_xdf)
    assert not recording.damage
    assert_same(ours, pyxdf_content(cyton_xdf))


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_number_format_survives(tmp_path, fmt):
    header = build_header("S", "EEG", ["a", "b", "c"], rate_hz=100, fmt=fmt)
    samples = np.random.default_rng(1).integers(-100, 100, (57, 3)).astype(header.dtype)
    with XdfWriter(tmp_path / "s.xdf") as writer:
        stream = writer.add_stream(header)
        writer.samples(stream, samples, 5 + np.arange(57) / 100)
    recording, ours = content(tmp_path / "s.xdf")
    assert recording.streams[0].samples().dtype == header.dtype
    assert np.array_equal(recording.streams[0].samples(), samples)
    assert np.array_equal(recording.streams[0].samples(10, 20), samples[10:20])
    assert_same(ours, pyxdf_content(tmp_path / "s.xdf"))


def foreign_file(path):
    """Write what other recorders write: stamps left out, odd streams, no footers."""
    data = MAGIC + pack_chunk(
        Tag.FILE_HEADER, b"<?xml version='1.0'?><info><version>1.0</version></info>"
    )

    def add(number, header):
        return pack_chunk(Tag.STREAM_HEADER, struct.pack("<I", number) + header.xml.encode())

    data += add(1, build_header("Amp", "EEG", ["", "Cz", "Cz"], rate_hz=100))
    data += add(2, build_header("Keys", "Markers", ["x", "y"], fmt="string", rate_hz=10))
    data += add(3, build_header("Silent", "EEG", ["a"], rate_hz=100))
    rng = np.random.default_rng(0)
    for chunk in range(6):
        body = struct.pack("<I", 1) + varlen(10)
        for i in range(10):
            stamped = i == 0 or chunk == 4 or (chunk == 5 and i in (3, 7))
            stamp = struct.pack("<d", 50 + (10 * chunk + i) / 100)
            body += (b"\x08" + stamp if stamped else b"\x00") + rng.normal(size=3).astype(
                "<f4"
            ).tobytes()
        data += pack_chunk(Tag.SAMPLES, body)
        texts = b"".join(varlen(len(t)) + t for t in (b"key", "ü".encode()))
        data += pack_chunk(
            Tag.SAMPLES,
            struct.pack("<I", 2) + varlen(1) + b"\x08" + struct.pack("<d", 50 + chunk / 10) + texts,
        )
        data += pack_chunk(Tag.CLOCK_OFFSET, struct.pack("<Idd", 1, 50 + chunk / 10, 0.25))
    path.write_bytes(data)
    return path


def test_what_other_recorders_write_is_read(tmp_path):
    path = foreign_file(tmp_path / "f.xdf")
    recording, ours = content(path)
    assert not recording.damage
    assert not recording.checked
    amp, keys, silent = recording.streams
    assert amp.header.labels == ("EEG 001", "Cz", "Cz-2")
    assert np.allclose(amp.stamps, 50 + np.arange(60) / 100)
    assert np.allclose(amp.corrected() - amp.stamps, 0.25)
    assert keys.texts == [("key", "ü")] * 6
    assert len(silent) == 0
    assert recording.find_eeg() is amp
    assert [marker.text for marker in recording.markers()] == ["key\tü"] * 6
    theirs = pyxdf_content(path)
    assert np.allclose(theirs["Amp"][0], ours["Amp"][0])
    assert theirs["Amp"][1] == ours["Amp"][1]
    described = inspect_xdf(path)
    assert described["healthy"]
    notes = [note for stream in described["streams"] for note in stream["notes"]]
    assert "no samples" in notes
    assert any("no footer" in note for note in notes)


def test_a_compressed_file_is_read(tmp_path):
    path = write_session(tmp_path / "s.xdf", 3)
    packed = tmp_path / "s.xdfz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert content(packed)[1]["Cap"][1] == content(path)[1]["Cap"][1]
    packed.write_bytes(packed.read_bytes()[:-2000])
    assert read_xdf(packed).damage


def test_several_eeg_streams_are_asked_for(tmp_path):
    with XdfWriter(tmp_path / "s.xdf") as writer:
        for name in ("Left", "Right"):
            stream = writer.add_stream(build_header(name, "EEG", ["a"], rate_hz=100))
            writer.samples(stream, np.zeros((10, 1), np.float32), np.arange(10) / 100)
    recording = read_xdf(tmp_path / "s.xdf")
    with pytest.raises(BciAffectError, match=r"'Left'.*'Right'.*--stream"):
        recording.find_eeg()
    assert recording.find_eeg("Right").header.name == "Right"
    with pytest.raises(BciAffectError, match="no regular stream 'Up'"):
        recording.find_eeg("Up")


@pytest.mark.parametrize("content_bytes", [b"", b"XD", b"hello world", b"XDF:", b"XDF:\x01\xff"])
def test_what_is_no_recording_is_refused_in_one_sentence(tmp_path, content_bytes):
    path = tmp_path / "x.xdf"
    path.write_bytes(content_bytes)
    with pytest.raises(BciAffectError, match=r"x\.xdf"):
        read_xdf(path)
    with pytest.raises(BciAffectError, match="Cannot read"):
        read_xdf(tmp_path / "absent.xdf")


def test_nothing_is_overwritten_and_names_go_on(tmp_path):
    path = recording_path(tmp_path, "P007")
    assert path == tmp_path / "sub-P007/ses-S001/eeg/sub-P007_ses-S001_task-affect_run-001_eeg.xdf"
    path.parent.mkdir(parents=True)
    XdfWriter(path).close()
    before = path.read_bytes()
    with pytest.raises(BciAffectError, match="not overwritten"):
        XdfWriter(path)
    assert path.read_bytes() == before
    assert recording_path(tmp_path, "P007").name.endswith("run-002_eeg.xdf")
    with pytest.raises(BciAffectError, match="letters and digits"):
        recording_path(tmp_path, "../evil")
    with pytest.raises(BciAffectError, match="Cannot write"):
        XdfWriter(tmp_path / "no" / "such" / "folder.xdf")


READ_ONLY = """
import os, sys
from bci_affect.errors import BciAffectError
from bci_affect.streams import Recorder
if os.geteuid() == 0:  # root may write anywhere: become nobody
    os.setgid(65534)
    os.setuid(65534)
try:
    Recorder(sys.argv[1])
except BciAffectError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="permissions of folders are another thing")
def test_a_folder_that_may_not_be_written_is_reported_at_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locked")
    folder.chmod(0o555)
    try:
        for path in (folder / "s.xdf", folder / "sub" / "s.xdf"):
            done = subprocess.run(
                [sys.executable, "-c", READ_ONLY, path],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.stdout.startswith(f"Cannot write the recording {path}"), done.stderr
            assert "that you may write to" in done.stdout
            assert not path.exists()
    finally:
        folder.chmod(0o755)
    below = folder / "file"
    below.write_text("no folder")
    with pytest.raises(BciAffectError, match="Cannot write the recording"):
        Recorder(below / "s.xdf")


FULL = """
import resource, signal, sys, time, numpy as np
from bci_affect.streams import Recorder, build_header
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
recorder = Recorder(sys.argv[1])
recorder.open_stream("k", build_header("Cap", "EEG", ["a"] * 8, rate_hz=1000))
for n in range(300):
    recorder.samples("k", np.full((100, 8), n, "f4"), n / 10 + np.arange(100) / 1000)
    time.sleep(0.01)
    if recorder.status.error:
        print(recorder.status.error)
        break
recorder.stop()
"""


def test_a_full_disk_is_reported_at_once_and_leaves_a_whole_file(tmp_path):
    path = tmp_path / "full.xdf"
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "has ended" in done.stdout, done.stderr
    assert "is kept" in done.stdout
    recording, ours = content(path)
    assert not recording.damage
    assert_same(ours, pyxdf_content(path))


def test_unlabelled_and_odd_headers_are_read_and_broken_ones_refused():
    header = build_header("S", "EEG", ["Fz", ""], units=["uV"])
    assert parse_header(header.xml) == header
    assert header.labels == ("Fz", "EEG 002")
    for broken in ("", "<info", "<info><name>x</name></info>", header.xml.replace("float32", "f")):
        with pytest.raises(BciAffectError):
            parse_header(broken)


def test_a_stamp_that_leaves_its_neighbours_is_mended_and_reported(tmp_path):
    path = tmp_path / "s.xdf"
    stamps = 100 + np.arange(500) / 100
    stamps[123] = 7e5
    with XdfWriter(path, checksums=False) as writer:
        eeg = writer.add_stream(build_header("Cap", "EEG", ["a"], rate_hz=100))
        writer.samples(eeg, np.zeros((500, 1), "f4"), stamps)
    recording = read_xdf(path)
    assert ["leaves its neighbours" in d.what for d in recording.damage] == [True]
    assert np.allclose(recording.streams[0].stamps, 100 + np.arange(500) / 100)
