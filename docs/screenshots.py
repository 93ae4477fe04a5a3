"""Screenshots of the window for the documentation, from real sessions.

    python docs/screenshots.py                      # all, into docs/pictures
    python docs/screenshots.py --only session,lost --themes dark --sizes 1280x720

Another process publishes the demonstration's recording over LSL, the engine runs the shipped model
on it, music is generated and selected, and the stream is lost by suspending its sender. Without a
display the script needs Xvfb (`apt-get install xvfb`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BASELINE_S = 30.0
WARM_S = 50.0
COLOURS = 255
LARGEST = 190_000
"""File size in bytes above which the number of colours is reduced."""


@contextmanager
def screen() -> Iterator[None]:
    """Provide a display: the existing one, or a new Xvfb."""
    if os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM"):
        yield
        return
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "3840x2160x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
        yield
    finally:
        server.terminate()
        server.wait(10)


class Camera:
    """Windows on one running session, saved as screenshots."""

    def __init__(self, out: Path, sizes: list[tuple[int, int]], themes: list[str]) -> None:
        from bci_affect.gui.app import application

        self.app = application()
        self.out, self.sizes, self.themes = out, sizes, themes
        out.mkdir(parents=True, exist_ok=True)

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Process Qt events for some seconds, or until a condition holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            self.app.processEvents()
            time.sleep(0.01)

    def save(self, widget: Any, name: str) -> None:
        """Save a widget as a PNG file, with fewer colours if it is large."""
        from PIL import Image

        path = self.out / f"{name}.png"
        widget.grab().save(str(path))
        if path.stat().st_size > LARGEST:
            with Image.open(path) as picture:
                few = picture.convert("RGB").quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE)
                few.save(path, optimize=True)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")

    def each(self, control: Any, services: Any) -> Iterator[tuple[Any, str]]:
        """Open the main window in every size and theme, one after the other."""
        from bci_affect.gui.window import MainWindow

        for width, height in self.sizes:
            for theme in self.themes:
                window = MainWindow(control, services=services, theme=theme, size=(width, height))
                window.arrange("everything")
                window.show()
                self.wait(3.0)
                yield window, f"{height}-{theme}"
                window._timer.stop()
                window.hide()
                window.deleteLater()
                self.wait(0.2)


def first_start(camera: Camera, starter: Any) -> tuple[Any, Any]:
    """Capture every page of the first start, start the demonstration, and return its session."""
    from dataclasses import replace

    from bci_affect.gui.flows.start import StartWindow

    started = None
    for theme in camera.themes:
        window = StartWindow(starter, theme)
        window.show()
        for page, name in enumerate(("notice", "stream", "music")):
            window.go_to(page)
            camera.wait(3.0 if page == 1 else 0.5)
            camera.save(window, f"start-{name}-{theme}")
        if started is None:
            choice = replace(window.choice(), stream=None, record_dir=recordings())
            started = starter.start(choice, print)
        window._has_started(started)
        camera.wait(12.0)
        camera.save(window, f"start-contact-{theme}")
        window._given = True
        started.control.begin()
        window.close()
    assert started is not None
    return started.control, started.services


def recordings() -> Path:
    """Return a folder for the recordings of the pictured sessions."""
    return Path(tempfile.mkdtemp(prefix="recordings-", dir=os.environ["BCI_AFFECT_HOME"]))


def session(camera: Camera, control: Any, services: Any) -> None:
    """Capture the running session, its layouts and its panels in tabs."""
    control.mark("eyes open")
    control.rate(6.5, 4.0)
    for window, name in camera.each(control, services):
        camera.save(window, f"session-{name}")
        for keys, what in (
            (("timeline", "embedding", "queue"), "tabs-a"),
            (("bands", "report", "queue"), "tabs-b"),
        ):
            for key in keys:
                window.docks[key].raise_()
            camera.wait(1.5)
            camera.save(window, f"{what}-{name}")
        for key in ("listener", "scientist"):
            window.arrange(key)
            camera.wait(2.0)
            camera.save(window, f"{key}-{name}")


def dialogs(camera: Camera, control: Any, services: Any) -> None:
    """Capture help and preferences."""
    from bci_affect.gui.flows.preferences import PreferencesDialog
    from bci_affect.gui.help import HelpDialog

    for window, name in camera.each(control, services):
        if not name.startswith(str(camera.sizes[0][1])):
            continue
        for dialog, what in (
            (HelpDialog(window), "help"),
            (
                PreferencesDialog(window.preferences.with_theme(window.theme.name), window),
                "preferences",
            ),
        ):
            dialog.show()
            camera.wait(0.5)
            camera.save(dialog, f"{what}-{name.split('-')[1]}")
            dialog.close()


def lost(camera: Camera, control: Any, services: Any) -> None:
    """Capture a lost stream by suspending its sender; resume the sender afterwards."""
    import psutil

    senders = [p for p in psutil.Process().children(recursive=True) if "play" in p.cmdline()]
    for sender in senders:
        sender.suspend()
    try:
        camera.wait(6.0)
        for window, name in camera.each(control, services):
            camera.save(window, f"lost-{name}")
    finally:
        for sender in senders:
            sender.resume()
    camera.wait(12.0)


def ending(camera: Camera, control: Any, services: Any) -> None:
    """Capture the end page of the session."""
    from bci_affect.gui.flows.ending import EndPage

    control.stop()
    for window, name in camera.each(control, services):
        if name.startswith(str(camera.sizes[0][1])):
            page = EndPage(window.vm, services, window)
            page.show()
            camera.wait(0.5)
            camera.save(page, f"end-{name.split('-')[1]}")
            page.close()


def replay(camera: Camera, control: Any, services: Any) -> None:
    """Capture a replayed recording with its transport bar."""
    from bci_affect.app.demo import DEMO_RECORDING
    from bci_affect.config import LiveSettings
    from bci_affect.gui.services import Services
    from bci_affect.resources import shipped
    from bci_affect.session import LiveSession, load_predictor, path_factory
    from bci_affect.streams import XdfSource

    source = XdfSource(shipped(DEMO_RECORDING), start_s=20.0)
    predictor = load_predictor(None)
    made = LiveSession(
        source,
        path_factory(predictor, LiveSettings()),
        model_name=predictor.card.name,
        model_summary=predictor.card.summary,
    )
    made.start(10.0)
    try:
        camera.wait(15.0)
        for window, name in camera.each(made, Services(replay=source)):
            camera.save(window, f"replay-{name}")
    finally:
        made.stop()


def calibration(camera: Camera, control: Any, services: Any) -> None:
    """Capture a guided calibration of a simulated listener, from its first page to its verdict.

    The listener runs in another process and responds to the music; clips have the shortest length.
    """
    from bci_affect.app.start import SessionStarter
    from bci_affect.gui.services import StartChoice
    from bci_affect.profiles.store import ProfileStore
    from bci_affect.session import SessionOptions

    with ProfileStore() as store:
        store.create("Ada")
    control.music.pause()  # the listener responds to the music of any session
    listener = subprocess.Popen(
        [
            *(sys.executable, "-m", "bci_affect", "simulate", "listener"),
            *("--cap", "epoc", "--effect", "4", "--person", "7"),
        ],
        stderr=subprocess.DEVNULL,
    )
    library = Path(os.environ["BCI_AFFECT_HOME"]) / "demo" / "library.sqlite"
    options = SessionOptions(library=library, device="none", music=False)
    try:
        with SessionStarter(options, wait_s=60.0) as starter:
            found: list[Any] = []
            while not found:
                found = [
                    s for s in starter.find() if s.n_channels == 14
                ]  # the demonstration's stream has 8 channels
                camera.wait(0.2)
            choice = StartChoice(found[0], music=False, profile="Ada", record_dir=recordings())
            started = starter.start(choice, print)
            started.control.begin()
            camera.wait(8.0)
            _calibrate(camera, started)
    finally:
        listener.terminate()
        listener.wait()
        control.music.play()


def _calibrate(camera: Camera, started: Any) -> None:
    """Run the calibration and capture every page once, in all themes."""
    from bci_affect.gui.flows.calibration import CalibrationWindow
    from bci_affect.gui.theme import THEMES
    from bci_affect.gui.viewmodel import ViewModel
    from bci_affect.session.guided.calibration import Rating, Step

    runner = started.services.calibration
    model = ViewModel(started.control)
    model.tick()
    flows = [CalibrationWindow(model, runner, THEMES[theme]) for theme in camera.themes]
    lead = flows[0]

    def picture(name: str) -> None:
        for flow, theme in zip(flows, camera.themes, strict=True):
            flow.show()
            if flow.guided is not None:
                flow.tick()
            camera.wait(0.5)
            camera.save(flow, f"calibration-{name}-{theme}")

    picture("begin")
    lead._run(lambda: runner.begin(12, 20.0))  # a busy machine may lose some
    for flow in flows:
        flow.guided = lead.guided
    guided = lead.guided
    assert guided is not None
    names = {Step.REST_OPEN: "rest", Step.CLIP: "clip", Step.RATING: "rating"}
    camera.wait(3.0, lambda: model.tick() or False)
    picture("contact")
    while guided.step is not Step.DONE:
        model.tick()
        lead.tick()
        camera.wait(0.1)
        step = guided.step
        left = guided.view().seconds_left
        if step in names and (step is not Step.CLIP or left < 12):
            picture(names.pop(step))
        if step in (Step.CONTACT, Step.REST_OPEN, Step.REST_CLOSED, Step.BLINKS):
            lead._go_on()
        elif step is Step.RATING:
            clip = guided.clips[guided.view().clip - 1]
            felt = [7.5 if value > 0 else 2.5 for value in (clip.valence, clip.arousal)]
            lead._rate(Rating(*felt))
    camera.wait(300.0, lambda: lead.verdict is not None or bool(lead.status.text()))
    print(lead.status.text() or lead.verdict)
    for flow in flows:
        flow.guided = None
        if lead.verdict is not None and flow is not lead:
            flow.show_verdict(lead.verdict)
    if lead.verdict is not None:  # no verdict if a busy machine delayed the listener
        picture("verdict")
    for flow in flows:
        flow.close()


SCENES = {
    "session": session,
    "dialogs": dialogs,
    "lost": lost,
    "replay": replay,
    "calibration": calibration,
    "end": ending,
}


def main() -> None:
    """Capture the requested screenshots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures")
    parser.add_argument("--sizes", default="1280x720,1920x1080")
    parser.add_argument("--themes", default="dark,light")
    parser.add_argument("--only", default=",".join(SCENES), help="of " + ", ".join(SCENES))
    asked = parser.parse_args()
    sizes = [(int(w), int(h)) for w, h in (s.split("x") for s in asked.sizes.split(","))]
    wanted = asked.only.split(",")
    if unknown := set(wanted) - set(SCENES):
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(SCENES)}")
    with tempfile.TemporaryDirectory(prefix="bci-affect-home-") as home, screen():
        os.environ["BCI_AFFECT_HOME"] = home
        from bci_affect.app.start import SessionStarter
        from bci_affect.session import SessionOptions

        camera = Camera(asked.out, sizes, asked.themes.split(","))
        with SessionStarter(SessionOptions(), wait_s=60.0) as starter:
            control, services = first_start(camera, starter)
            control.baseline(BASELINE_S)  # band powers are relative to the baseline
            camera.wait(WARM_S)
            for name, scene in SCENES.items():
                if name in wanted:
                    scene(camera, control, services)


if __name__ == "__main__":
    main()
