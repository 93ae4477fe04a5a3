"""Training loop: epochs of optimiser steps, and validation."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from bci_affect.model import (
    AffectModel,
    class_weights,
    contrastive_loss,
    contrastive_targets,
    domain_loss,
    emotion_loss,
    reversal_strength,
)
from bci_affect.training.settings import TrainSettings
from bci_affect.training.windows import WindowTensors, augment


class TrainingLoop:
    """Model, optimiser and data of one training run.

    Parameters
    ----------
    model : AffectModel
        Model to train in place.
    data : WindowTensors
        Training windows.
    settings : TrainSettings
        Objective and optimiser.
    seed : int
        Seed of batch order and augmentation.
    autocast : callable
        Factory of the autocast context of the forward pass.
    """

    def __init__(
        self,
        model: AffectModel,
        data: WindowTensors,
        settings: TrainSettings,
        seed: int,
        autocast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self.model, self.data, self.settings, self.autocast = model, data, settings, autocast
        self._order = torch.Generator().manual_seed(seed)
        self.augmentation = torch.Generator(device=data.device).manual_seed(seed)
        self.steps = max(1, math.ceil(len(data) / settings.batch_size)) * settings.epochs
        self.weights = class_weights(data.labels.cpu()).to(data.device)
        music_labels = data.music_labels[data.has_music].cpu()
        self.music_weights = class_weights(music_labels).to(data.device)
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, self.steps)
        self._step = 0

    def epoch(self) -> dict[str, float]:
        """Train on all windows once in random order; return the mean of each loss term."""
        self.model.train()
        order = torch.randperm(len(self.data), generator=self._order).to(self.data.device)
        sums: dict[str, Tensor] = {}
        for index in torch.split(order, self.settings.batch_size):
            if len(index) < 2:  # batch normalisation needs at least two windows
                continue
            with self.autocast():
                terms = self.terms(self.data, index, train=True)
            total = self.total(terms)
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimiser.step()
            self.schedule.step()
            self._step += 1
            for name, value in {**terms, "total": total}.items():
                previous = sums.get(name, torch.zeros((), device=value.device))
                sums[name] = previous + value.detach().float() * len(index)
        return {name: float(value) / len(self.data) for name, value in sums.items()}

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Return the weighted sum of the terms."""
        weighted = [getattr(self.settings.objective, name) * value for name, value in terms.items()]
        return torch.stack([value.float() for value in weighted]).sum()

    def terms(self, data: WindowTensors, index: Tensor, *, train: bool) -> dict[str, Tensor]:
        """Return the loss terms of non-zero weight for one batch."""
        objective = self.settings.objective
        bands, mask, positions = data.eeg(index)
        person = data.person_of(index)
        if train and data.sets is not None:  # features of a real set instead of random dropout
            person, chosen = data.draw_set(index, self.augmentation)
            mask = mask & chosen
        elif train:
            bands, mask = augment(bands, mask, self.settings, self.augmentation)
        eeg = self.model(bands, mask, positions, person)
        terms = {}
        if objective.emotion_eeg:
            terms["emotion_eeg"] = emotion_loss(eeg.logits, data.labels[index], self.weights)
        rows = torch.nonzero(data.has_music[index]).squeeze(1)  # rows of the batch with music
        uses_music = objective.emotion_music or objective.domain or objective.contrastive
        if not uses_music or not len(rows):
            return terms
        with_music = index[rows]
        music = self.model.project_music(data.music[with_music])
        labels = data.music_labels[with_music]
        if objective.emotion_music:
            terms["emotion_music"] = emotion_loss(music.logits, labels, self.music_weights)
        if objective.contrastive:
            targets = contrastive_targets(data.stimulus[with_music], labels, objective.same_emotion)
            terms["contrastive"] = contrastive_loss(
                eeg.embedding.index_select(0, rows),
                music.embedding,
                targets,
                objective.temperature,
                objective.stop_gradient,
            )
        if objective.domain and train:
            progress = self._step / self.steps
            strength = 1.0
            if objective.domain_schedule == "ramp":
                strength = reversal_strength(progress)
            terms["domain"] = domain_loss(
                self.model.domain(eeg.common, strength), self.model.domain(music.common, strength)
            )
        return terms

    @torch.inference_mode()
    def validate(self, data: WindowTensors) -> float:
        """Return the validation loss: the weighted sum of all terms but the adversarial one."""
        self.model.eval()
        total, count = 0.0, 0
        for index in data.batches():
            terms = self.terms(data, index, train=False)
            if terms:
                total += float(self.total(terms)) * len(index)
                count += len(index)
        return total / count if count else math.nan
