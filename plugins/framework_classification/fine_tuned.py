"""The candidate that ships: a fine-tuned encoder with a fitted temperature."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from framework import FitContext, Fitted, Graph, LengthBucketSampler, Tensor, Tensors, train
from framework_classification import Classification
from framework_classification.calibration import fit_temperature, threshold_for
from framework_classification.codec import ClassificationCodec
from framework_classification.data import ClassificationData
from framework_classification.module import ClassificationBatches, Classifier, Probabilities
from framework_text import backbones
from framework_text.options import FineTuning
from framework_text.tokenizer import same_tokens, write_tokenizer
from framework_text.tokens import TokenizedRows, batches, describe

TOLERANCE = 1e-4  # of a probability, between the module and an exact export


def fit(context: FitContext) -> Fitted:
    """Fine-tunes the backbone, fits the temperature on validation, and returns the graph that gives probabilities."""
    data: ClassificationData = context.data
    options: Classification = context.options
    model: FineTuning = context.model
    source = model.backbone
    folder = backbones.fetch(source)
    tokenizer = backbones.load_tokenizer(folder, options.max_length)
    rows = {
        name: TokenizedRows(tokenizer, table.columns["text"], data.targets(table), options.max_length)
        for name, table in (("train", data.splits.train), ("validation", data.splits.validation))
    }
    for section in describe(tokenizer, data.splits.train.columns["text"], rows["train"], options.max_length):
        context.show(section)
    names = dict(enumerate(data.labels))
    network = backbones.load_model("AutoModelForSequenceClassification", folder, num_labels=len(names), id2label=names,
                                   label2id={label: i for i, label in names.items()})  # fmt: skip
    for part in network.modules():
        if hasattr(part, "loss_type"):
            part.loss_type = "ForSequenceClassification"  # or transformers warns while TorchScript is traced
    weights = data.class_weights() if options.class_weights else None
    classifier = Classifier(network, len(names), model, weights)
    pad = tokenizer.pad_token_id or 0
    loader = ClassificationBatches(rows["train"], rows["validation"], pad, model.batch_size, context.seed)
    training = train(classifier, loader, context, patience=model.patience)
    logits, targets = predict_logits(classifier, rows["validation"], pad)
    temperature = fit_temperature(logits, targets)
    return Fitted(
        settings={"labels": data.labels, **abstention(options, logits / temperature, targets)},
        graphs=(graph(Probabilities(network, temperature).eval(), network.config, options.max_length, pad),),
        write_resources=partial(write_tokenizer, tokenizer, options.max_length),
        save=partial(_save, network, tokenizer),
        checks=(same_tokens(tokenizer, options.max_length, ClassificationCodec.token_ids, "text"),),
        facts={
            "backbone": source.name,
            "licence": source.licence or "not stated (model.licence= records it)",
            "parameters": sum(p.numel() for p in network.parameters()),
            "max_length": options.max_length,
            "temperature": temperature,
            **training,
        },
    )


def abstention(options: Classification, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Codec settings: the threshold that gives the precision asked for on validation, if one is asked for."""
    if options.abstain_precision is None:
        return {}
    confidence, right = softmax(logits, axis=-1).max(-1), logits.argmax(-1) == targets
    return {
        "precision": options.abstain_precision,
        "threshold": threshold_for(options.abstain_precision, confidence, right),
    }


def predict_logits(classifier: Classifier, rows: TokenizedRows, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (rows, classes) and targets (rows,) of a split, shortest rows first, in fp32 eval mode."""
    loader = batches(rows, LengthBucketSampler(rows.lengths, 64, shuffle=False), pad)
    classifier.eval()
    with torch.inference_mode():
        pairs = [(classifier(batch).numpy(), batch["labels"].numpy()) for batch in loader]
    return np.concatenate([logits for logits, _ in pairs]), np.concatenate([targets for _, targets in pairs])


def graph(module: Probabilities, config: Any, max_length: int, pad: int) -> Graph:
    axes = ("batch", "sequence")
    return Graph(
        "classifier",
        inputs=(Tensor("input_ids", "int64", axes, pad=pad), Tensor("attention_mask", "int64", axes)),
        outputs=(Tensor("probabilities", "float32", ("batch", config.num_labels)),),
        axes={"sequence": (1, max_length)},
        tolerance={"probabilities": TOLERANCE},
        decides="probabilities",
        module=module,
        example=partial(example, vocabulary=config.vocab_size),
    )


def example(sizes: Mapping[str, int], vocabulary: int) -> Tensors:
    """Random token ids; the second half of every other row is padding."""
    batch, sequence = sizes["batch"], sizes["sequence"]
    ids = np.random.default_rng(batch * 1000 + sequence).integers(min(5, vocabulary - 1), vocabulary, (batch, sequence))
    mask = np.ones((batch, sequence), dtype=np.int64)
    mask[1::2, max(1, sequence // 2) :] = 0
    return {"input_ids": ids.astype(np.int64), "attention_mask": mask}


def _save(network: Any, tokenizer: Any, folder: Path) -> None:
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
