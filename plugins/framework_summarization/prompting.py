"""Prompts language models with texts, and checks the tokens against transformers. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from framework import Check, Reference, Request, Settings, message
from framework_summarization import CODEC, Summarization
from framework_summarization.codec import SummarizationCodec, response
from framework_summarization.data import SummarizationData
from framework_summarization.settings import settings_of, window
from framework_summarization.validation import task_problems
from framework_text.generation.pairs import Pair
from framework_text.generation.prompting import Example, Prompting

LONG, JOINED = 3, 8  # number of long references, and of texts concatenated for each, both at most


class SummaryPrompting(Prompting[Summarization, SummarizationData, SummarizationCodec]):
    """See `Prompting`."""

    codec_name: ClassVar[str] = CODEC
    read_limit: ClassVar[tuple[str, str]] = ("max_text", message("the end of the text is not learned"))
    written_limit: ClassVar[tuple[str, str]] = ("max_summary", message("the end of the summary is not learned"))

    def problems(self, options: Summarization) -> list[str]:
        return task_problems(options)

    def settings(self, tokenizer: Any, network: Any, options: Summarization) -> dict[str, Any]:
        return settings_of(tokenizer, network, options)

    def window(self, settings: Settings, network: Any) -> tuple[int, int]:
        return window(settings, network)

    def codec(self, settings: Settings, resources: Path) -> SummarizationCodec:
        return SummarizationCodec(settings, resources)

    def examples(self, data: SummarizationData, split: str) -> Sequence[Example]:
        return data.pairs(split)

    def pair(self, codec: SummarizationCodec, example: Example) -> Pair:
        text, summary = example
        ids = codec.text_ids({"text": text})
        cut = len(codec.written(summary)) > codec.max_summary
        return Pair(codec.prompt_ids(ids), codec.answer(summary), len(ids) > codec.max_text, cut)

    def text(self, example: Example) -> str:
        return "\n".join(example)

    def checks(self, codec: SummarizationCodec, settings: Settings, tokenizer: Any) -> tuple[Check, ...]:
        return (Check(message("tokens equal transformers' tokenizer"), partial(_other_tokens, tokenizer, codec)),)

    def references(self, codec: SummarizationCodec, network: Any, requests: Sequence[Request]) -> list[Reference]:
        """Answers to the first texts, and to texts that fill the window."""
        from framework_text.generation.reference import PROMPTS, TOKENS, generated

        limit = min(TOKENS, codec.max_new_tokens)
        long = [
            {"text": " ".join(request["text"] for request in requests[turn : turn + JOINED])}
            for turn in range(min(LONG, len(requests)))
        ]
        samples = [{"text": request["text"], "max_tokens": limit, "windows": 1} for request in [*long, *requests][:PROMPTS]]
        texts = [codec.text_ids(request) for request in samples]
        answers = generated(network, [codec.prompt_ids(ids) for ids in texts], limit, codec.end_ids)
        return [
            (request, response(codec.read(tokens).strip(), stopped, len(ids) > codec.max_text, 1))
            for request, ids, (tokens, stopped) in zip(samples, texts, answers, strict=True)
        ]

    def refers(self, codec: SummarizationCodec) -> bool:
        return codec.sampling.greedy


def _other_tokens(reference: Any, codec: SummarizationCodec, requests: Sequence[Request]) -> list[int]:
    """Numbers of the requests whose tokens differ from transformers'."""
    texts = [request["text"] for request in requests]
    expected = reference(texts, add_special_tokens=False, verbose=False)["input_ids"]
    pairs = enumerate(zip(requests, expected, strict=True))
    return [row for row, (request, ids) in pairs if codec.text_ids(request) != list(ids)]
