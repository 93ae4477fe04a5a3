"""Playback: a decode thread fills a ring, the device's callback empties it, and nothing waits.

`Player` is the door. `source` reads one track ahead of need, `mixer` puts tracks together, `ring`
holds what is ready, `speaker` keeps an `output` - a device, or the clock - whatever happens to it.
`frame_time` says when a frame is heard, `priority` asks the system to run all this in time. What
never will live here: the choice of what is played.
"""

from bci_affect.music.player.player import Player, PlayerEvent

__all__ = ["Player", "PlayerEvent"]
