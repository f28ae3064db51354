"""Generators: the decoder as a graph with a cache, and decoding in numpy, held to transformers' own `generate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from framework import Backend, Graph, ModuleBackend, Request, Response, Steps, Tensors
from framework.export.parity import Parity, compare_shapes
from framework.export.writing import export, open_backend, paths
from framework.plugins import load_plugins
from framework.runtime.onnx import open_onnx
from framework.runtime.scheduler import Scheduler
from framework_onnx import OnnxInt4
from framework_onnx.int4_search import candidates
from framework_text.generation.decoder import decoder_graph
from framework_text.generation.decoding import Sampling, choose, decode
from framework_text.generation.fitting import padding
from framework_text.generation.head import Head
from framework_text.generation.module import Writer
from framework_text.generation.options import Writing
from framework_text.generation.rows import PromptCollator, PromptedRows
from tests.plugins.test_seq2seq import tiny as tiny_seq2seq

END, WINDOW, NEW = 2, 64, 12
SIZES = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": END,
}  # fmt: skip
SLIDING = {"sliding_window": 7, "head_dim": 8}  # far shorter than the prompts below
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "llama": SIZES,
    "mistral": SIZES | {"sliding_window": 7},
    "qwen2": SIZES,
    "qwen3": SIZES | {"head_dim": 8},
    "gemma2": SIZES | SLIDING,
    "gemma3_text": SIZES | SLIDING | {"num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"],
                                      "num_key_value_heads": 1},
    "gpt2": {"vocab_size": 97, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256, "bos_token_id": 1,
             "eos_token_id": END},
}  # fmt: skip
PROMPTS = [np.random.default_rng(i).integers(5, 97, length).tolist() for i, length in enumerate((1, 3, 9, 20, 33))]


class Tokens:
    """A codec of token ids alone."""

    version = 1

    def start(self, request: Request) -> Steps:
        found = yield from decode(request["ids"], NEW, {END}, Sampling())
        return {"tokens": found.tokens, "stopped": found.stopped}


def tiny(family: str) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for weights in model.parameters():
        if weights.ndim > 1:
            weights.data *= 3.0  # random weights of the usual size hardly tell tokens apart
    return model


def generated(model: Any) -> list[Response]:
    """What transformers says, one prompt at a time."""
    answers = []
    for prompt in PROMPTS:
        given = torch.tensor([prompt])
        whole = model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=NEW, do_sample=False, pad_token_id=0
        )[0, len(prompt) :].tolist()
        answers.append({"tokens": whole[: whole.index(END)] if END in whole else whole, "stopped": END in whole})
    return answers


def decoded(backend: Backend, graph: Graph, model: Any) -> list[Response]:
    """All prompts at once: short and long ones share their runs, and those that end leave the others."""
    codec: Any = Tokens()
    return Scheduler(codec, backend, [graph]).answer([{"ids": prompt} for prompt in PROMPTS])


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_equal_those_of_generate(family: str) -> None:
    model = tiny(family)
    expected = generated(model)
    graph = decoder_graph(model, WINDOW)
    assert decoded(ModuleBackend([graph]), graph, model) == expected
    assert len({tuple(answer["tokens"]) for answer in expected}) == len(PROMPTS)


Exported = tuple[Any, Graph, dict[str, Path]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A tiny Gemma 3 with windows, its graph, and its fp32 ONNX file."""
    return written(tmp_path_factory.mktemp("decoder"), "onnx")


def written(folder: Path, exporter: str) -> Exported:
    model = tiny("gemma3_text")
    graph, chosen = decoder_graph(model, WINDOW), load_plugins().exporter(exporter)
    return model, graph, paths(folder, export([graph], chosen, chosen.options(), folder, None))


def check_exact(exported: Exported, exporter: str) -> None:
    model, graph, files = exported
    backend, module = open_backend([graph], load_plugins().exporter(exporter), files), ModuleBackend([graph])
    parity = Parity()
    compare_shapes(parity, [graph], module, backend)
    parity.require(exporter)
    assert decoded(backend, graph, model) == decoded(module, graph, model)


