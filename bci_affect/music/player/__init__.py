"""Playback: a decode thread fills a ring, the device's callback empties it, and nothing waits.

`Player` is the door. `source` reads one track ahead of need, `mixer` puts tracks together, `ring`
holds what is ready, `output` speaks to a device or to the clock. What never will live here: the
choice of what is played.
"""

from bci_affect.music.player.player import Player, PlayerEvent

__all__ = ["Player", "PlayerEvent"]
