"""Text -> token ids -> calibrated probabilities -> label. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, InputError, Request, Response, Steps, nearest
from framework_text.tokenizer import read_tokenizer

VERSION = 1
ODD_TEXTS = ("", " ", "a", "?!", "word " * 2000, "x" * 3000, "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")


def answer(labels: Sequence[str], probabilities: np.ndarray) -> Response:
    """The response to one text from its probabilities (classes,)."""
    best = int(probabilities.argmax())
    return {
        "label": labels[best],
        "probability": float(probabilities[best]),
        "probabilities": {label: float(p) for label, p in zip(labels, probabilities, strict=True)},
    }


class ClassificationCodec:
    """settings: labels, in the order of the graph's output."""

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.labels: list[str] = list(settings["labels"])
        self.tokenizer = read_tokenizer(resources)

    def parse(self, request: Any) -> Request:
        text = request.get("text") if isinstance(request, Mapping) else request
        if not isinstance(text, str):
            has = f"; {nearest('text', map(str, request), 'it has')}" if isinstance(request, Mapping) else ""
            raise InputError(f"a request is a text or {{'text': a text}}, not {type(request).__name__}{has}")
        if re.search("[\ud800-\udfff]", text):
            raise InputError("the text is not valid Unicode: it holds half of a surrogate pair")
        return {"text": text}

    def token_ids(self, request: Request) -> list[int]:
        ids: list[int] = self.tokenizer.encode(request["text"]).ids
        return ids

    def start(self, request: Request) -> Steps:
        ids = np.asarray([self.token_ids(request)], dtype=np.int64)
        outputs = yield Call("classifier", {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        probabilities = outputs["probabilities"][0]
        return answer(self.labels, probabilities)

    def flatten(self, response: Response) -> dict[str, str]:
        return {"label": response["label"], "probability": f"{response['probability']:.4f}"}

    @staticmethod
    def odd_requests() -> list[Request]:
        return [{"text": text} for text in ODD_TEXTS]