def test_an_onnx_decoder_equals_the_module_and_says_the_same(exported: Exported) -> None:
    check_exact(exported, "onnx")


def test_a_torchscript_decoder_equals_the_module_and_says_the_same(tmp_path: Path) -> None:
    check_exact(written(tmp_path, "torchscript"), "torchscript")


def test_norms_are_written_as_onnxruntime_knows_them_and_no_path_of_this_machine_is(exported: Exported) -> None:
    _, graph, files = exported
    assert "Reciprocal" not in {node.op_type for node in onnx.load(files[graph.name]).graph.node}
    assert b"/site-packages/" not in files[graph.name].read_bytes()


@pytest.mark.parametrize(
    ("name", "apart", "share"),
    [("int8 block 16", 0.02, 0.6), ("int4 block 16 head int8", 0.2, 0.5), ("int4 block 32 head fp32", 0.2, 0.65)],
)
def test_a_decoder_in_blocks_says_nearly_the_same_and_is_smaller(
    exported: Exported, tmp_path: Path, name: str, apart: float, share: float
) -> None:
    _, graph, files = exported
    (variant,) = candidates([graph], tmp_path, OnnxInt4(candidates=[name]), files)
    small = tmp_path / variant.files[graph.name]
    assert small.stat().st_size < share * files[graph.name].stat().st_size
    assert graph.example is not None
    feeds = graph.example({"batch": 3, "sequence": 5, "past": 7, "kept": 2})
    exact, rounded = (open_onnx([graph], {graph.name: path}).run(graph.name, feeds) for path in (files[graph.name], small))
    for output in ("logits", "new"):
        assert np.abs(rounded[output] - exact[output]).mean() < apart * np.abs(exact[output]).mean()
    alone = open_onnx([graph], {graph.name: small}).run(graph.name, {key: value[:1] for key, value in feeds.items()})
    assert np.abs(alone["logits"] - rounded["logits"][:1]).mean() < 0.02 * np.abs(exact["logits"]).mean()


def test_a_new_prompt_is_read_alone_and_joins_the_running_ones_as_long_as_there_is_room() -> None:
    model = tiny("llama")
    graph = decoder_graph(model, WINDOW)
    codec: Any = Tokens()
    backend = ModuleBackend([graph])
    scheduler = Scheduler(codec, backend, [graph])
    running = [scheduler.start({"ids": prompt}) for prompt in PROMPTS[1:3]]
    for job in running:
        (outputs,) = scheduler.run([job])
        scheduler.advance(job, outputs)
    fresh = scheduler.start({"ids": PROMPTS[4]})
    assert scheduler.choose([running[0], fresh, running[1]]) == [fresh]
    scheduler.advance(fresh, *scheduler.run([fresh]))
    assert set(map(id, scheduler.choose([*running, fresh]))) == set(map(id, [*running, fresh]))
    full = Scheduler(codec, backend, [graph], rows=3)
    late = full.start({"ids": PROMPTS[3]})
    assert full.choose([late, *running, fresh])[0] is running[0]


def test_more_requests_than_run_at_once_are_all_answered_though_they_end_together() -> None:
    model = tiny("llama")
    graph = decoder_graph(model, WINDOW)
    codec: Any = Tokens()
    requests = [{"ids": prompt} for prompt in PROMPTS]
    expected = Scheduler(codec, ModuleBackend([graph]), [graph]).answer(requests)
    assert Scheduler(codec, ModuleBackend([graph]), [graph], rows=2).answer(requests) == expected
    assert Scheduler(codec, ModuleBackend([graph]), [graph], rows=2).answer(requests[:1] * 5) == expected[:1] * 5
    watched = Widths(ModuleBackend([graph]))
    Scheduler(codec, watched, [graph], rows=2).answer(requests)
    assert any(width > 1 for width, _ in watched.runs)
    assert all(width == 1 or not past for width, past in watched.runs)  # a prompt never stretches the steps of others


