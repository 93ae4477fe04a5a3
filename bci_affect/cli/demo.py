"""`bci-affect demo`: the whole live session with no hardware."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bci_affect.cli.live import (
    After,
    Audio,
    Config,
    Duration,
    Estimates,
    Headless,
    Model,
    NoMusic,
    PolicyOption,
    Profile,
    Record,
    Screenshot,
    Seed,
    Target,
    Theme,
    Volume,
    Yoke,
    parse_target,
)

if TYPE_CHECKING:
    from bci_affect.music import Library


RECORDING = "recordings/demo.xdf"
FIRST_PIECES = 4


class DemoMusic(NamedTuple):
    """The demonstration's own library: its database, and what brings the music in."""

    library: Path
    bring_in: Callable[[Library, Callable[[], bool]], Callable[[], None]]


def demo(
    profile: Profile = "",
    model: Model = None,
    no_music: NoMusic = False,
    policy: PolicyOption = "follow",
    target: Target = None,
    yoke: Yoke = None,
    volume: Volume = 0.5,
    audio: Audio = "",
    record: Record = None,
    headless: Headless = False,
    duration: Duration = None,
    estimates: Estimates = None,
    screenshot: Screenshot = None,
    after: After = 0.0,
    config: Config = None,
    seed: Seed = 0,
    theme: Theme = "dark",
) -> None:
    """Show everything with no hardware: a simulated recording over real LSL, and generated music.

    Without a screen the terminal dashboard takes the window's place.

    Example: [bold]bci-affect demo --duration 60[/bold]
    """
    from bci_affect.cli.run_session import run
    from bci_affect.config import LiveSettings, load_toml
    from bci_affect.gui.display import has_display
    from bci_affect.resources import shipped, user_home

    settings = load_toml(config, LiveSettings) if config else LiveSettings()
    recording = shipped(RECORDING)
    music = demo_library(user_home() / "demo")
    with publisher(recording) as suffix:
        from bci_affect.session import SessionOptions
        from bci_affect.streams import LslSource

        options = SessionOptions(
            model=model,
            profile=profile,
            library=music.library,
            bring_in=music.bring_in,
            music=not no_music,
            policy=policy,  # type: ignore[arg-type]  # checked by parse_policy
            target=parse_target(target),
            yoke=yoke,
            volume=volume,
            device=audio,
            record_dir=record,
            estimates=estimates,
            seed=seed,
            settings=settings,
        )
        run(
            LslSource(predicate=f"contains(source_id, '{suffix}')"),
            options,
            wait_s=30.0,
            headless=headless or not has_display(),
            duration_s=duration,
            screenshot=screenshot,
            after_s=after,
            theme=theme,
        )


def demo_library(folder: Path) -> DemoMusic:
    """Return where the demonstration's library is, and what fills it while the session runs."""
    music, database = folder / "music", folder / "library.sqlite"
    folder.mkdir(parents=True, exist_ok=True)

    def bring_in(library: Library, ended: Callable[[], bool]) -> Callable[[], None]:
        from bci_affect.music.simulate import PIECES, write

        def add_the_rest() -> None:
            for number in range(FIRST_PIECES, len(PIECES)):
                if ended():
                    return
                write(music, PIECES[: number + 1])
            library.add([music], cancel=ended, workers=1)

        # A few pieces are enough to begin with; the others follow while the first one plays.
        write(music, PIECES[:FIRST_PIECES])
        library.add([music], cancel=ended, workers=1)
        return add_the_rest

    return DemoMusic(database, bring_in)


@contextmanager
def publisher(recording: Path) -> Iterator[str]:
    """Publish a recording in a loop from another process; yield the end of its source ids.

    LSL is confined to this machine unless the user has an own configuration.
    """
    suffix = f"-demo-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="bci-affect-") as folder:
        if "LSLAPICFG" not in os.environ:
            configuration = Path(folder) / "lsl_api.cfg"
            configuration.write_text(
                "[log]\nlevel=-2\n[ports]\nIPv6=disable\n[multicast]\nResolveScope=machine\n",
                encoding="utf-8",
            )
            os.environ["LSLAPICFG"] = str(configuration)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "bci_affect", "play", str(recording)),
                *("--loop", f"--suffix={suffix}"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        try:
            yield suffix
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
