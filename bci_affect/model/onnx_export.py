"""Export of the EEG branch of a model to ONNX, with its card in the file's metadata."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bci_affect.errors import BciAffectError
from bci_affect.model.affect import AffectModel
from bci_affect.model.card import ModelCard
from bci_affect.model.covariance import N_PERSON
from bci_affect.storage import atomic_file

OPSET = 18
INPUTS = ("bands", "mask", "positions", "person")
OUTPUTS = ("embedding", "attention", "logits")


class _EegBranch(nn.Module):
    """EEG branch with a plain tuple of outputs."""

    def __init__(self, model: AffectModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.model(*inputs)
        return out.embedding, out.attention, out.logits


def export_onnx(path: Path, model: AffectModel, card: ModelCard) -> None:
    """Write the EEG branch as an ONNX file.

    Inputs are ``bands`` (n, n_steps, n_channels, n_bands), ``mask`` (n, n_channels), ``positions``
    (1, n_channels, 3) in metres and, for models that need the person's rest, ``person``
    (n, n_bands * 316); outputs are ``embedding``, ``attention`` and ``logits`` as of
    `Predictor.predict_many`. The number of windows is free, and so is that of electrodes unless the
    model has a fixed montage. The metadata hold ``card`` and ``settings`` as JSON.

    Raises
    ------
    BciAffectError
        If onnx or onnxscript is missing, or the file cannot be written.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - the exporter of torch needs it
    except ImportError:
        raise BciAffectError("The export needs an extra: pip install 'bci_affect[onnx]'.") from None
    settings = model.settings
    n_channels = settings.n_channels or 6
    example = [
        torch.zeros(3, settings.n_steps, n_channels, settings.n_bands),
        torch.ones(3, n_channels, dtype=torch.bool),
        torch.linspace(-0.05, 0.08, n_channels * 3).reshape(1, n_channels, 3),
    ]
    n = torch.export.Dim("n", min=1, max=1 << 16)
    shapes: list[dict[int, Any]] = [{0: n}, {0: n}, {}]
    if not settings.n_channels:
        c = torch.export.Dim("c", min=2, max=1024)
        shapes = [{0: n, 2: c}, {0: n, 1: c}, {1: c}]
    if model.needs_person:
        example.append(torch.zeros(3, settings.n_bands * N_PERSON))
        shapes.append({0: n})
    with _quiet():
        program = torch.export.export(
            _EegBranch(model.eval()), tuple(example), dynamic_shapes=(tuple(shapes),)
        ).run_decompositions({torch.ops.aten.linalg_solve.default: _solve_unchecked})
        exported = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            input_names=INPUTS[: len(example)],
            output_names=OUTPUTS,
            opset_version=OPSET,
            custom_translation_table={torch.ops.aten._linalg_solve_ex.default: _solve},
        )
    assert exported is not None
    document = exported.model_proto
    for key, text in (
        ("card", json.dumps(asdict(card))),
        ("settings", settings.model_dump_json()),
        ("name", card.name),
    ):
        document.metadata_props.add(key=key, value=text)
    with atomic_file(path, overwrite=False) as partial:
        onnx.save_model(document, str(partial))


def _solve_unchecked(matrix: Tensor, right: Tensor, left: bool = True) -> Tensor:
    """Return the solution without torch's check for singular matrices, which ONNX lacks."""
    solution: Tensor = torch.ops.aten._linalg_solve_ex(matrix, right)[0]
    return solution


def _solve(matrix: Any, right: Any, left: bool = True, check_errors: bool = False) -> Any:
    """Return the ONNX nodes that solve positive definite systems: there is no operator for it.

    By Gauss-Jordan elimination without pivoting; the further outputs of torch's operator, its
    factors, are not used.
    """
    from onnxscript import opset18

    op: Any = opset18  # its types refuse plain numbers
    rows = op.Concat(matrix, right, axis=-1)
    size = int(matrix.shape[-1])
    for k in range(size):
        row, column = op.Slice(rows, [k], [k + 1], [1]), op.Slice(rows, [k], [k + 1], [2])
        pivot = op.Div(row, op.Slice(row, [k], [k + 1], [2]))
        others = op.Sub(rows, op.Mul(column, pivot))
        above, below = op.Slice(others, [0], [k], [1]), op.Slice(others, [k + 1], [size], [1])
        rows = op.Concat(above, pivot, below, axis=1)
    solution = op.Slice(rows, [size], [1 << 30], [2])
    return solution, op.Identity(matrix), op.Identity(matrix), op.Identity(matrix)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress remarks of torch's exporter about packages that are not installed."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
