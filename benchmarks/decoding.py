"""Tokens a second of a causal language model: transformers' `generate` against its ONNX files, taking turns.

    python benchmarks/decoding.py runs/summarization/latest
    python benchmarks/decoding.py ./gemma-3-270m --candidates "int4 block 32" "int8 block 64"

The files of a run are compared with the model in its torch/ folder. A folder that save_pretrained wrote is exported first, in
fp32 and with candidates of `onnx_int4`, by default one of 4 and one of 8 bits, without a gate. Prompts are random tokens,
decoding is greedy, and no token ends an answer. Ratios are taken within each turn, so few turns suffice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from benchmarks.machine import heading
from framework import Backend, Codec, FrameworkError, Graph, Request, Section, Steps
from framework.artifact.sealed import open_artifact
from framework.export.writing import export, paths
from framework.plugins import load_plugins
from framework.report.console import as_text
from framework.run.folder import find_run
from framework.runtime.onnx import open_onnx
from framework.runtime.scheduler import Scheduler
from framework_onnx import BITS, OnnxInt4
from framework_onnx.int4_search import candidates
from framework_text.generation.decoder import decoder_graph
from framework_text.generation.decoding import GRAPH, Sampling, decode

if TYPE_CHECKING:
    from torch.nn import Module

GENERATE, FP32 = "transformers generate", "onnx"
PROMPT, LONG_PROMPT, STREAMS = 32, 200, 8
EXACT, ROUNDED = 3.0, 6.0  # targets: times generate


class Greedy:
    """A codec over token ids: greedily decodes exactly `limit` tokens after a prompt."""

    version = 1

    def start(self, request: Request) -> Steps:
        decoded = yield from decode(request["ids"], request["limit"], (), Sampling())
        return {"tokens": decoded.tokens}


@dataclass
class OnnxFile:
    """An ONNX file of a decoder, and its measurements in each turn."""

    name: str
    path: Path
    backend: Backend
    scheduler: Scheduler
    alone: list[float] = field(default_factory=list)
    """Tokens/s of one prompt."""
    together: list[float] = field(default_factory=list)
    """Tokens/s of all streams together."""
    first: list[float] = field(default_factory=list)
    """Seconds to the first token of a long prompt."""
    bare: list[float] = field(default_factory=list)
    """Seconds of one run of the graph on the same prompt, without a codec."""
    tokens: list[int] = field(default_factory=list)
    """Of the first prompt, in the last turn."""

    def write(self, prompts: Sequence[list[int]], limit: int) -> float:
        """Decodes all prompts together, and returns the seconds; stores the first one's tokens."""
        started = time.perf_counter()
        answers = self.scheduler.answer([{"ids": prompt, "limit": limit} for prompt in prompts])
        self.tokens = answers[0]["tokens"]
        return time.perf_counter() - started

    def run(self, prompt: list[int], graph: Graph) -> float:
        """Runs the graph once on a prompt, and returns the seconds."""
        ids = np.array([prompt], np.int64)
        shape = next(tensor.axes[2:] for tensor in graph.inputs if tensor.name == "cache")
        feeds = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "keep": np.array([[len(prompt) - 1]]),
            "past_mask": np.zeros((1, 0), np.int64),
            "cache": np.zeros((1, 0, *cast(tuple[int, ...], shape)), np.float32),
        }
        started = time.perf_counter()
        self.backend.run(GRAPH, feeds)
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="a finished run of a generator, or a folder as save_pretrained leaves it")
    parser.add_argument("--candidates", nargs="+", default=[BITS[0], BITS[2]], help="of onnx_int4, where a folder is exported")
    parser.add_argument("--tokens", type=int, default=48, help="new tokens (default 48)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant (default 3)")
    options = parser.parse_args()
    print(heading(), flush=True)
    try:
        for section in sections(options):
            print(as_text(section) + "\n", flush=True)
    except FrameworkError as error:
        sys.exit(f"error: {error}")


def sections(options: argparse.Namespace) -> Iterator[Section]:
    with contestants(options) as (model, graph, files):
        random = np.random.default_rng(0)
        vocabulary = int(model.config.vocab_size)
        prompts = random.integers(5, vocabulary, (STREAMS, PROMPT)).tolist()
        long = random.integers(5, vocabulary, LONG_PROMPT).tolist()
        rates, tokens = [], generate(model, prompts[:1], 4)[0]
        for file in files:
            file.write(prompts, 4)  # what is slow once
        for _ in range(options.rounds):
            started = time.perf_counter()
            (tokens,) = generate(model, prompts[:1], options.tokens)
            rates.append(len(tokens) / (time.perf_counter() - started))
            for file in files:
                file.together.append(STREAMS * options.tokens / file.write(prompts, options.tokens))
                file.bare.append(file.run(long, graph))
                file.first.append(file.write([long], 1))
                file.alone.append(options.tokens / file.write(prompts[:1], options.tokens))
        yield speeds(options, rates, tokens, files)
        yield beside(files)


