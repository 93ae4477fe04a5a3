"""Fuzz targets by short name."""

from __future__ import annotations

from benchmarks.fuzz import datasets, music, recordings, settings, stores
from benchmarks.fuzz.base import Target

TARGETS: dict[str, type[Target]] = {
    "xdf": recordings.Xdf,
    "replay": recordings.Replay,
    "header": recordings.Header,
    "events": recordings.Events,
    "model": stores.Model,
    "profile": stores.ProfileFile,
    "profiles": stores.ProfileDatabase,
    "library": music.LibraryDatabase,
    "audio": music.Audio,
    "config": settings.Config,
    "labels": settings.LabelsFile,
    "deap": datasets.DeapPickle,
    "stimuli": datasets.Stimuli,
    "dreamer": datasets.DreamerMat,
}
