"""`bci-affect demo`: a complete live session without hardware."""

from __future__ import annotations

from bci_affect.cli.live import (
    After,
    Audio,
    Config,
    Duration,
    Estimates,
    Headless,
    Model,
    NoMusic,
    NoPublish,
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


def demo(
    profile: Profile = "",
    model: Model = None,
    no_music: NoMusic = False,
    no_publish: NoPublish = False,
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
    seed: Seed = None,
    theme: Theme = None,
) -> None:
    """Run a complete session without hardware.

    A simulated recording is played over real LSL, and the music is generated. Without a screen, the
    terminal dashboard replaces the window.

    Example: bci-affect demo --duration 60
    """
    from bci_affect.app import DEMO_RECORDING, demo_library, publisher, run_session
    from bci_affect.config import LiveSettings, load_toml
    from bci_affect.gui import has_display
    from bci_affect.resources import shipped, user_home

    settings = load_toml(config, LiveSettings) if config else LiveSettings()
    recording = shipped(DEMO_RECORDING)
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
            publish=not no_publish,
            seed=seed,
            settings=settings,
        )
        run_session(
            LslSource(predicate=f"contains(source_id, '{suffix}')"),
            options,
            wait_s=60.0,
            headless=headless or not has_display(),
            duration_s=duration,
            screenshot=screenshot,
            after_s=after,
            theme=theme,
        )
