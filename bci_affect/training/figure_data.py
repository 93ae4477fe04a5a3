"""Data behind the figures of a study's report, kept in the run folder as ``figures.npz``.

A report draws little of what a study read: mean attention, and a few hundred points of one common
space with their labels. That is kept when the study ends, so that a report needs neither the data
set nor its features.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.errors import BciAffectError
from bci_affect.storage import write_atomically
from bci_affect.training.report_figures import choose_points

if TYPE_CHECKING:
    from bci_affect.training.study import Study

FILE = "figures.npz"


@dataclass(frozen=True)
class VariantFigures:
    """Attention and common space of one variant, from its folds of the first seed.

    Attributes
    ----------
    variant, fold : str
        Names of the variant and of the fold whose common space it is.
    attention : ndarray, shape (n_channels, n_steps)
        Mean over the folds.
    embedding, music : ndarray, shape (n_eeg, n_space) and (n_music, n_space)
        Points of the common space; empty without music.
    subject : ndarray of int64, shape (n_eeg,)
    labels, music_labels : ndarray, shape (n_eeg, 2) and (n_music, 2)
    """

    variant: str
    fold: str
    attention: NDArray[np.floating]
    embedding: NDArray[np.floating]
    music: NDArray[np.floating]
    subject: NDArray[np.int64]
    labels: NDArray[np.floating]
    music_labels: NDArray[np.floating]


@dataclass(frozen=True)
class FigureData:
    """All that a report draws besides metrics and histories.

    Attributes
    ----------
    simulated : bool
    channels : tuple of str
        Of the first montage.
    positions : ndarray, shape (n_channels, 3)
    variants : tuple of VariantFigures
    """

    simulated: bool
    channels: tuple[str, ...]
    positions: NDArray[np.floating]
    variants: tuple[VariantFigures, ...]


_ARRAYS = ("attention", "embedding", "music", "subject", "labels", "music_labels")


def collect_figure_data(study: Study) -> FigureData:
    """Collect from a study with all folds finished."""
    features, catalogue = study.corpus.features, study.corpus.catalogue
    variants = []
    for variant in study.config.variant_names:
        tasks = [
            task
            for task in study.tasks
            if task.variant == variant and task.seed == study.config.study.seeds[0]
        ]
        results = [study.folder.read_fold(task.key)["pretrain"] for task in tasks]
        one = results[0]  # the spaces of different folds are not comparable
        eeg, music = choose_points(len(one.embedding), len(catalogue))
        rows = one.rows[eeg]
        variants.append(
            VariantFigures(
                variant=variant,
                fold=tasks[0].split.name,
                attention=np.mean([result.attention for result in results], axis=0),
                embedding=one.embedding[eeg],
                music=one.music_embedding[0][music],
                subject=features.subject[rows],
                labels=features.labels[rows],
                music_labels=catalogue.labels[music],
            )
        )
    return FigureData(
        study.simulated, study.corpus.channels[0], features.positions[0], tuple(variants)
    )


def write_figure_data(folder: Path, found: FigureData) -> None:
    """Write into a run folder."""
    arrays: dict[str, Any] = {"positions": found.positions}
    names = []
    for number, one in enumerate(found.variants):
        names.append([one.variant, one.fold])
        arrays |= {f"{name}.{number}": getattr(one, name) for name in _ARRAYS}
    head = {"simulated": found.simulated, "channels": found.channels, "variants": names}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, head=np.array(json.dumps(head)), **arrays)
    write_atomically(folder / FILE, buffer.getvalue())


def read_figure_data(folder: Path) -> FigureData | None:
    """Read from a run folder; None if the run was made before there was such a file.

    Raises
    ------
    BciAffectError
        If the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            return FigureData(
                bool(head["simulated"]),
                tuple(map(str, head["channels"])),
                file["positions"],
                tuple(
                    VariantFigures(
                        variant, fold, **{name: file[f"{name}.{number}"] for name in _ARRAYS}
                    )
                    for number, (variant, fold) in enumerate(head["variants"])
                ),
            )
    except Exception as error:  # a damaged archive can fail in many ways
        raise BciAffectError(
            f"{path} is damaged ({type(error).__name__}); delete it, and the report is made from "
            "the data set."
        ) from None
