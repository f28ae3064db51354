"""A size in, a price out. numpy alone: this module also runs where torch is not installed."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework import Call, InputError, Interface, Request, Response, Steps


class PriceCodec:
    version = 1

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.currency = settings["currency"]
        self.price = settings.get("price")  # the same for every size, where there is no graph

    def parse(self, request: Any) -> Request:
        size = request.get("size") if isinstance(request, Mapping) else request
        try:
            number = float(size)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f'a request is a size, {{"size": 80}}, not {request!r}')
        return {"size": number}

    def start(self, request: Request) -> Steps:
        price = self.price
        if price is None:
            outputs = yield Call("line", {"input": np.array([[request["size"]]], dtype=np.float32)})
            price = float(outputs["price"][0, 0])
        return {"price": round(price, 2), "currency": self.currency}

    def flatten(self, response: Response) -> dict[str, str]:
        return {"price": str(response["price"])}

    def interface(self) -> Interface:
        size = {"type": "number", "description": "Square metres"}
        price = {"price": {"type": "number"}, "currency": {"type": "string", "enum": [self.currency]}}
        return Interface(
            request={"type": "object", "properties": {"size": size}, "required": ["size"]},
            response={"type": "object", "properties": price, "required": list(price)},
            example={"size": 80},
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        return [{"size": 0.0}, {"size": 1e3}]
