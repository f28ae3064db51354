"""Text -> prompt -> tokens, one after another -> summary. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import InputError, Interface, Request, Response, Steps
from framework_summarization.windows import windows
from framework_text.generation.decoding import Sampling
from framework_text.generation.prompts import Answering
from framework_text.generation.sampling import DRAWN, problems_of, sampling_of
from framework_text.generation.streaming import Told, reader, tell
from framework_text.requests import text_of
from framework_text.tokenizer import read_tokenizer

VERSION = 2
BRIEF = 8  # tokens of golden examples, which are answered wherever the artifact is opened
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


class SummarizationCodec:
    """settings: max_text, max_summary: tokens; windows: of max_text tokens, so many of a text are read at most; limit: of the
    tokens chosen, those that begin and end a summary by force among them; ends: tokens that end a summary; begin, prompt:
    tokens before and after the text; before, lead: tokens and text before a summary; sampling: how tokens are chosen; opening:
    see `Answering`.
    """

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.max_text: int = settings["max_text"]
        self.max_summary: int = settings["max_summary"]
        self.windows: int = settings["windows"]
        self.limit: int = settings["limit"]
        self.ends: set[int] = set(settings["ends"])
        self.begin, self.prompt = list(settings["begin"]), list(settings["prompt"])
        self.sampling = Sampling(**settings["sampling"])
        self.before, self.lead = list(settings["before"]), settings["lead"]
        self.answering = Answering(frozenset(self.ends), settings["opening"])
        self.tokenizer = read_tokenizer(resources)
        self.read = reader(self.tokenizer)
        self.options: dict[str, Mapping[str, Any]] = {
            "max_tokens": {
                "type": "integer", "minimum": 1, "maximum": self.limit,
                "description": f"Of the summary of a window of the text; {self.limit} where it is left out",
            },
            **DRAWN,
            "windows": {
                "type": "integer", "minimum": 1, "maximum": self.windows,
                "description": f"Of {self.max_text} tokens of the text, each summarized by itself; what is beyond is not read",
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
        return [*self.begin, *text_ids[: self.max_text], *self.prompt]

    def start(self, request: Request) -> Steps:
        """A summary of each window of the text, joined; as long as these together fill more than a window, of them again."""
        limit, sampling = request.get("max_tokens", self.limit), sampling_of(request, self.sampling)
        text, most, cut, read = request["text"], request.get("windows", self.windows), False, 0
        while True:
            encoded = self._encoded(text)
            places = windows(text, [end for _, end in encoded.offsets], self.max_text, most)
            cut = cut or places[-1][1] < len(encoded.ids)
            told = list[Told]()
            for begin, end in places:
                prompt = self.prompt_ids(encoded.ids[begin:end])
                told.append((yield from tell(self.answering.write(prompt, limit, sampling, self.read), self.read)))
            read += len(places)
            joined = " ".join(one.text for one in told if one.text)
            length = len(self._encoded(joined).ids)
            if len(told) == 1 or length <= self.max_text or length >= places[-1][1]:
                return response(joined, all(one.stopped for one in told), cut, read)
            text = joined

    def written(self, summary: str) -> list[int]:
        """Tokens of a summary, before it is cut."""
        ids: list[int] = self._encoded(f"{self.lead}{summary.strip()}").ids
        return ids

    def answer(self, summary: str) -> list[int]:
        """Tokens of a summary as they are learned, with those around it."""
        return [*self.before, *self.written(summary)[: self.max_summary], min(self.ends)]

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """nats: of the first summary that the row holds; summary_tokens: in how many tokens."""
        answer = self.answer(references(targets["summary"])[0])
        nats = yield from self.answering.likelihood(self.prompt_ids(self.text_ids(request)), answer)
        return {"nats": nats, "summary_tokens": len(answer)}

    def flatten(self, response: Response) -> dict[str, str]:
        flags = {key: str(response[key]).lower() for key in ("complete", "text_was_cut", "windows")}
        return {"summary": response["summary"], **flags}

    def interface(self) -> Interface:
        text = {"type": "string", "title": "Text", "description": "The text to summarize"}
        properties = {
            "summary": {"type": "string"},
            "complete": {"type": "boolean", "description": f"It ended by itself, within {self.max_summary} tokens a window"},
            "text_was_cut": {"type": "boolean", "description": "Its end was not read"},
            "windows": {"type": "integer", "minimum": 1, "description": f"Read one by one, of at most {self.max_text} tokens"},
        }
        fields = {"text": text, **self.options}
        return Interface(
            request={"anyOf": [{"type": "object", "properties": fields, "required": ["text"]}, text]},
            response={"type": "object", "properties": properties, "required": list(properties)},
            example={"text": "The committee met on Monday. After two hours it agreed on a new budget for the library."},
            golden_overrides={"max_tokens": min(BRIEF, self.limit), "windows": 1},
            is_argmax=self.sampling.greedy,
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        return [*({"text": text} for text in ODD_TEXTS), {"text": "word " * 2000, "windows": 3}]


def response(summary: str, complete: bool, cut: bool, read: int) -> Response:
    """read: windows."""
    return {"summary": summary, "complete": complete, "text_was_cut": cut, "windows": read}
