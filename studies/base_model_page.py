"""Page of the model of real people, `base_model`."""

from __future__ import annotations

from bci_affect.model import ModelCard

_PAGE = """\
# base.safetensors

**Mental effort against the person's own rest, trained on EEG of real people.** Valence is not
estimated: its log-odds are 0. Without calibration every decision is *unsure*, as felt emotion was
not measured in these people. Record a baseline: the model reads EEG against rest.

- **Model**: `bci_affect.model.AffectModel` with the encoder `covariance`, linear. Input: EEG of 2
  to 64 electrodes, windows of 6 s, bands {bands}.
  The embedding has four dimensions: valence (empty), effort, open against closed eyes, and a
  constant. All music has the same embedding: this model does not choose music by embedding.
- **Labels**: arithmetic is high arousal, calm and rest are low, of {effort} people of *effort*.
- **Without labels**: mean rest, and agreement between electrode sets and moments, of {eyes} people
  of *eyes* and {dasps} people of *dasps*. The direction of open against closed eyes uses the labels
  of *eyes*.
- **People never used**: the other half of each data set.
- **Created by**: `python -m studies.base_model --data ROOT` (settings in `configs/people.toml`),
  revision {revision}.
- **Licence of the weights**: as the data, with attribution.

## Data

- *effort*: EEG During Mental Arithmetic Tasks 1.0.0, PhysioNet, ODC-BY 1.0; Zyma et al. 2019.
- *eyes*: W. Mumtaz, figshare 4244171, CC BY 4.0. No claim about depression is made.
- *dasps*: DASPS, Baghdadi et al. 2019, IEEE DataPort, CC BY 4.0.

## Held-out results

People of *effort* left out one at a time; windows of a trial are averaged; chance .5. Intervals
are of 95 % over people. The calibration error is that of all trials together.

| electrodes | balanced accuracy | even / odd people | AUC | calibration error | p |
|---|---|---|---|---|---|
{table}

{people} people, {trials} trials. Figures of even and odd people were both seen while choosing, and
in earlier work. Only other people can confirm the figures.
"""


def page(card: ModelCard) -> str:
    """Return the Markdown page of a model created by `base_model`."""
    rows = []
    for name, one in card.metrics.items():
        accuracy = one["balanced_accuracy"]
        rows.append(
            f"| {name} | {accuracy['mean']:.3f} [{accuracy['low']:.2f}, {accuracy['high']:.2f}] | "
            f"{one['even']:.3f} / {one['odd']:.3f} | {one['auc']:.2f} | {one['ece']:.2f} | "
            f"{one['p']:.3f} |"
        )
    counts = {name: len(people) for name, people in card.training["data"].items()}
    first = card.metrics["all"]
    return _PAGE.format(
        bands=", ".join(card.bands),
        table="\n".join(rows),
        revision=card.git_revision,
        people=first["people"],
        trials=first["trials"],
        **counts,
    )
