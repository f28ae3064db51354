"""Encoder-decoder models: two graphs and decoding in numpy, held to transformers' own `generate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from framework import Backend, Graph, ModuleBackend, Request, Response, Steps
from framework.export.parity import Parity, compare_shapes
from framework.export.writing import export, open_backend, paths
from framework.plugins import load_plugins
from framework.runtime.scheduler import Scheduler
from framework_text.generation.decoding import Sampling, Source, decode, encode
from framework_text.generation.seq2seq import seq2seq_graphs

PAD, END, START, NEW = 0, 1, 0, 12
IDS = {"vocab_size": 97, "pad_token_id": PAD, "eos_token_id": END, "decoder_start_token_id": START}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "relative_attention_max_distance": 12, **IDS}
BART = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 64, "bos_token_id": 3,
    "forced_eos_token_id": END, **IDS,
}  # fmt: skip
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "t5": T5,
    "mt5": T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "bart": BART,
    "mbart": BART | {"scale_embedding": True},
    "pegasus": BART,
}
SOURCES = [np.random.default_rng(i).integers(5, 97, length).tolist() for i, length in enumerate((1, 3, 9, 20, 33))]


class Tokens:
    """A codec of token ids alone."""

    version = 1

    def __init__(self, forced: Sequence[int | None], sampling: Sampling) -> None:
        self.forced, self.sampling = forced, sampling

    def start(self, request: Request) -> Steps:
        feeds = yield from encode(request["ids"])
        found = yield from decode([START], NEW, {END}, self.sampling, Source(feeds, *self.forced))
        return {"tokens": found.tokens}


def tiny(family: str, **options: Any) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**FAMILIES[family], **options})
    model = AutoModelForSeq2SeqLM.from_config(config, dtype=torch.float32).eval()
    for weights in model.parameters():
        if weights.ndim > 1:
            weights.data *= 3.0  # random weights of the usual size hardly tell tokens apart
    for name, weights in model.named_parameters():
        if "encoder_attn" in name:
            weights.data *= 4.0  # nor sources
    model.lm_head.weight = torch.nn.Parameter(torch.randn(97, 32))  # a head that reads embeddings repeats what it reads
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias.normal_()
    if family == "bart":
        model.generation_config.forced_bos_token_id = 3
    return model


def generated(model: Any, **options: Any) -> list[Response]:
    """What transformers says, one source at a time."""
    answers = []
    for source in SOURCES:
        given = torch.tensor([source])
        whole = model.generate(given, attention_mask=torch.ones_like(given), max_new_tokens=NEW, do_sample=False, **options)[
            0, 1:
        ].tolist()
        answers.append({"tokens": whole[: whole.index(END)] if END in whole else whole})
    return answers


def decoded(backend: Backend, graphs: Sequence[Graph], model: Any, sampling: Sampling = Sampling()) -> list[Response]:  # noqa: B008
    """All sources at once: short and long ones share their runs, and those that end leave the others."""
    config = model.generation_config
    codec: Any = Tokens((config.forced_bos_token_id, config.forced_eos_token_id), sampling)
    return Scheduler(codec, backend, graphs).answer([{"ids": source} for source in SOURCES])


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_equal_those_of_generate(family: str) -> None:
    model = tiny(family)
    expected = generated(model)
    graphs = seq2seq_graphs(model, 40, NEW)
    assert decoded(ModuleBackend(graphs), graphs, model) == expected
    assert len({tuple(answer["tokens"]) for answer in expected}) == len(SOURCES)


@pytest.mark.parametrize(("family", "exporter"), [("t5", "torchscript"), ("bart", "onnx")])  # T5's ONNX: test_summarization
def test_exported_graphs_equal_the_modules_and_say_the_same(tmp_path: Path, family: str, exporter: str) -> None:
    model = tiny(family, decoder_layers=1, encoder_layers=1) if family == "bart" else tiny(family)
    graphs = seq2seq_graphs(model, 40, NEW)
    chosen = load_plugins().exporter(exporter)
    variant = export(graphs, chosen, chosen.options(), tmp_path, None)
    backend = open_backend(graphs, chosen, paths(tmp_path, variant))
    parity = Parity()
    compare_shapes(parity, graphs, ModuleBackend(graphs), backend)
    parity.require(exporter)
    assert decoded(backend, graphs, model) == decoded(ModuleBackend(graphs), graphs, model)
