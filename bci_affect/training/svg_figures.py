"""SVG figures shared by calibration and session reports.

Figures are embedded in the page as SVG text, so a page makes no network requests.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HIGH, LOW, MUSIC, GREY = "#D55E00", "#0072B2", "#009E73", "#777777"
MAX_POINTS = 1200
"""Maximum number of points of a line; more are not visible on a page."""


def new_figure(width: float, height: float, n_axes: int = 1) -> tuple[Any, Any]:
    """Return a figure with its size in inches and `n_axes` axes in one column."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(n_axes, 1, squeeze=False)[:, 0]


def to_svg(figure: Any) -> str:
    """Return a figure as reproducible SVG text, starting at ``<svg``."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "bci_affect", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight")
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def quality_figure(time_s: Array, quality: Array) -> str:
    """Plot the share of good electrodes, (n,), over time in seconds, (n,)."""
    figure, (axes,) = new_figure(9.0, 1.6)
    step = max(1, len(time_s) // MAX_POINTS)
    time = (time_s[::step] - time_s[0]) / 60
    axes.fill_between(time, quality[::step], color=MUSIC, alpha=0.5, step="mid")
    axes.set(ylim=(0, 1), xlabel="minutes", ylabel="good electrodes")
    return to_svg(figure)


def topography_figure(
    channels: Sequence[str], positions: NDArray[np.floating], attention: Array
) -> str:
    """Plot the attention of the encoder per electrode on the head, seen from above.

    Parameters
    ----------
    channels : sequence of str
        Channel names.
    positions : ndarray, shape (n_channels, 3)
        Metres; electrodes of unknown position are left out.
    attention : ndarray, shape (n_channels,)
        Share of attention of each electrode.
    """
    figure, (axes,) = new_figure(3.4, 3.4)
    placed = np.isfinite(positions).all(axis=1)
    xyz = positions[placed] - np.array([0.0, 0.0, 0.04], dtype=np.float32)
    share = attention[placed]
    # Azimuthal equidistant projection: distance from the centre is the angle from the vertex.
    unit = xyz / np.linalg.norm(xyz, axis=1, keepdims=True)
    angle = np.arccos(np.clip(unit[:, 2], -1, 1))
    across = np.hypot(unit[:, 0], unit[:, 1])
    x = angle * unit[:, 0] / np.maximum(across, 1e-9) / (np.pi / 2)
    y = angle * unit[:, 1] / np.maximum(across, 1e-9) / (np.pi / 2)
    circle = np.linspace(0, 2 * np.pi, 100)
    axes.plot(1.15 * np.cos(circle), 1.15 * np.sin(circle), color=GREY, linewidth=1)
    axes.plot([-0.1, 0, 0.1], [1.145, 1.27, 1.145], color=GREY, linewidth=1)
    dots = axes.scatter(x, y, c=100 * share, s=150, cmap="cividis", vmin=0, zorder=3)
    names = [channels[int(i)] for i in np.flatnonzero(placed)]
    for i, name in enumerate(names):
        axes.annotate(
            name,
            (x[i], y[i]),
            (0, 8),
            textcoords="offset points",
            ha="center",
            size=6,
            parse_math=False,
        )
    figure.colorbar(dots, ax=axes, shrink=0.6, label="% of attention")
    axes.set_aspect("equal")
    axes.axis("off")
    return to_svg(figure)


def break_at_gaps(time: Array, values: Array) -> tuple[Array, Array]:
    """Insert NaN into a line where values are missing, so that it is drawn with gaps."""
    if len(time) < 3:
        return time, values
    gaps = np.flatnonzero(np.diff(time) > 5 * np.median(np.diff(time))) + 1
    return np.insert(time, gaps, np.nan), np.insert(values, gaps, np.nan)
