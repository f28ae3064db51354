"""The codec of summarization: makes a prompt of a text, and decodes its summary token by token. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import InputError, Interface, Request, Response, Scores, Settings, Steps, message
from framework_summarization.windows import windows
from framework_text.generation.decoding import Sampling
from framework_text.generation.prompts import Answering
from framework_text.generation.sampling import DRAWN, option_problems, sampling_of
from framework_text.generation.streaming import Completion, reader, stream_text
from framework_text.requests import text_of
from framework_text.tokenizer import read_tokenizer

VERSION = 3
BRIEF = 8  # tokens of summaries in golden examples, at most: these are replayed wherever the artifact is opened
TEXT: Mapping[str, Any] = {"type": "string", "title": message("Text"), "description": message("The text to summarize")}
ODD_TEXTS = ("", " ", "a", "?!", "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")


def as_text(value: str) -> str:
    """The text in `value`: a text, or a JSON list of sentences, which are joined by spaces."""
    return " ".join(sentence.strip() for sentence in references(value))


def references(value: str) -> list[str]:
    """The texts in `value`: a single text, or a JSON list of texts."""
    if value.lstrip().startswith("["):
        try:
            texts = json.loads(value)
        except ValueError:
            return [value]
        if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts):
            return texts
    return [value]


class SummarizationCodec(Scores):
    """Summarizes a text with a language model, window by window.

    settings: max_text, max_summary: tokens of a window and of a summary, at most; windows: windows of a text, at most;
    max_new_tokens: tokens of a summary with forced tokens, at most; end_ids: tokens that end a summary; prefix_ids, suffix_ids:
    tokens before and after the text; answer_prefix_ids, answer_prefix: tokens and text before a summary; sampling: the
    defaults of requests; decoder_ids: see `Answering`.
    """

    version = VERSION

    def __init__(self, settings: Settings, resources: Path) -> None:
        self.max_text: int = settings["max_text"]
        self.max_summary: int = settings["max_summary"]
        self.windows: int = settings["windows"]
        self.max_new_tokens: int = settings["max_new_tokens"]
        self.end_ids: set[int] = set(settings["end_ids"])
        self.prefix_ids, self.suffix_ids = list(settings["prefix_ids"]), list(settings["suffix_ids"])
        self.sampling = Sampling(**settings["sampling"])
        self.answer_prefix_ids, self.answer_prefix = list(settings["answer_prefix_ids"]), settings["answer_prefix"]
        self.answering = Answering(frozenset(self.end_ids), settings["decoder_ids"])
        self.tokenizer = read_tokenizer(resources)
        self.read = reader(self.tokenizer)
        self.options: dict[str, Mapping[str, Any]] = {
            "max_tokens": {
                "type": "integer", "minimum": 1, "maximum": self.max_new_tokens,
                "description": message(
                    "Of the summary of a window of the text; {default} where it is left out", default=self.max_new_tokens
                ),
            },
            **DRAWN,
            "windows": {
                "type": "integer", "minimum": 1, "maximum": self.windows,
                "description": message(
                    "Of {size} tokens of the text, each summarized by itself; what is beyond is not read", size=self.max_text
                ),
            },
        }  # fmt: skip

    def parse(self, request: Any) -> Request:
        text = as_text(text_of(request))
        options = {name: request[name] for name in self.options if name in request} if isinstance(request, Mapping) else {}
        if problems := option_problems(options, self.options):
            raise InputError(*problems)
        return {"text": text, **options}

    def text_ids(self, request: Request) -> list[int]:
        """Tokens of the text, before truncation."""
        ids: list[int] = self._encoded(request["text"]).ids
        return ids

    def _encoded(self, text: str) -> Any:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def prompt_ids(self, text_ids: list[int]) -> list[int]:
        """Tokens of the prompt for a text, which is truncated."""
        return [*self.prefix_ids, *text_ids[: self.max_text], *self.suffix_ids]

    def start(self, request: Request) -> Steps:
        """Summarizes each window and joins the summaries; repeats this with the joined summaries as the text while they exceed
        a window and become shorter.
        """
        limit, sampling = request.get("max_tokens", self.max_new_tokens), sampling_of(request, self.sampling)
        text, most, cut, read = request["text"], request.get("windows", self.windows), False, 0
        while True:
            encoded = self._encoded(text)
            places = windows(text, [end for _, end in encoded.offsets], self.max_text, most)
            cut = cut or places[-1][1] < len(encoded.ids)
            summaries = list[Completion]()
            for begin, end in places:
                prompt = self.prompt_ids(encoded.ids[begin:end])
                steps = self.answering.write(prompt, limit, sampling, self.read)
                summaries.append((yield from stream_text(steps, self.read)))
            read += len(places)
            joined = " ".join(summary.text for summary in summaries if summary.text)
            length = len(self._encoded(joined).ids)
            if len(summaries) == 1 or length <= self.max_text or length >= places[-1][1]:
                return response(joined, all(summary.stopped for summary in summaries), cut, read)
            text = joined

    def written(self, summary: str) -> list[int]:
        """Tokens of a summary, before truncation."""
        ids: list[int] = self._encoded(f"{self.answer_prefix}{summary.strip()}").ids
        return ids

    def answer(self, summary: str) -> list[int]:
        """Tokens of a summary as in training: truncated, with the special tokens before and after."""
        return [*self.answer_prefix_ids, *self.written(summary)[: self.max_summary], min(self.end_ids)]

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """Scores the first reference summary. nats: its negative log likelihood; summary_tokens: its number of tokens."""
        answer = self.answer(references(targets["summary"])[0])
        nats = yield from self.answering.likelihood(self.prompt_ids(self.text_ids(request)), answer)
        return {"nats": nats, "summary_tokens": len(answer)}

    def flatten(self, response: Response) -> dict[str, str]:
        return flat(response)

    def interface(self) -> Interface:
        return interface(
            {"text": TEXT, **self.options},
            f"It ended by itself, within {self.max_summary} tokens a window",
            f"Read one by one, of at most {self.max_text} tokens",
            golden_overrides={"max_tokens": min(BRIEF, self.max_new_tokens), "windows": 1},
            is_argmax=self.sampling.greedy,
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        return [*({"text": text} for text in ODD_TEXTS), {"text": "word " * 2000, "windows": 3}]


def response(summary: str, complete: bool, cut: bool, read: int) -> Response:
    """A response. complete: whether no summary was cut at a limit. cut: whether the end of the text was not read. read: number
    of windows.
    """
    return {"summary": summary, "complete": complete, "text_was_cut": cut, "windows": read}


def flat(response: Response) -> dict[str, str]:
    """For `Codec.flatten`."""
    flags = {key: str(response[key]).lower() for key in ("complete", "text_was_cut", "windows")}
    return {"summary": response["summary"], **flags}


def interface(request: Mapping[str, Any], complete: str, windows: str, **more: Any) -> Interface:
    """The interface of a codec that summarizes.

    request: JSON Schemas of the request's fields. complete, windows: descriptions of these fields of a response. more: further
    fields of `Interface`.
    """
    properties = {
        "summary": {"type": "string"},
        "complete": {"type": "boolean", "description": complete},
        "text_was_cut": {"type": "boolean", "description": "Its end was not read"},
        "windows": {"type": "integer", "minimum": 1, "description": windows},
    }
    return Interface(
        request={"anyOf": [{"type": "object", "properties": request, "required": ["text"]}, TEXT]},
        response={"type": "object", "properties": properties, "required": list(properties)},
        example={"text": "The committee met on Monday. After two hours it agreed on a new budget for the library."},
        **more,
    )
