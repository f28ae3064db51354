"""Text -> prompt -> tokens, one after another -> summary. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import InputError, Interface, Request, Response, Scores, Settings, Steps, message
from framework_summarization.windows import windows
from framework_text.generation.decoding import Sampling
from framework_text.generation.prompts import Answering
from framework_text.generation.sampling import DRAWN, problems_of, sampling_of
from framework_text.generation.streaming import Completion, reader, stream_text
from framework_text.requests import text_of
from framework_text.tokenizer import read_tokenizer

VERSION = 3
BRIEF = 8  # tokens of golden examples, which are answered wherever the artifact is opened
TEXT: Mapping[str, Any] = {"type": "string", "title": message("Text"), "description": message("The text to summarize")}
ODD_TEXTS = ("", " ", "a", "?!", "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")


def as_text(value: str) -> str:
    """A text as it is; of sentences in a JSON list, as files hold them, the text they make."""
    return " ".join(sentence.strip() for sentence in references(value))


def references(value: str) -> list[str]:
    """The texts that a value holds: several where it is a JSON list of them."""
    if value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            return [value]
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return found
    return [value]


class SummarizationCodec(Scores):
    """settings: max_text, max_summary: tokens; windows: of max_text tokens, so many of a text are read at most; max_new_tokens:
    chosen at most, those that begin and end a summary by force among them; end_ids: tokens that end a summary; prefix_ids,
    suffix_ids: tokens before and after the text; answer_prefix_ids, answer_prefix: tokens and text before a summary; sampling:
    how tokens are chosen; decoder_ids: see `Answering`.
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
        given = {name: request[name] for name in self.options if name in request} if isinstance(request, Mapping) else {}
        if problems := problems_of(given, self.options):
            raise InputError(*problems)
        return {"text": text, **given}

    def text_ids(self, request: Request) -> list[int]:
        """Tokens of the text, before it is cut."""
        ids: list[int] = self._encoded(request["text"]).ids
        return ids

    def _encoded(self, text: str) -> Any:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def prompt_ids(self, text_ids: list[int]) -> list[int]:
        return [*self.prefix_ids, *text_ids[: self.max_text], *self.suffix_ids]

    def start(self, request: Request) -> Steps:
        """A summary of each window of the text, joined; as long as these together fill more than a window, of them again."""
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
            joined = " ".join(one.text for one in summaries if one.text)
            length = len(self._encoded(joined).ids)
            if len(summaries) == 1 or length <= self.max_text or length >= places[-1][1]:
                return response(joined, all(one.stopped for one in summaries), cut, read)
            text = joined

    def written(self, summary: str) -> list[int]:
        """Tokens of a summary, before it is cut."""
        ids: list[int] = self._encoded(f"{self.answer_prefix}{summary.strip()}").ids
        return ids

    def answer(self, summary: str) -> list[int]:
        """Tokens of a summary as they are learned, with those around it."""
        return [*self.answer_prefix_ids, *self.written(summary)[: self.max_summary], min(self.end_ids)]

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """nats: of the first summary that the row holds; summary_tokens: in how many tokens."""
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
    """read: windows."""
    return {"summary": summary, "complete": complete, "text_was_cut": cut, "windows": read}


def flat(response: Response) -> dict[str, str]:
    """For `Codec.flatten`."""
    flags = {key: str(response[key]).lower() for key in ("complete", "text_was_cut", "windows")}
    return {"summary": response["summary"], **flags}


def interface(request: Mapping[str, Any], complete: str, windows: str, **more: Any) -> Interface:
    """Of a codec that summarizes. request: its fields. complete, windows: what these mean in a response. more: other fields."""
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