class Widths:
    """A backend that notes of each run how many tokens are new, and how many there are already."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.runs: list[tuple[int, int]] = []

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        self.runs.append((feeds["input_ids"].shape[1], int(feeds["past_mask"].sum())))
        return self.backend.run(graph, feeds)


LOGITS = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(temperature=1.0), [0.5, 0.3, 0.15, 0.05]),
        (Sampling(temperature=1e-320), [1, 0, 0, 0]),
        (Sampling(temperature=1.0, top_k=2), [0.625, 0.375, 0, 0]),
        (Sampling(temperature=1.0, top_p=0.6), [0.625, 0.375, 0, 0]),
        (Sampling(temperature=1.0, top_p=0.5), [1, 0, 0, 0]),
        (Sampling(temperature=0.5), [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
        (Sampling(), [1, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_the_sampling_says(sampling: Sampling, expected: list[float]) -> None:
    random = np.random.default_rng(0)
    drawn = np.bincount([choose(LOGITS, [], sampling, random) for _ in range(4000)], minlength=4) / 4000
    assert drawn == pytest.approx(expected, abs=0.03)


def test_what_was_said_is_less_likely_under_a_repetition_penalty() -> None:
    random = np.random.default_rng(0)
    assert choose(LOGITS, [0, 0], Sampling(repetition_penalty=3.0), random) == 1
    assert choose(-LOGITS, [3], Sampling(repetition_penalty=3.0), random) == 2


def test_little_of_what_is_run_is_padding_however_few_and_unequal_the_rows() -> None:
    random = np.random.default_rng(0)
    prompts = [[5] * int(length) for length in np.exp(random.normal(4, 0.8, 90)).astype(int) + 1]
    answers = [[6] * int(length) for length in random.integers(2, 40, 90)]
    rows = PromptedRows(prompts, answers)
    for apart in (False, True):
        for batch_size in (4, 16):
            assert padding(rows, batch_size, 0, apart=apart, split=False) > 0.05
            assert 0 <= padding(rows, batch_size, 0, apart=apart) <= 0.05


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_rows_run_apart_from_longer_ones_count_as_in_one_batch(family: str) -> None:
    model = tiny_seq2seq("t5") if family == "t5" else tiny(family)
    apart = model.config.is_encoder_decoder
    rows = PromptedRows([[7] * 40, [8, 9], [5, 6, 7], [9] * 39], [[9, 10, 3], [11, 12, 13, 3], [3], [12] * 4])
    batch = PromptCollator(0, apart=apart)([rows[i] for i in range(4)])
    shapes: list[tuple[int, int]] = []
    reads = model.get_encoder() if apart else model.base_model
    reads.register_forward_pre_hook(lambda module, _, given: shapes.append(given["input_ids"].shape), with_kwargs=True)
    with torch.no_grad():
        found = functional.cross_entropy(*Writer(model, Writing(adapter="none"))(batch))
        assert len(shapes) > 1
        assert sum(rows * length for rows, length in shapes) < batch["input_ids"].numel() / 1.5
        torch.testing.assert_close(found, model(**batch).loss)


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2"])
def test_the_faster_product_of_the_head_is_the_plain_one(family: str) -> None:
    """One caps its logits, one ties its weights; where gradients are wanted the model's own layer is called."""
    model = tiny(family)
    head = Head(model)
    for rows in (1, 5):
        hidden = torch.randn(rows, 3, model.config.hidden_size, generator=torch.Generator().manual_seed(rows))
        learning = head(hidden)
        with torch.no_grad():
            found = head(hidden)
        assert learning.requires_grad
        assert not found.requires_grad
        assert found.shape == (rows, 3, 97)
        assert torch.allclose(found, learning, atol=1e-5)