@contextmanager
def contestants(options: argparse.Namespace) -> Iterator[tuple[Any, Graph, list[OnnxFile]]]:
    """The model of transformers, its graph, and its ONNX files."""
    from transformers import AutoModelForCausalLM

    folder = Path(options.folder)
    own = (folder / "config.json").is_file()
    model = AutoModelForCausalLM.from_pretrained(folder if own else find_run(options.folder) / "torch", dtype="float32").eval()
    model.generation_config.eos_token_id = None
    if not own:
        artifact = open_artifact(options.folder)
        graph = next(graph for graph in artifact.graphs if graph.name == GRAPH)
        variants = [artifact.variant(name) for name, entry in artifact.manifest.variants.items() if entry.format == "onnx"]
        named = {f"{v.name} ({v.precision})" if v.name != FP32 else FP32: artifact.paths(v)[GRAPH] for v in variants}
        yield model, graph, [_file(name, path, graph) for name, path in named.items()]
        return
    with tempfile.TemporaryDirectory() as place:
        graph = decoder_graph(AutoModelForCausalLM.from_pretrained(folder, dtype="float32"), 1024)
        yield model, graph, list(_exported(graph, Path(place), options.candidates))


def _exported(graph: Graph, place: Path, names: Sequence[str]) -> Iterator[OnnxFile]:
    onnx = load_plugins().exporter(FP32)
    base = paths(place, export([graph], onnx, onnx.options(), place, None))
    cast("Module", graph.source).to("meta")  # its weights are in the file
    yield _file(FP32, base[GRAPH], graph)
    for number, name in enumerate(names):
        folder = place / str(number)
        folder.mkdir()
        (variant,) = candidates([graph], folder, OnnxInt4(candidates=[name]), base)
        yield _file(name, folder / variant.files[GRAPH], graph)


def _file(name: str, path: Path, graph: Graph) -> OnnxFile:
    backend = open_onnx([graph], {GRAPH: path})
    return OnnxFile(name, path, backend, Scheduler(cast(Codec, Greedy()), backend, [graph]))


def generate(model: Any, prompts: Sequence[list[int]], limit: int) -> list[list[int]]:
    """Greedy answers of `generate` with transformers' default cache. prompts: of one length."""
    import torch

    ids = torch.tensor(prompts)
    with torch.inference_mode():
        outputs = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False, pad_token_id=0
        )
    tokens: list[list[int]] = outputs[:, ids.shape[1] :].tolist()
    return tokens


def speeds(options: argparse.Namespace, rates: list[float], tokens: list[int], files: Sequence[OnnxFile]) -> Section:
    rows: list[tuple[str, ...]] = [(GENERATE, "", f"{max(rates):.1f}", f"{median(rates):.1f}", "1.00", "", "")]
    for file in files:
        times = median(mine / theirs for mine, theirs in zip(file.alone, rates, strict=True))
        target = EXACT if file.name == FP32 else ROUNDED
        same = next((i for i, pair in enumerate(zip(file.tokens, tokens, strict=True)) if pair[0] != pair[1]), len(tokens))
        rows.append(
            (
                file.name,
                f"{_size(file.path) / 1e6:.0f}",
                f"{max(file.alone):.1f}",
                f"{median(file.alone):.1f}",
                f"{times:.2f}",
                _verdict(">=", target, times),
                f"{same} of {len(tokens)}",
            )
        )
    header = ("", "MB", "best tokens/s", "median", "x generate", "target", "first tokens as generate's")
    note = (
        f"One prompt of {PROMPT} tokens, {options.tokens} new ones, {len(rates)} turns; x is the median of the turns' ratios."
    )
    return Section(f"{options.folder}: one at a time", header, rows, note)


def beside(files: Sequence[OnnxFile]) -> Section:
    """The time to the first token beside the bare run of the graph, and the gain of several streams."""
    rows = []
    for file in files:
        ratio = median(a / b for a, b in zip(file.first, file.bare, strict=True))
        gain = median(a / b for a, b in zip(file.together, file.alone, strict=True))
        rows.append(
            (
                file.name,
                f"{1000 * median(file.first):.0f}",
                f"{1000 * median(file.bare):.0f}",
                f"{ratio:.2f}",
                _verdict("<=", 1.5, ratio),
                f"{median(file.together):.1f}",
                f"{gain:.2f}",
                _verdict(">=", 2, gain),
            )
        )
    streams = (f"tokens/s of {STREAMS} streams", "x one stream", "target")
    header = ("", "ms to first token", "ms of the bare run", "x", "target", *streams)
    return Section(f"A prompt of {LONG_PROMPT} tokens, and {STREAMS} streams at once", header, rows, "Medians.")


def _verdict(sign: str, target: float, value: float) -> str:
    return f"{sign} {target:g}: {'reached' if (value <= target if sign == '<=' else value >= target) else 'missed'}"


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.iterdir() if file.name.startswith(path.name))


if __name__ == "__main__":
    main()
