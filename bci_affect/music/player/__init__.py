"""Audio playback: a decode thread fills a ring buffer and the device's callback empties it.

This folder holds `AudioPlayer`, its public class, and its parts: `track_reader` decodes one track
ahead of need, `mixer` joins tracks, `audio_ring` holds decoded frames, `speaker` owns the current
`output` (a device, or the clock) and reopens it after a failure, `frame_time` maps frames to the
time at which they are audible, and `priority` raises the thread's priority. It never holds the
choice of tracks.
"""

from bci_affect.music.player.player import AudioPlayer, PlayerEvent

__all__ = ["AudioPlayer", "PlayerEvent"]
