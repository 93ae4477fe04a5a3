"""One run's model, optimiser and data: epochs of steps down the objective, and validation."""

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
from bci_affect.training.windows import Windows, disturb


class Loop:
    """Model, optimiser and data of one run."""

    def __init__(
        self,
        model: AffectModel,
        data: Windows,
        settings: TrainSettings,
        seed: int,
        cast: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self.model, self.data, self.settings, self.cast = model, data, settings, cast
        self._order = torch.Generator().manual_seed(seed)
        self.hide = torch.Generator(device=data.device).manual_seed(seed)
        self.steps = max(1, math.ceil(len(data) / settings.batch_size)) * settings.epochs
        self.weights = class_weights(data.labels.cpu()).to(data.device)
        heard = data.music_labels[data.has_music].cpu()
        self.music_weights = class_weights(heard).to(data.device)
        self.optimiser = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimiser, self.steps)
        self._step = 0

    def epoch(self) -> dict[str, float]:
        """Run through all windows once in random order; return the mean of each term."""
        self.model.train()
        order = torch.randperm(len(self.data), generator=self._order).to(self.data.device)
        sums: dict[str, Tensor] = {}
        for index in torch.split(order, self.settings.batch_size):
            if len(index) < 2:  # a last batch of one window has no spread to be scaled by
                continue
            with self.cast():
                terms = self.terms(self.data, index, train=True)
            total = self.total(terms)
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimiser.step()
            self.schedule.step()
            self._step += 1
            for name, value in {**terms, "total": total}.items():
                so_far = sums.get(name, torch.zeros((), device=value.device))
                sums[name] = so_far + value.detach().float() * len(index)
        return {name: float(value) / len(self.data) for name, value in sums.items()}

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """Weigh the terms."""
        weighted = [getattr(self.settings.objective, name) * value for name, value in terms.items()]
        return torch.stack([value.float() for value in weighted]).sum()

    def terms(self, data: Windows, index: Tensor, *, train: bool) -> dict[str, Tensor]:
        """Return the terms that are switched on, for one batch."""
        chosen = self.settings.objective
        bands, mask, positions = data.eeg(index)
        if train:
            bands, mask = disturb(bands, mask, self.settings, self.hide)
        eeg = self.model(bands, mask, positions)
        terms = {}
        if chosen.emotion_eeg:
            terms["emotion_eeg"] = emotion_loss(eeg.logits, data.labels[index], self.weights)
        heard = torch.nonzero(data.has_music[index]).squeeze(1)
        if not (chosen.emotion_music or chosen.domain or chosen.contrastive) or not len(heard):
            return terms
        hearing = index[heard]
        music = self.model.project_music(data.music[hearing])
        labels = data.music_labels[hearing]
        if chosen.emotion_music:
            terms["emotion_music"] = emotion_loss(music.logits, labels, self.music_weights)
        if chosen.contrastive:
            shares = contrastive_targets(data.stimulus[hearing], labels, chosen.same_emotion)
            terms["contrastive"] = contrastive_loss(
                eeg.embedding.index_select(0, heard),
                music.embedding,
                shares,
                chosen.temperature,
                chosen.stop_gradient,
            )
        if chosen.domain and train:
            progress = self._step / self.steps
            strength = 1.0
            if chosen.domain_schedule == "ramp":
                strength = reversal_strength(progress)
            terms["domain"] = domain_loss(
                self.model.domain(eeg.common, strength), self.model.domain(music.common, strength)
            )
        return terms

    @torch.inference_mode()
    def validate(self, data: Windows) -> float:
        """Return the loss by which epochs are compared."""
        self.model.eval()
        total, seen = 0.0, 0
        for index in data.batches():
            terms = self.terms(data, index, train=False)
            if terms:
                total += float(self.total(terms)) * len(index)
                seen += len(index)
        return total / seen if seen else math.nan
