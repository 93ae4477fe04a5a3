"""`bci-affect live`: a live session in the window, or in the terminal with ``--headless``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

POLICIES = ("follow", "steer", "sham", "music-only", "manual")


def parse_target(text: str | None) -> tuple[float, float] | None:
    """Read ``V,A``, both in -1..1."""
    if text is None:
        return None
    try:
        valence, arousal = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter("give two numbers, as in 0.5,-0.2") from None
    if not (-1 <= valence <= 1 and -1 <= arousal <= 1):
        raise typer.BadParameter("valence and arousal go from -1 to 1")
    return valence, arousal


def parse_policy(text: str) -> str:
    """Check the name of a policy."""
    if text not in POLICIES:
        raise typer.BadParameter(f"'{text}' is none of {', '.join(POLICIES)}")
    return text


def parse_theme(text: str | None) -> str | None:
    """Check the name of a theme."""
    from bci_affect.gui import THEMES

    if text is not None and text not in THEMES:
        raise typer.BadParameter(f"'{text}' is none of {', '.join(sorted(THEMES))}")
    return text


AcceptNotice = Annotated[
    bool, typer.Option("--accept-notice", help="Agree to the notice for the measured person.")
]
# Options that `live` and `demo` share, in the form that Typer takes.
Profile = Annotated[str, typer.Option(help="Name of a calibrated profile.")]
Model = Annotated[Path | None, typer.Option(help="Model file, or base; default: the shipped demo.")]
PolicyOption = Annotated[
    str,
    typer.Option(callback=parse_policy, help="How music is chosen: " + ", ".join(POLICIES) + "."),
]
Target = Annotated[
    str | None, typer.Option(help="Target valence,arousal in -1..1, as in 0.6,-0.3.")
]
Yoke = Annotated[
    Path | None,
    typer.Option(help="With --policy sham: repeat the tracks of this recording (XDF)."),
]
Record = Annotated[Path | None, typer.Option(help="Folder to record the session to (XDF).")]
Headless = Annotated[bool, typer.Option(help="Use the terminal dashboard instead of the window.")]
Duration = Annotated[float | None, typer.Option(min=0.1, help="Stop after this number of seconds.")]
Estimates = Annotated[Path | None, typer.Option(help="New CSV file for the estimates.")]
Screenshot = Annotated[Path | None, typer.Option(help="Save a screenshot of the window (PNG).")]
After = Annotated[float, typer.Option(min=0.0, help="Seconds before the screenshot.")]
Config = Annotated[Path | None, typer.Option(help="Settings (TOML); default: configs/live.toml.")]
NoMusic = Annotated[bool, typer.Option("--no-music", help="Run without music.")]
NoPublish = Annotated[
    bool, typer.Option("--no-publish", help="Publish no estimates and events over LSL.")
]
Volume = Annotated[float, typer.Option(min=0.0, max=1.0, help="Loudness of the music, 0 to 1.")]
Audio = Annotated[str, typer.Option(help="Part of an audio device's name; 'none' for silence.")]
Seed = Annotated[
    int | None, typer.Option(help="Seed of all random choices; default: another one every time.")
]
Theme = Annotated[
    str | None,
    typer.Option(callback=parse_theme, help="dark or light; default: the last one used."),
]


def live(
    stream: Annotated[
        str | None, typer.Option(help="Name of the LSL stream, or NAME@HOST.")
    ] = None,
    source_id: Annotated[
        str | None, typer.Option(help="Source id (or uid) of the LSL stream.")
    ] = None,
    type_: Annotated[str, typer.Option("--type", help="Type of the LSL stream.")] = "EEG",
    replay: Annotated[
        Path | None, typer.Option(help="Replay this recording (XDF) instead of a live stream.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="Speed of the replay.")] = 1.0,
    markers_udp: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            metavar="PORT",
            help="Receive markers (text or OSC) at this UDP port, from this machine.",
        ),
    ] = None,
    choose: Annotated[
        bool, typer.Option("--choose", help="Choose stream, music and profile in the window.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the stream.")] = 30.0,
    profile: Profile = "",
    model: Model = None,
    music: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Folder of music; repeatable. Default: library."),
    ] = None,
    no_music: NoMusic = False,
    no_publish: NoPublish = False,
    policy: PolicyOption = "follow",
    target: Target = None,
    yoke: Yoke = None,
    volume: Volume = 0.5,
    audio: Audio = "",
    record: Record = None,
    side_streams: Annotated[
        bool,
        typer.Option(
            "--side-streams/--no-side-streams",
            help="Record the device's other streams too (accelerometer, PPG, battery, ...).",
        ),
    ] = True,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="Side stream to leave out, by name, type or NAME/TYPE; repeatable."),
    ] = None,
    headless: Headless = False,
    duration: Duration = None,
    estimates: Estimates = None,
    screenshot: Screenshot = None,
    after: After = 0.0,
    config: Config = None,
    seed: Seed = None,
    theme: Theme = None,
    accept_notice: AcceptNotice = False,
) -> None:
    """Run a live session on an LSL stream of EEG.

    Example: bci-affect live --stream "Muse S" --music ~/Music --record ~/sessions
    """
    from bci_affect.app import bring_in_music, find_stream, require_consent, run_home, run_session
    from bci_affect.config import LiveSettings, load_toml
    from bci_affect.errors import BciAffectError
    from bci_affect.safe_text import make_console
    from bci_affect.session import SessionOptions
    from bci_affect.streams import LslSource, XdfSource

    settings = load_toml(config, LiveSettings) if config else LiveSettings()
    options = SessionOptions(
        model=model,
        profile=profile,
        music_dirs=bring_in_music(music) if music and not no_music else (),
        music=not no_music,
        policy=policy,  # type: ignore[arg-type]  # checked by parse_policy
        target=parse_target(target),
        yoke=yoke,
        volume=volume,
        device=audio,
        record_dir=record,
        estimates=estimates,
        publish=not no_publish,
        seed=seed,
        settings=settings,
    )
    if choose:
        if headless:
            raise BciAffectError("--choose needs the window; omit --headless.")
        run_home(options, wait, theme, home=False)
        return
    if replay is None:
        require_consent(profile, accept=accept_notice, ask=not headless and duration is None)
    if stream is not None and replay is None and source_id is None and "@" not in stream:
        console = make_console(stderr=True)
        with console.status(f"Searching for {type_} stream '{stream}'") as status:
            stream = find_stream(stream, type_, wait, status.update)
    source = (
        XdfSource(replay, stream=stream, speed=speed)
        if replay
        else LslSource(
            name=stream,
            type=type_,
            source_id=source_id,
            markers_udp=markers_udp,
            side_streams=side_streams,
            left_out=tuple(leave_out or ()),
        )
    )
    run_session(
        source,
        options,
        wait_s=wait,
        headless=headless,
        duration_s=duration,
        screenshot=screenshot,
        after_s=after,
        theme=theme,
    )
