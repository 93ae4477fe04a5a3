"""Choice of music during a session: policies, candidates, the listener's state, the music thread.

This folder holds decisions about the next track and the thread that carries them out. It never
holds audio decoding, retrieval, or playback, which are tasks of `bci_affect.music`.
"""
