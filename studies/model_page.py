"""Markdown page of a model card."""

from __future__ import annotations

from bci_affect.model import ModelCard

_PAGE = """# {name}.safetensors

**{summary}**
The model has not seen EEG of any real person. Expect chance level on real EEG before calibration
(`bci-affect calibrate`), and little more after it.

- **Model**: `bci_affect.model.AffectModel` with the encoder `{encoder}`. Input: EEG from 4 to 64
  electrodes. Output: valence and arousal, attention, and an embedding in the common space of EEG
  and music.
- **Windows**: {window_s:g} s in steps of {step_s:g} s, bands {bands}; normalised causally per
  person, starting from the person's first window.
- **Training data**: {trials} trials of {people} simulated people ({windows} windows) with headsets
  of {headsets} electrodes and generated music. Mood changes the simulated EEG by {low:g} to
  {high:g} times the published group averages, so the effect is larger than in reality.
- **Created by**: `python -m studies.demo_model` (settings in `configs/demo.toml`), revision
  {revision}.
- **Licence**: MIT, as the code.

## Held-out results on simulated data

{protocol}; {test_people} people.

| | balanced accuracy | AUC | trials | chance | balanced accuracy by electrodes |
|---|---|---|---|---|---|
{rows}

Music retrieval by the EEG of a trial, among {pieces} pieces outside the training data ({queries}
trials): mean reciprocal rank of the piece that was played {mrr:.2f} (chance {mrr_chance:.2f});
share of pieces with the felt mood among the first three {precision:.0%} (chance
{precision_chance:.0%}).
"""


def page(card: ModelCard) -> str:
    """Return the Markdown page of a model created by `demo_model`."""
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
