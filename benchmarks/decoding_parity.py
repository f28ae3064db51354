"""Compares an ONNX decoder with transformers' `generate`, greedily and token for token, on prompts of a run's own data.

    python benchmarks/decoding_parity.py runs/summarization/latest --prompts 200 --tokens 64

The fp32 file of a run is compared with the model in its torch/ folder. An answer that differs counts as a tie where
transformers' two best logits at the first different token are within 1e-4 of each other. For speed, `generate` takes batches
of eight prompts of similar length, truncated to the shortest, so that none has padding.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.decoding import FP32, Greedy, generate
from benchmarks.machine import heading
from benchmarks.run_rows import splits_of
from framework import FrameworkError, Section
from framework.artifact.manifest import RESOURCES
from framework.artifact.sealed import open_artifact
from framework.export.stateful_parity import TIE
from framework.plugins import load_plugins
from framework.report.console import as_text
from framework.run.folder import find_run
from framework.runtime.onnx import open_onnx
from framework.runtime.scheduler import Scheduler
from framework_text.generation.decoding import GRAPH

TOGETHER = 8  # prompts in a batch: of one length for generate, of different lengths for our scheduler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="a finished run of a generator with a decoder-only model")
    parser.add_argument("--prompts", type=int, default=200, help="of test, validation and training rows (default 200)")
    parser.add_argument("--tokens", type=int, default=64, help="new ones (default 64)")
    options = parser.parse_args()
    print(heading(), flush=True)
    try:
        print(as_text(compare(options.run, options.prompts, options.tokens)))
    except FrameworkError as error:
        sys.exit(f"error: {error}")


def compare(run: str, count: int, limit: int) -> Section:
    from transformers import AutoModelForCausalLM

    artifact = open_artifact(run)
    model = AutoModelForCausalLM.from_pretrained(find_run(run) / "torch", dtype="float32").eval()
    model.generation_config.eos_token_id = None  # so that every answer has `limit` tokens
    graph = next(graph for graph in artifact.graphs if graph.name == GRAPH)
    greedy: Any = Greedy()
    scheduler = Scheduler(greedy, open_onnx([graph], artifact.paths(artifact.variant(FP32))), [graph])
    groups = group_by_length(prompts(run, count))
    ordered = [ids for group in groups for ids in group]
    theirs: list[list[int]] = []
    started = time.perf_counter()
    for group in tqdm(groups, unit=" groups", disable=None):
        theirs += generate(model, group, limit)
    spent = time.perf_counter() - started
    ours: list[list[int]] = [[]] * len(ordered)
    started = time.perf_counter()
    for place in range(len(groups)):
        rows = range(place, len(ordered), len(groups))
        answers = scheduler.answer([{"ids": ordered[row], "limit": limit} for row in rows])
        for row, answer in zip(rows, answers, strict=True):
            ours[row] = answer["tokens"]
    seconds = time.perf_counter() - started
    different = [answers for answers in zip(ordered, ours, theirs, strict=True) if answers[1] != answers[2]]
    ties = sum(margin(model, *answers) < TIE for answers in different)
    lengths = [len(ids) for ids in ordered]
    return Section(
        f"{run}: {FP32} beside generate",
        ("prompts", "tokens of each", "new tokens", "equal", "ties", "other", "s", "s of generate"),
        [
            (
                len(ordered), f"{min(lengths)} to {max(lengths)}", limit, len(ordered) - len(different), ties,
                len(different) - ties,
                f"{seconds:.0f}", f"{spent:.0f}",
            )
        ],
        f"{TOGETHER} answers at a time: generate's of prompts of one length, ours of different ones.",
    )  # fmt: skip


def group_by_length(prompts: list[list[int]]) -> list[list[list[int]]]:
    """Prompts in groups of `TOGETHER` of similar length, each cut to the shortest of its group."""
    ordered = sorted(prompts, key=len)
    groups = [ordered[place : place + TOGETHER] for place in range(0, len(ordered), TOGETHER)]
    return [[ids[: len(group[0])] for ids in group] for group in groups]


def prompts(run: str, count: int) -> list[list[int]]:
    """The prompts of requests in tokens, by the artifact's codec: test rows first, then validation and training rows."""
    artifact = open_artifact(run)
    task, sealed = load_plugins().task(artifact.manifest.task), artifact.manifest.codec
    splits = splits_of(run)
    codec = load_plugins().codec(sealed.name)(sealed.settings, artifact.folder / RESOURCES)
    requests = [request for table in (splits.test, splits.validation, splits.train) for request in task.requests(table)]
    return [first_call(codec, request) for request in requests[:count]]


def first_call(codec: Any, request: Any) -> list[int]:
    call = next(codec.start(codec.parse(request)))
    ids: list[int] = call.feeds["input_ids"][0].tolist()
    return ids


def margin(model: Any, ids: list[int], mine: list[int], other: list[int]) -> float:
    """The difference of transformers' two best logits at the first token in which the answers differ."""
    at = next(place for place, pair in enumerate(zip(mine, other, strict=True)) if pair[0] != pair[1])
    with torch.inference_mode():
        logits = model(torch.tensor([[*ids, *other[:at]]])).logits[0, -1]
    best = logits.topk(2).values
    return float(best[0] - best[1])


if __name__ == "__main__":
    main()
