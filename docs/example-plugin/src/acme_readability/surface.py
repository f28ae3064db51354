"""A way to ask a readability model that is not its own: which sentences of a text to rewrite first."""

from functools import partial
from typing import ClassVar

from acme_readability.codec import EXAMPLE, ReadabilityCodec
from acme_readability.measures import measures, sentences
from framework import Codec, DrawnRanking, Exchange, Operation, Page, Reply, Request, Route, Steps, Surface, message

PATH = "/v1/models/{name}/hardest"
BODY = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SENTENCE = {"type": "object", "properties": {"sentence": {"type": "string"}, "grade": {"type": "number"}}}
ANSWER = {"type": "object", "properties": {"sentences": {"type": "array", "items": SENTENCE}}}


class Hardest(Surface):
    name = "hardest"
    page = Page(message("Hardest sentences"), PATH, drawing=DrawnRanking("sentences", "sentence", score="grade"))
    counters: ClassVar = {"sentences": "Sentences that were graded"}
    lacking = "gives every sentence the same grade"

    def serves(self, codec: Codec) -> bool:
        return isinstance(codec, ReadabilityCodec) and codec.grade is None

    def routes(self) -> list[Route]:
        summary, example = "The sentences of a text, the hardest first", {"text": EXAMPLE}
        return [Route("POST", PATH, self.answer, summary=summary, request=BODY, response=ANSWER, example=example)]

    async def answer(self, exchange: Exchange) -> Reply:
        model = exchange.model()
        assert isinstance(model.codec, ReadabilityCodec)  # no other is served
        body = await exchange.json({"text": EXAMPLE})
        operation = Operation("text", model.codec.parse, partial(ranked, model.codec), numbered=False)
        [response] = await exchange.answers(model, [body], operation)
        exchange.count("sentences", len(response["sentences"]))
        return response


def ranked(codec: ReadabilityCodec, request: Request) -> Steps:
    parts = sentences(request["text"])
    grades = yield from codec.grades([measures(part, codec.long_word) for part in parts])
    pairs = sorted(zip(grades, parts, strict=True), reverse=True)
    return {"sentences": [{"sentence": part, "grade": round(grade, 1)} for grade, part in pairs]}
