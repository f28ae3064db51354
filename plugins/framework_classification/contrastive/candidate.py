"""Fits the classifier over a tuned encoder. `open_frozen` opens it, for only the weights differ from a frozen encoder's."""

from __future__ import annotations

import torch

from framework_classification.contrastive.plan import Context
from framework_classification.contrastive.tuning import tune
from framework_classification.data import ClassificationData
from framework_classification.frozen_candidate import fit_over
from framework_text.features import FrozenEncoder
from framework_text.preparing import prepared


def fit_contrastive(data: ClassificationData, context: Context) -> None:
    """Tunes the encoder, fits a logistic regression over its features, and fills the folder that `open_frozen` opens.

    Raises InputError where the time does not cover a few passes over the training rows.
    """
    torch.manual_seed(context.seed)
    splits = data.splits
    with prepared(context, splits.train.texts("text"), splits.validation.texts("text"), data.label_sets()) as (folder, context):
        encoder = FrozenEncoder(folder, context.task.max_length, unit=True)
        tuning = tune(encoder, data, context)
        fit_over(encoder, data, splits.train, context, tuning.training, tuning.details)
