"""A model's card as a page for people."""

from __future__ import annotations

from bci_affect.model import ModelCard

_PAGE = """# {name}.safetensors

**{summary}**
It has never seen a real person's EEG. On real EEG expect chance until it has been calibrated
(`bci-affect calibrate`), and not much more than that afterwards.

- **What it is**: `bci_affect.model.AffectModel` with the encoder `{encoder}`. EEG of 4 to 64
  electrodes in; valence and arousal, attention, and a place in the space shared with music out.
- **Windows**: {window_s:g} s in steps of {step_s:g} s, bands {bands}; normalised causally to
  the person, from the person's own first window on.
- **Trained on**: {trials} trials of {people} simulated people ({windows} windows) with headsets of
  {headsets} electrodes, while generated music played. Mood changes the simulated EEG
  by {low:g} to {high:g} times the size of published group averages: easier than reality.
- **Made by**: `python -m studies.demo_model` (settings in `configs/demo.toml`), code
  {revision}.
- **Licence**: MIT, as the code.

## Held-out figures, on simulated data

{protocol}; {test_people} people.

| | balanced accuracy | AUC | trials | chance | balanced accuracy by electrodes |
|---|---|---|---|---|---|
{rows}

Finding music by a trial's EEG among {pieces} pieces, none of them trained on ({queries} trials):
the piece that played, mean reciprocal rank {mrr:.2f} (chance {mrr_chance:.2f}); pieces of the mood
that was felt, {precision:.0%} of the first three (chance {precision_chance:.0%}).
"""


def page(card: ModelCard) -> str:
    """Return the page of a model that `demo_model` made, in Markdown."""
    found, made = card.metrics, card.training
    low, high = made["settings"]["listening"]["effects"]
    music = found["retrieval"]
    return _PAGE.format(
        name=card.name,
        summary=card.summary,
        encoder=made["settings"]["train"]["model"]["encoder"],
        window_s=card.window_s,
        step_s=card.step_s,
        bands=", ".join(card.bands),
        trials=made["trials"],
        people=made["people"],
        windows=made["windows"],
        headsets=", ".join(map(str, sorted(made["headsets"].values()))),
        low=low,
        high=high,
        revision=card.git_revision or "unknown",
        protocol=found["protocol"].capitalize(),
        test_people=found["people"],
        rows="\n".join(_row(name, found[name]) for name in ("valence", "arousal")),
        pieces=music["pieces"],
        queries=music["trials"],
        mrr=music["piece"]["mrr"],
        mrr_chance=music["piece"]["mrr_chance"],
        precision=music["mood"]["precision_at_3"],
        precision_chance=music["mood"]["precision_chance"],
    )


def _row(name: str, figures: dict[str, object]) -> str:
    by_electrodes = figures["by_electrodes"]
    assert isinstance(by_electrodes, dict)
    each = ", ".join(f"{n}: {by_electrodes[n]:.2f}" for n in sorted(by_electrodes, key=int))
    return (
        f"| {name} | {figures['balanced_accuracy']:.2f} | {figures['auc']:.2f} | "
        f"{figures['trials']} | {figures['chance']:.2f} | {each} |"
    )
