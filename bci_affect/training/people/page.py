"""Page, table and figure of the benchmark of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bci_affect.training.people.rows import (
    ABLATION,
    ALL,
    CHECK,
    ENCODER,
    PERMUTED,
    PLACE,
    PLAIN,
)
from bci_affect.training.report import interval
from bci_affect.training.svg_figures import GREY, HIGH, LOW, MUSIC, to_svg

PEOPLE_FILES = (".html", ".svg", ".md", ".json")
"""Endings of the files of `write_people_page`: page, figure, table and document."""

_COLOURS = {ENCODER: HIGH, ABLATION: "#CC79A7", PLAIN: LOW, CHECK: GREY}
_TITLES = {
    ENCODER: "Encoder",
    PLAIN: "Plain methods",
    CHECK: "Chance and order",
    ABLATION: "Encoder without a part (first seed)",
}


def render_page(result: Mapping[str, Any]) -> str:
    """Return the self-contained HTML page of a result of `benchmark_people`."""
    from jinja2 import Environment, PackageLoader, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("bci_affect.training.people", "."),
        autoescape=select_autoescape(["j2"]),
    )
    environment.filters["interval"] = interval
    return environment.get_template("people.html.j2").render(
        result=result,
        figure=Markup(render_figure(result)),
        sections=[
            (one, target, list(_groups(one, target)), conclusion(one, target))
            for one in result["sets"]
            if "rows" in one
            for target in one["targets"]
        ],
    )


def conclusion(one: Mapping[str, Any], target: str) -> list[str]:
    """Return sentences on chance and on the order of presentation for one data set."""
    rows = {row["name"]: row for row in one["rows"] if row["target"] == target}
    sentences = []
    encoder = rows[ALL]
    verdict = "above chance" if _above_chance(encoder) else "not above chance"
    sentences.append(
        f"The encoder is {verdict} on people held out "
        f"({interval(encoder['balanced_accuracy'])}, p = {encoder['p']:.3f})."
    )
    null = rows.get(PERMUTED)
    if null is not None and _above_chance(null):
        sentences.append("The result with permuted labels is above chance: do not trust this run.")
    place = rows.get(PLACE)
    if place is not None and order_reveals_label(place):
        sentences.append(
            "The place of a trial in the sitting reveals the label "
            f"({interval(place['balanced_accuracy'])}, without EEG): a method that follows the "
            "recent past can use it. Read the rows with a sitting of its own for each state."
        )
    return sentences


def order_reveals_label(row: Mapping[str, Any]) -> bool:
    """Return True if the row `PLACE` is above chance: the order reveals the label."""
    return _above_chance(row)


def _above_chance(row: Mapping[str, Any]) -> bool:
    low, p = row["balanced_accuracy"]["low"], row["p"]
    return bool(low is not None and low > 0.5 and p < 0.05)


def people_table(result: Mapping[str, Any]) -> str:
    """Return the table of all data sets in Markdown, one line per row of the result."""
    lines = [
        "| data | row | balanced accuracy | AUC | p | seeds |",
        "|---|---|---|---|---|---|",
    ]
    for one in result["sets"]:
        if "skipped" in one:
            lines.append(f"| {one['name']} | not evaluated: {one['skipped']} | - | - | - | - |")
            continue
        for target in one["targets"]:
            data = f"{one['name']}, {target}: {one['people']} people, {one['trials']} trials"
            for _, rows in _groups(one, target):
                for row in rows:
                    seeds = ", ".join(f"{value:.3f}" for value in row["seeds"])
                    lines.append(
                        f"| {data} | {row['name']} | {interval(row['balanced_accuracy'])} | "
                        f"{row['auc']['mean']:.3f} | {row['p']:.3f} | {seeds} |"
                    )
                    data = ""
    return "\n".join(lines) + "\n"


def render_figure(result: Mapping[str, Any]) -> str:
    """Return the figure as SVG text: people, mean and interval of each row.

    Rows without a part of the encoder, and plain methods under a condition, are on the page only.
    """
    from matplotlib.figure import Figure

    panels = [(one, target) for one in result["sets"] if "rows" in one for target in one["targets"]]
    shown = [
        [row for _, found in _groups(one, target) for row in found if _in_figure(row)]
        for one, target in panels
    ]
    heights = [len(rows) for rows in shown]
    figure = Figure(figsize=(9.0, 0.6 * len(panels) + 0.24 * sum(heights)), layout="constrained")
    axes = figure.subplots(
        len(panels), 1, squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    rng = np.random.default_rng(0)
    for axis, (one, target), rows in zip(axes, panels, shown, strict=True):
        for height, row in enumerate(reversed(rows)):
            colour = _COLOURS[row["group"]]
            values = np.array(list(row["by_person"].values()))
            spread = height + rng.uniform(-0.25, 0.25, len(values))
            axis.plot(values, spread, ".", color=MUSIC, ms=3, alpha=0.4)
            found = row["balanced_accuracy"]
            axis.plot([found["low"], found["high"]], [height, height], color=colour, lw=2)
            axis.plot(found["mean"], height, "D", color=colour, ms=5, mec="black")
        axis.axvline(0.5, color=GREY, ls="--", lw=1)
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.7, len(rows) - 0.3))
        axis.set_yticks(range(len(rows)), [row["name"] for row in reversed(rows)], fontsize=7)
        axis.set_title(
            f"{one['name']}, {target}: {one['people']} people, {one['electrodes']} electrodes",
            fontsize=9, loc="left",
        )  # fmt: skip
    axes[-1].set_xlabel("balanced accuracy of people held out, by trial (dashed: chance)")
    return to_svg(figure)


def _in_figure(row: Mapping[str, Any]) -> bool:
    of_encoder = row["group"] in (ENCODER, CHECK)
    return bool(of_encoder or (row["group"] == PLAIN and row["condition"] == ALL))


def write_people_page(result: Mapping[str, Any], page: Path) -> list[Path]:
    """Write the page, and the figure, the table and the JSON document next to it.

    Raises
    ------
    BciAffectError
        If a file cannot be written.
    """
    import json

    from bci_affect.storage import plain, write_atomically

    texts = (
        render_page(result),
        render_figure(result),
        people_table(result),
        json.dumps(plain(result), indent=1) + "\n",
    )
    paths = []
    for suffix, text in zip(PEOPLE_FILES, texts, strict=True):
        path = page.with_suffix(suffix)
        write_atomically(path, text)
        paths.append(path)
    return paths


def _groups(one: Mapping[str, Any], target: str) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield the title and the rows of each group."""
    for group, title in _TITLES.items():
        rows = [row for row in one["rows"] if row["target"] == target and row["group"] == group]
        if rows:
            yield title, rows
