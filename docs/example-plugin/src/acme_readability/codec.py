"""A text in, a grade out. numpy and the standard library alone: this module also runs where torch is not installed."""

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from acme_readability.measures import MEASURES, WORD, measures
from framework import Call, InputError, Interface, Request, Response, Steps, Tensors, message

EXAMPLE = "The tide comes in twice a day. It is caused, as Newton explained, by the gravitational attraction of the moon."


class ReadabilityCodec:
    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.long_word: int = settings["long_word"]
        self.grade: float | None = settings.get("grade")  # the same for every text, where there is no graph

    def parse(self, request: Any) -> Request:
        text = request.get("text") if isinstance(request, Mapping) else request
        if not isinstance(text, str) or not WORD.search(text):
            raise InputError(f'a request is a text with at least one word, {{"text": "{EXAMPLE[:30]}"}}')
        return {"text": text}

    def start(self, request: Request) -> Steps:
        values = measures(request["text"], self.long_word)
        [grade] = [self.grade] if self.grade is not None else (yield from self.grades([values]))
        return {"grade": round(grade, 1), **dict(zip(MEASURES, values.round(3).tolist(), strict=True))}

    def grades(self, rows: Sequence[np.ndarray]) -> Generator[Call, Tensors, list[float]]:
        outputs = yield Call("formula", {"input": np.array(rows, dtype=np.float32)})
        grades: list[float] = outputs["grade"][:, 0].tolist()
        return grades

    def flatten(self, response: Response) -> dict[str, str]:
        return {name: str(value) for name, value in response.items()}

    def interface(self) -> Interface:
        text = {"type": "string", "minLength": 1, "description": message("The text to grade")}
        numbers = {name: {"type": "number"} for name in ("grade", *MEASURES)}
        return Interface(
            request={"type": "object", "properties": {"text": text}, "required": ["text"]},
            response={"type": "object", "properties": numbers, "required": list(numbers)},
            example={"text": EXAMPLE},
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        return [{"text": text} for text in ("a", "?! 7", "word " * 2000, "他说：“走吧！”大家就走了。", "naïve café—𝒳 🙂")]
