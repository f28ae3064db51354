"""What `check` says about texts and summaries beyond what every run says. No torch."""

from __future__ import annotations

from framework import Problem, Section
from framework_summarization import Summarization
from framework_summarization.codec import SummarizationCodec
from framework_summarization.data import SummarizationData
from framework_summarization.settings import settings_of
from framework_text.generation.options import Writing
from framework_text.generation.preview import SAMPLE, Limit, Seen, preview, unconverted
from framework_text.generation.seq2seq_frame import described


def inspect(data: SummarizationData, options: Summarization, model: Writing) -> tuple[list[Section], list[Problem]]:
    train = data.splits.train
    pairs = data.pairs(train.take(range(min(SAMPLE, len(train)))))
    found = described(model, options.max_text, "task.max_text=")
    if found is None:
        return [unconverted(model.backbone.name)], _longer(pairs)
    tokenizer, network = found
    codec = tokenizer.codec(SummarizationCodec, settings_of(tokenizer, network, options))
    seen = [_seen(codec, *pair) for pair in pairs]
    prompts = Limit(f"task.max_text={options.max_text}", "the end of the text is not learned")
    answers = Limit(f"task.max_summary={options.max_summary}", "the end of the summary is not learned")
    texts = [f"{text}\n{summary}" for text, summary in pairs]
    sections, problems = preview(tokenizer.backend, seen, texts, len(train), prompts, answers)
    return sections, [*_longer(pairs), *problems]


def _seen(codec: SummarizationCodec, text: str, summary: str) -> Seen:
    ids, whole = codec.text_ids({"text": text}), codec.written(summary)
    return Seen(codec.prompt_ids(ids), codec.answer(summary), len(ids) > codec.max_text, len(whole) > codec.max_summary)


def _longer(pairs: list[tuple[str, str]]) -> list[Problem]:
    count = sum(len(summary) > len(text) for text, summary in pairs)
    what = f"{count:,} summaries are longer than their texts"
    return [Problem(what, "are the columns exchanged? data.text= and data.summary= name them")] if count else []
