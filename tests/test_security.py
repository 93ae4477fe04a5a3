"""Promises of docs/security.md, checked in the source and by experiment."""

from __future__ import annotations

import ast
import inspect
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import bci_affect
from bci_affect.config import load_toml
from bci_affect.datasets import Labels, find_segments, subject_of
from bci_affect.errors import BciAffectError
from bci_affect.events import ClipStart, encode, read
from bci_affect.profiles.exchange import export_profile
from bci_affect.profiles.store import ProfileStore
from bci_affect.session.recording import SessionRecording
from bci_affect.streams import LslSource, Marker, build_header, event_header, recording_path
from bci_affect.streams.marker_port import MarkerPort
from bci_affect.streams.xdf.reader import read_xdf
from bci_affect.streams.xdf.writer import XdfWriter
from bci_affect.training.fold import FoldTask
from bci_affect.training.splits import Split

PACKAGE = Path(bci_affect.__file__).parent
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
EVIL = ("../../evil", "/etc/evil", "..\\..\\evil", "a/../../evil", "C:\\evil", "\x00evil", "~/evil")

NO_IMPORT = {
    "pickle", "marshal", "shelve", "dill", "cloudpickle", "http", "socketserver", "socket",
    "urllib", "requests", "ftplib", "telnetlib", "xmlrpc", "asyncio", "flask", "aiohttp",
    "webbrowser",
}  # fmt: skip
MAY_IMPORT = {
    ("datasets/arrays.py", "pickle"),  # the unpickler that knows three names
    ("training/executors.py", "socket"),  # asks whether a cluster's head answers
    ("streams/bridge/surroundings.py", "asyncio"),  # Bluetooth scan of bleak; opens no port
    ("streams/marker_port.py", "socket"),  # --markers-udp: opens on request, see below
}
NO_CALL = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "torch.load", "joblib.load", "yaml.load", "tempfile.mktemp", "os.startfile",
}  # fmt: skip
# Allowed within the braces of an SQL text: constants of the program, and column names that
# the program itself chose. Everything from outside goes through parameters.
SQL_PIECES = {
    "profiles/store.py": {"owner"},
    "storage/database.py": {"durable", "newest", "table", "self.sums[table]", "where"},
    "music/library.py": {
        "TRACK_COLUMNS", "_FROM", "LIBRARY.damaged('embedding')", "' AND '.join(where)", "column",
        "names", "update", "', '.join((f':{n}' for n in values))", "n",
    },
    "music/maintenance.py": {"table", "number", "LIBRARY.damaged(table)"},
}  # fmt: skip


