"""Tunes an encoder on few rows, in place, in the time that the budget leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from framework import LengthBucketSampler, Schedule, TrainingFacts, message, train
from framework_classification.contrastive.class_names import named_texts
from framework_classification.contrastive.module import PrototypeTuning
from framework_classification.contrastive.plan import Context, TuningPlan, batch_size, check_time, plan_of
from framework_classification.data import ClassificationData
from framework_text.dropout import set_dropout
from framework_text.encoder import TokenCollator, TokenizedRows
from framework_text.features import FrozenEncoder
from framework_text.shaping import freeze
from framework_text.throughput import learning_pace
from framework_text.training_plan import trainer_ends_training

DROPOUT = 0.1  # share of the activations: two readings of a text are never the same, as if there were more texts
TIMED = 4  # batches on which the pace is measured


@dataclass(frozen=True)
class Tuning:
    """What the encoder learned from, beside its weights."""

    training: TrainingFacts
    details: dict[str, int]
    """How many texts, and pairs of a text and a class, it learned from."""


class TextBatches(pl.LightningDataModule):
    """Training batches of texts of similar length, `batch` texts of all ranks together in a step."""

    def __init__(self, rows: TokenizedRows, collate: TokenCollator, batch: int, seed: int) -> None:
        super().__init__()
        self.rows, self.collate, self.batch, self.seed = rows, collate, batch, seed

    def train_dataloader(self) -> DataLoader[Any]:
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        lengths = self.rows.lengths
        sampler = LengthBucketSampler(lengths, self.batch, shuffle=True, seed=self.seed, rank=rank, world=world)
        return DataLoader(self.rows, batch_sampler=sampler, collate_fn=self.collate, num_workers=0)


def tune(encoder: FrozenEncoder, data: ClassificationData, context: Context) -> Tuning:
    """Tunes the weights of `encoder.module`, in place; they are on the CPU afterwards, in eval mode.

    Embeddings are not tuned: few rows hold few of the tokens. Raises InputError where the time does not cover a few passes.
    """
    names = named_texts(data.labels) if context.options.class_names else []
    texts = [*data.splits.train.texts("text"), *names]
    targets = np.array([*data.targets(data.splits.train), *range(len(names))])
    rows = TokenizedRows(encoder.tokenizer, texts, targets.tolist(), encoder.max_length)
    if context.budget.seconds is not None and not torch.cuda.is_available():  # there texts also travel to the device
        check_time(len(rows), _count_read(data), encoder.pace(texts), context)  # measured sooner than the speed of learning is
    module = _module(encoder, data, context)
    plan = _measured(module, rows, encoder, data, context)
    context.show(plan.section())
    encoder.module.eval()  # measuring leaves it in training mode
    module.begin_from(encoder.features(texts), targets)
    training = _train(module, rows, encoder, plan, context)
    encoder.tuned = True
    learned = min(training.steps * plan.batch, training.epochs * len(rows))
    return Tuning(training, {message("texts learned"): learned, message("pairs learned"): learned * plan.classes})


def _module(encoder: FrozenEncoder, data: ClassificationData, context: Context) -> PrototypeTuning:
    network, task = encoder.module.encoder, context.task
    freeze(network, "embeddings")
    set_dropout(network, DROPOUT)
    weights = data.class_weights() if task.class_weights else None
    return PrototypeTuning(encoder.module, len(data.labels), context.options.similarity_temperature, weights)


def _measured(
    module: PrototypeTuning, rows: TokenizedRows, encoder: FrozenEncoder, data: ClassificationData, context: Context
) -> TuningPlan:
    """A plan from the speed of tuning, measured on some of the texts."""
    collate = TokenCollator(encoder.tokenizer.pad_token_id or 0)
    pace = learning_pace(module, rows, batch_size(len(rows)), collate, context, TIMED)
    return plan_of(len(rows), _count_read(data), len(data.labels), pace, context)


def _count_read(data: ClassificationData) -> int:
    """How many rows are read: those of training before tuning, too."""
    return 2 * len(data.splits.train) + len(data.splits.validation)


def _train(
    module: PrototypeTuning, rows: TokenizedRows, encoder: FrozenEncoder, plan: TuningPlan, context: Context
) -> TrainingFacts:
    """Trains to the end of the plan. Few validation rows cannot tell passes apart, so the last weights are kept."""
    arguments = {**context.trainer, "limit_val_batches": 0, "enable_checkpointing": False}
    if not trainer_ends_training(context.trainer):
        arguments["max_epochs"] = plan.passes
    loader = TextBatches(rows, TokenCollator(encoder.tokenizer.pad_token_id or 0), plan.batch, context.seed)
    schedule = Schedule(context.folder, None if plan.seconds == inf else plan.seconds)
    return train(module, loader, replace(context, trainer=arguments), patience=None, schedule=schedule)
