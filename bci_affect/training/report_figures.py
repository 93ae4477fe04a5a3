"""Figures of a study's report, each a PNG as a data URL."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_affect.training.interpretability import principal_axes
from bci_affect.training.study_settings import TARGETS

ORANGE, SKY, GREEN, PURPLE, GREY = "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#888888"
_MAX_POINTS = 500


def people_figure(metrics: Mapping[str, Any], phase: str) -> str:
    """Plot the balanced accuracy of each person with mean and interval, per model and baseline."""
    rows: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []
    for variant, phases in metrics["results"].items():
        if phase in phases:
            rows.append((variant, phases[phase], metrics["people"][f"{variant}/{phase}"]))
    if phase == "pretrain":
        for name, result in metrics["baselines"].items():
            rows.append((f"({name})", result, metrics["people"][f"baseline/{name}"]))
    targets = [t for t in TARGETS if rows and t in rows[0][1]]
    figure, axes = _figure(9, 0.8 + 0.38 * len(rows), len(targets))
    for axis, target in zip(axes, targets, strict=True):
        for height, (_, result, people) in enumerate(reversed(rows)):
            values = people[f"{target}/trial/balanced_accuracy"].values()
            known = [value for value in values if value is not None]
            axis.plot(known, np.full(len(known), height), "o", color=SKY, ms=4, alpha=0.6)
            found = result[target]["trial"]["balanced_accuracy"]
            if found["low"] is not None:
                axis.plot([found["low"], found["high"]], [height, height], color="black", lw=2)
            if found["mean"] is not None:
                axis.plot(found["mean"], height, "D", color=ORANGE, ms=7, mec="black")
        axis.axvline(0.5, color=GREY, ls="--", lw=1)
        axis.set(title=target, xlabel="balanced accuracy, trials", xlim=(-0.03, 1.03))
        axis.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
    return _png(figure)


def history_figure(history: Sequence[Mapping[str, Any]]) -> str:
    """Plot training and validation loss of every fold over epochs, one panel per phase."""
    phases = list(dict.fromkeys(entry["phase"] for entry in history))
    figure, axes = _figure(9, 2.8, len(phases))
    for axis, phase in zip(axes, phases, strict=True):
        runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for entry in history:
            if entry["phase"] == phase:
                runs.setdefault((entry["fold"], entry["split"]), []).append(entry)
        for entries in runs.values():
            epochs = [entry["epoch"] for entry in entries]
            axis.plot(epochs, [e["train"]["total"] for e in entries], color=SKY, lw=0.7)
            valid = [np.nan if e["valid_loss"] is None else e["valid_loss"] for e in entries]
            axis.plot(epochs, valid, color=ORANGE, lw=0.7)
        axis.set(title=f"{phase}: training (blue), validation (orange)", xlabel="epoch")
    return _png(figure)


def attention_figure(
    attention: NDArray[np.floating], names: Sequence[str], positions: NDArray[np.floating]
) -> str:
    """Plot the mean attention over the head and over the steps of the window.

    Parameters
    ----------
    attention : ndarray, shape (n_channels, n_steps)
        Mean over held-out windows.
    names : sequence of str
        Channel names.
    positions : ndarray, shape (n_channels, 3)
        Metres; electrodes of unknown position are left out of the head plot.
    """
    figure, (head, time) = _figure(9, 3.2, 2)
    placed = np.isfinite(positions[: len(names)]).all(axis=1)
    by_channel = attention[: len(names)].sum(axis=1)
    if placed.sum() >= 4:
        import mne

        keep = [name for name, known in zip(names, placed, strict=True) if known]
        info = mne.create_info(keep, 100.0, "eeg")
        montage = mne.channels.make_dig_montage(
            dict(zip(keep, positions[: len(names)][placed].astype(float), strict=True)),
            coord_frame="head",
        )
        info.set_montage(montage, verbose="error")
        image, _ = mne.viz.plot_topomap(
            by_channel[placed], info, axes=head, show=False, cmap="cividis", contours=0,
            names=keep if len(keep) <= 32 else None,
        )  # fmt: skip
        figure.colorbar(image, ax=head, shrink=0.7, label="share of attention")
    else:
        head.bar(range(len(names)), by_channel, color=SKY)
        head.set_xticks(range(len(names)), names, rotation=90)
    steps = attention.sum(axis=0)
    time.bar(range(1, len(steps) + 1), steps, color=SKY)
    time.axhline(steps.sum() / len(steps), color=GREY, ls="--", lw=1)
    time.set(xlabel="step of the window, oldest first", ylabel="share of attention")
    return _png(figure)


def space_figures(
    eeg: NDArray[np.floating],
    music: NDArray[np.floating],
    subject: NDArray[np.int64],
    eeg_labels: NDArray[np.floating],
    music_labels: NDArray[np.floating],
    seed: int = 0,
) -> list[tuple[str, str]]:
    """Plot the common space of one model by modality, emotion and person.

    Parameters
    ----------
    eeg : ndarray, shape (n_windows, space)
        EEG embeddings.
    music : ndarray, shape (n_music, space)
        Music embeddings in the common space.
    subject : ndarray of int64, shape (n_windows,)
        Subject of each window.
    eeg_labels : ndarray, shape (n_windows, 2)
        High (1) or low (0) valence and arousal; NaN if missing.
    music_labels : ndarray, shape (n_music, 2)
        The same for music.
    seed : int
        Seed of the sample of points, of t-SNE and of UMAP.

    Returns
    -------
    list of (str, str)
        Name and figure of each projection: principal axes, t-SNE, and UMAP if it is installed.
    """
    rows, items = choose_points(len(eeg), len(music), seed)
    points = np.concatenate([eeg[rows], music[items]]).astype(np.float64)
    is_eeg = np.arange(len(points)) < len(rows)
    labels = np.concatenate([eeg_labels[rows], music_labels[items]])
    subjects = np.concatenate([subject[rows], np.full(len(items), -1)])
    figures = []
    projected, shares = principal_axes(points)
    name = f"Principal axes ({shares[0]:.0%} and {shares[1]:.0%} of variance)"
    figures.append((name, _space_figure(projected, is_eeg, labels, subjects)))
    if len(points) >= 10:
        for name, projected in _neighbour_maps(points, seed):
            figures.append((name, _space_figure(projected, is_eeg, labels, subjects)))
    return figures


def choose_points(
    n_eeg: int, n_music: int, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of EEG and of music that `space_figures` draws; all rows where few."""
    rng = np.random.default_rng(seed)
    eeg = np.sort(rng.permutation(n_eeg)[:_MAX_POINTS])
    return eeg, np.sort(rng.permutation(n_music)[:_MAX_POINTS])


