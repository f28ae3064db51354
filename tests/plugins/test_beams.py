"""Beam search, penalties, lengths and stop texts, held to transformers' own `generate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from framework import Event, Graph, ModuleBackend, Request, Response, Steps
from framework.runtime.scheduler import Scheduler
from framework_text.generation.decoder import decoder_graph
from framework_text.generation.decoding import Sampling, Source, decode, encode
from framework_text.generation.seq2seq import seq2seq_graphs
from tests.plugins import test_generation, test_seq2seq

NEW = 12
ENDS = frozenset([1, *range(4, 20)])  # so many that answers end at all lengths


class Tokens:
    """A codec of token ids alone, each the text of its number."""

    version = 1

    def __init__(self, sampling: Sampling, forced: Sequence[int | None] | None, ends: frozenset[int] = ENDS) -> None:
        self.sampling, self.forced, self.ends = sampling, forced, ends

    def start(self, request: Request) -> Steps:
        prompt, source = request["ids"], None
        if self.forced is not None:
            prompt, source = [test_seq2seq.START], Source((yield from encode(request["ids"])), *self.forced)
        found = yield from decode(
            prompt, NEW, self.ends, self.sampling, source, lambda tokens: "".join(f"{t}," for t in tokens)
        )
        return {"tokens": found.tokens, "text": found.text, "stopped": found.stopped}


def prepared(family: str) -> tuple[Any, tuple[Graph, ...]]:
    if family in test_generation.FAMILIES:
        model = test_generation.tiny(family)
        return model, (decoder_graph(model, 64),)
    model = test_seq2seq.tiny(family)
    return model, seq2seq_graphs(model, 40, NEW)


def answered(model: Any, graphs: tuple[Graph, ...], sampling: Sampling, ends: frozenset[int] = ENDS) -> list[Response]:
    """All prompts at once, so that beams of different ages share their runs."""
    config = model.generation_config
    forced = (config.forced_bos_token_id, config.forced_eos_token_id) if len(graphs) > 1 else None
    codec: Any = Tokens(sampling, forced, ends)
    return Scheduler(codec, ModuleBackend(graphs), graphs).answer([{"ids": prompt} for prompt in test_generation.PROMPTS])


def generated(model: Any, **options: Any) -> list[list[int]]:
    """What transformers says, one prompt at a time, up to the token that ends it."""
    answers = []
    for prompt in test_generation.PROMPTS:
        given = torch.tensor([prompt])
        whole = model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=NEW, do_sample=False, eos_token_id=sorted(ENDS),
            pad_token_id=0, **options,
        )[0, 1 if model.config.is_encoder_decoder else len(prompt) :].tolist()  # fmt: skip
        answers.append(whole[: next((place for place, token in enumerate(whole) if token in ENDS), len(whole))])
    return answers


@pytest.mark.parametrize(
    ("family", "sampling"),
    [
        ("llama", Sampling(beams=3)),
        ("llama", Sampling(beams=3, early_stopping=True, length_penalty=2.0)),
        ("llama", Sampling(beams=2, length_penalty=-1.0, repetition_penalty=1.4)),
        ("gemma3_text", Sampling(beams=3, no_repeat_ngram=2, min_new_tokens=5)),
        ("t5", Sampling(beams=3)),
        ("bart", Sampling(beams=3)),
        ("bart", Sampling(beams=4, length_penalty=2.0, early_stopping=True, no_repeat_ngram=1)),
        ("llama", Sampling(repetition_penalty=1.4, no_repeat_ngram=2, min_new_tokens=6)),
        ("bart", Sampling(repetition_penalty=1.4, no_repeat_ngram=1, min_new_tokens=6)),
    ],
)
def test_tokens_equal_those_of_generate(family: str, sampling: Sampling) -> None:
    model, graphs = prepared(family)
    expected = generated(
        model, num_beams=sampling.beams, length_penalty=sampling.length_penalty, early_stopping=sampling.early_stopping,
        repetition_penalty=sampling.repetition_penalty, no_repeat_ngram_size=sampling.no_repeat_ngram,
        min_new_tokens=sampling.min_new_tokens,
    )  # fmt: skip
    assert [answer["tokens"] for answer in answered(model, graphs, sampling)] == expected


def test_a_token_that_is_forced_at_the_limit_does_not_count_as_an_end() -> None:
    model, graphs = prepared("bart")
    for answer in answered(model, graphs, Sampling(), frozenset([test_seq2seq.END])):
        assert answer["tokens"][0] == 3
        assert (len(answer["tokens"]), answer["stopped"]) == (NEW - 1, False)


@pytest.mark.parametrize("beams", [1, 3])
def test_stop_texts_cut_the_answer_off_and_are_not_announced(beams: int) -> None:
    model, graphs = prepared("llama")
    whole = answered(model, graphs, Sampling(beams=beams, max_new_tokens=6), frozenset())
    assert [len(answer["tokens"]) for answer in whole] == [6] * len(whole)
    assert not any(answer["stopped"] for answer in whole)
    text = whole[0]["text"]
    stop = text[len(text) // 2 :][:3]
    heard: list[Event] = []
    codec: Any = Tokens(Sampling(beams=beams, stop=("never", stop)), None, frozenset())
    scheduler = Scheduler(codec, ModuleBackend(graphs), graphs)
    job = scheduler.start({"ids": test_generation.PROMPTS[0]}, heard.append)
    while job.call is not None:
        scheduler.advance(job, *scheduler.run([job]))
    cut = job.response
    assert cut is not None
    assert cut["stopped"]
    assert stop not in cut["text"]
    assert ({} in [event.data for event in heard]) == (beams > 1)  # a search shows that it goes on
    said = "".join(f"{event.data['token']}," for event in heard if event.data)
    assert cut["text"].startswith(said)
    assert said
    if beams == 1:
        assert text.startswith(cut["text"] + stop)


def test_what_may_become_a_stop_text_is_announced_when_it_did_not() -> None:
    codec = Tokens(Sampling(stop=("7,8,", "9,9,9,")), None, frozenset([0]))

    def announced(said: Sequence[int]) -> list[tuple[int, list[int]]]:
        """The tokens announced after each token."""
        steps, found = codec.start({"ids": [1]}), []
        next(steps)
        for token in said:
            heard: list[int] = []
            try:
                step = steps.send({"logits": np.eye(20, dtype=np.float32)[[[token]]]})
                while isinstance(step, Event):
                    heard.append(step.data["token"])
                    step = next(steps)
            except StopIteration:
                pass
            found.append((token, heard))
        return found

    assert announced([5, 7, 6]) == [(5, [5]), (7, []), (6, [7, 6])]
    assert announced([9, 9, 2, 7, 8]) == [(9, []), (9, []), (2, [9, 9, 2]), (7, []), (8, [])]
    assert announced([9, 0]) == [(9, []), (0, [9])]
