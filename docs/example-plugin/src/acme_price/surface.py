"""A way to ask a price model that is not its own: what several flats cost together."""

from typing import ClassVar

from acme_price.codec import PriceCodec
from framework import Codec, Exchange, InputError, Page, Reply, Route, Surface

PATH = "/v1/models/{name}/total"
EXAMPLE = {"sizes": [80, 45.5]}
BODY = {"type": "object", "required": ["sizes"], "properties": {"sizes": {"type": "array", "items": {"type": "number"}}}}


class Total(Surface):
    name = "total"
    page = Page("Total", PATH, request=BODY, example=EXAMPLE)
    counters: ClassVar = {"flats": "Flats that were added up"}
    lacking = "has no prices"

    def serves(self, codec: Codec) -> bool:
        return isinstance(codec, PriceCodec)

    def routes(self) -> list[Route]:
        return [Route("POST", PATH, self.answer, summary="What flats cost together", request=BODY, example=EXAMPLE)]

    async def answer(self, exchange: Exchange) -> Reply:
        model = exchange.model()
        body = await exchange.json(EXAMPLE)
        if not isinstance(body, dict) or not isinstance(body.get("sizes"), list):
            raise InputError(f"the body is an object with the key sizes, a list; for example {EXAMPLE}")
        answers = await exchange.answers(model, body["sizes"])
        exchange.count("flats", len(answers))
        return {"total": round(sum(answer["price"] for answer in answers), 2), "flats": len(answers)}