def _neighbour_maps(
    points: NDArray[np.float64], seed: int
) -> list[tuple[str, NDArray[np.float64]]]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    maps = [
        ("t-SNE", TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(points))
    ]
    try:
        from umap import UMAP
    except ImportError:
        return maps
    n_neighbors = min(15, len(points) - 1)
    projected = UMAP(n_neighbors=n_neighbors, random_state=seed, n_jobs=1).fit_transform(points)
    maps.append(("UMAP", projected))
    return maps


def _space_figure(
    points: NDArray[np.floating],
    is_eeg: NDArray[np.bool_],
    labels: NDArray[np.floating],
    subjects: NDArray[np.int64],
) -> str:
    figure, axes = _figure(11, 3, 4)
    axes[0].scatter(*points[is_eeg].T, s=6, color=SKY, label="EEG")
    axes[0].scatter(*points[~is_eeg].T, s=14, color=ORANGE, marker="^", label="music")
    axes[0].set_title("modality")
    axes[0].legend(fontsize=7)
    for axis, target, column in zip(axes[1:3], TARGETS, range(2), strict=True):
        for value, colour, name in ((0, PURPLE, "low"), (1, GREEN, "high")):
            for modality, marker, size in ((is_eeg, "o", 6), (~is_eeg, "^", 14)):
                shown = modality & (labels[:, column] == value)
                label = name if marker == "o" else None
                axis.scatter(*points[shown].T, s=size, color=colour, marker=marker, label=label)
        axis.set_title(target)
        axis.legend(fontsize=7)
    axes[3].scatter(*points[is_eeg].T, s=6, c=subjects[is_eeg], cmap="viridis")
    axes[3].set_title("person (EEG)")
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    return _png(figure)


def _figure(width: float, height: float, n_axes: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, max(n_axes, 1), squeeze=False)[0]


def _png(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