def calls() -> Iterator[tuple[str, ast.Call]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield name, node


def test_nothing_is_imported_that_runs_or_serves() -> None:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                top = module.partition(".")[0]
                allowed = (name, top) in MAY_IMPORT
                assert allowed or top not in NO_IMPORT, f"{name} imports {module}"


def test_nothing_is_called_that_executes_what_it_is_given() -> None:
    seen = 0
    for name, call in calls():
        called = ast.unparse(call.func)
        assert called not in NO_CALL, f"{name}:{call.lineno} calls {called}"
        keywords = {k.arg: k.value for k in call.keywords}
        shell = keywords.get("shell")
        assert shell is None or ast.unparse(shell) == "False", f"{name}:{call.lineno}: shell"
        if called in ("np.load", "numpy.load"):
            seen += 1
            given = keywords.get("allow_pickle")
            assert given is not None, f"{name}:{call.lineno}: allow_pickle=False"
            assert ast.unparse(given) == "False", f"{name}:{call.lineno}"
        if called.endswith((".bind", ".listen")):
            assert (name, called) == ("streams/marker_port.py", "self._socket.bind"), (
                f"{name}:{call.lineno} listens"
            )
    assert seen >= 3  # the walk sees calls at all


def test_the_marker_port_opens_only_on_request_and_for_this_machine() -> None:
    """No caller names another address, and a source without the option opens no port."""
    made = [(name, call) for name, call in calls() if ast.unparse(call.func) == "MarkerPort"]
    assert [name for name, _ in made] == ["streams/lsl/inlet.py"]
    assert len(made[0][1].args) <= 3  # the host stays the default
    assert not made[0][1].keywords
    host = inspect.signature(MarkerPort).parameters["host"].default
    assert ipaddress.ip_address(host).is_loopback
    assert inspect.signature(LslSource).parameters["markers_udp"].default is None


def test_sql_takes_what_comes_from_outside_as_parameters() -> None:
    seen = 0
    for name, call in calls():
        called = ast.unparse(call.func)
        if called.endswith(".seal"):  # (connection, table, condition, values)
            texts = call.args[1:3]
            assert all(isinstance(t, ast.Constant) for t in texts), f"{name}:{call.lineno}"
        ways = (".execute", ".executemany", ".executescript", "database.read", "database.iterate")
        if not called.endswith(ways) or not call.args:
            continue
        seen += 1
        text = call.args[0]
        pieces = [ast.unparse(n.value) for n in ast.walk(text) if isinstance(n, ast.FormattedValue)]
        unknown = set(pieces) - SQL_PIECES.get(name, set())
        assert not unknown, f"{name}:{call.lineno}: {unknown} in SQL"
        joined = isinstance(text, ast.BinOp) or ".format" in ast.unparse(text).split("(")[0]
        assert not joined, f"{name}:{call.lineno}: SQL put together"
    assert seen > 30


@pytest.mark.parametrize("evil", EVIL)
def test_names_from_outside_never_become_paths(evil: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    # Streams and markers of a recording.
    with XdfWriter(inside / "a.xdf") as writer:
        stream = writer.add_stream(build_header(evil.replace("\x00", ""), "EEG", ["C3"], rate_hz=9))
        writer.samples(stream, np.zeros((9, 1), np.float32), np.arange(9.0))
        events = writer.add_stream(event_header())
        text = encode(ClipStart(track=evil, title=evil))
        writer.texts(events, [[text]], np.array([1.0]))
    recording = read_xdf(inside / "a.xdf")
    recording.find_eeg().samples()
    find_segments(recording.markers(), 9.0, Labels())
    find_segments([Marker(0.0, evil, event=read(evil))], 9.0, Labels())
    # Participants and sessions.
    for words in ((evil, "1"), ("P1", evil)):
        with pytest.raises(BciAffectError, match="letters and"):
            recording_path(inside, *words)
    recorder = SessionRecording(inside, evil)
    assert inside in recorder_path(recorder, inside).parents
    # Subjects of labels, variants of a study: folders of a run.
    labels = inside / "LABELS.toml"
    labels.write_text(f'[files."a.xdf"]\nsubject = {json.dumps(evil)}\n')
    subject = subject_of(inside / "a.xdf", load_toml(labels, Labels))
    empty = np.zeros(0, np.int64)
    for variant, split in ((evil, "s01"), ("streaming", subject)):
        key = FoldTask(variant, 0, Split(split, "loso", empty, empty, empty)).key
        run = (tmp_path / "run" / "folds").resolve()
        assert run in (run / key).resolve().parents
        assert "\x00" not in key
    # Profiles.
    with ProfileStore(inside / "p.sqlite") as store:
        if evil.isprintable():
            store.create(evil)
            export_profile(store, evil, inside / "out.json")
            assert store.load(evil).name == evil
    assert {path.name for path in tmp_path.iterdir()} <= {"inside", "home"}


def recorder_path(recorder: SessionRecording, inside: Path) -> Path:
    return recording_path(inside, recorder._participant, "20260101")


def test_two_names_are_never_one_folder() -> None:
    empty = np.zeros(0, np.int64)
    keys = {
        FoldTask("v", 0, Split(name, "loso", empty, empty, empty)).key
        for name in ("a/b", "a_b", "a b")
    }
    assert len(keys) == 3
    assert FoldTask("v", 0, Split("s01", "loso", empty, empty, empty)).key == "v/seed-0/s01"
