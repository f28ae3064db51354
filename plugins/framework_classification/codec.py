"""Codecs of classifiers: text -> token ids -> calibrated probabilities -> label. No torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, DrawnLabel, Interface, Request, Response, Steps, message
from framework_text.requests import text_of
from framework_text.tokenizer import read_tokenizer, token_ids

VERSION = 1
ODD_TEXTS = ("", " ", "a", "?!", "word " * 2000, "x" * 3000, "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")


def answer(
    labels: Sequence[str], probabilities: np.ndarray, threshold: float | None = None, familiarity: Response | None = None
) -> Response:
    """The response to one text from its probabilities (classes,); it abstains where the largest is below `threshold`.

    familiarity: fields about the familiarity of the text.
    """
    best = int(probabilities.argmax())
    response: Response = {"label": labels[best], "probability": float(probabilities[best]), **(familiarity or {})}
    if threshold is not None:
        response |= {"abstains": bool(probabilities[best] < threshold), "threshold": threshold}
    return response | {"probabilities": {label: float(p) for label, p in zip(labels, probabilities, strict=True)}}


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / temperature) over the last axis: the probabilities as another temperature would have given them."""
    scores = np.log(np.maximum(probabilities, 1e-30)) / temperature
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    rescaled: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return rescaled


TEXT: dict[str, Any] = {
    "type": "string",
    "title": message("Text"),
    "description": message("The text to classify, in any length"),
}
REQUEST: dict[str, Any] = {"anyOf": [{"type": "object", "properties": {"text": TEXT}, "required": ["text"]}, TEXT]}
SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
EXAMPLE = {"text": "What a lovely day, thank you all!"}


class TextCodec(ABC):
    """A base class of codecs whose requests are texts. settings: ``labels``, in the order of the probabilities."""

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.labels: list[str] = list(settings["labels"])

    def parse(self, request: Any) -> Request:
        return {"text": text_of(request)}

    @abstractmethod
    def respond(self, probabilities: np.ndarray) -> Response:
        """The response to one text from the graph's probabilities (classes,)."""

    @staticmethod
    def odd_requests() -> list[Request]:
        return [{"text": text} for text in ODD_TEXTS]


class LabelCodec(TextCodec):
    """A base class of codecs that answer with one label: everything but computing the probabilities."""

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        """settings: ``labels``, in the order of the probabilities; ``calibrated_at``, the temperature within the graph;
        ``temperature`` of a lossy file, applied on top of it; ``threshold``, the probability below which an answer abstains;
        ``familiarity_threshold``, the familiarity below which a text is unfamiliar, of a graph that has this output;
        ``out_of_scope``, the label of rows that belong to no class.
        """
        super().__init__(settings, resources)
        self.temperature: float = settings.get("temperature", 1.0)
        self.threshold: float | None = settings.get("threshold")
        self.familiarity_threshold: float | None = settings.get("familiarity_threshold")
        self.out_of_scope: str | None = settings.get("out_of_scope")
        calibrated_at: float | None = settings.get("calibrated_at")
        self.scale = None if calibrated_at is None else calibrated_at * self.temperature
        """The temperature of the answered probabilities; None where none was fitted."""

    def respond(self, probabilities: np.ndarray, familiarity: float | None = None) -> Response:
        """The response to one text from the graph's probabilities (classes,) and its familiarity, if the graph computes it."""
        if self.temperature != 1.0:
            probabilities = tempered(probabilities, self.temperature)
        fields: Response = {}
        if self.familiarity_threshold is not None and familiarity is not None:
            fields = {"familiar": familiarity >= self.familiarity_threshold, "familiarity": familiarity}
        return answer(self.labels, probabilities, self.threshold, fields)

    def flatten(self, response: Response) -> dict[str, str]:
        flat = {"label": response["label"], "probability": f"{response['probability']:.4f}"}
        if "familiar" in response:
            flat |= {"familiar": str(response["familiar"]).lower(), "familiarity": f"{response['familiarity']:.4f}"}
        return flat | ({"abstains": str(response["abstains"]).lower()} if "abstains" in response else {})

    def interface(self) -> Interface:
        properties: dict[str, Any] = {
            "label": {"type": "string", "enum": self.labels},
            "probability": {**SHARE, "description": "Calibrated probability of the label"},
            "probabilities": {
                "type": "object",
                "additionalProperties": SHARE,
                "description": "Of every label; they add up to 1",
            },
        }
        if self.familiarity_threshold is not None:
            properties["familiar"] = {"type": "boolean", "description": "The text is like those that the model was made for"}
            about = f"Of the text, 0.5 for a typical one; below {self.familiarity_threshold:.4g} it is not familiar"
            properties["familiarity"] = {**SHARE, "description": about}
        if self.threshold is not None:
            properties["abstains"] = {"type": "boolean", "description": "The probability is below the threshold"}
            properties["threshold"] = SHARE
        return Interface(
            request=REQUEST,
            response={"type": "object", "properties": properties, "required": list(properties)},
            example=EXAMPLE,
            drawing=DrawnLabel("label", "probabilities", "abstains", "familiar"),
        )


class FromTokens(TextCodec):
    """A base class of codecs that compute probabilities from token ids. resources: the tokenizer."""

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        super().__init__(settings, resources)
        self.tokenizer = read_tokenizer(resources)

    def token_ids(self, request: Request) -> list[int]:
        """The token ids of the request's text, special ones included."""
        return token_ids(self.tokenizer, request["text"])

    def call(self, request: Request) -> Call:
        """The call of the graph with the request's text."""
        ids = np.asarray([self.token_ids(request)], dtype=np.int64)
        return Call("classifier", {"input_ids": ids, "attention_mask": np.ones(ids.shape, np.int64)})

    def start(self, request: Request) -> Steps:
        outputs = yield self.call(request)
        return self.respond(outputs["probabilities"][0])


class ClassificationCodec(FromTokens, LabelCodec):
    """Text -> token ids -> probabilities -> label. settings: those of `LabelCodec`; resources: the tokenizer."""

    def start(self, request: Request) -> Steps:
        outputs = yield self.call(request)
        familiarity = float(outputs["familiarity"][0]) if self.familiarity_threshold is not None else None
        return self.respond(outputs["probabilities"][0], familiarity)
