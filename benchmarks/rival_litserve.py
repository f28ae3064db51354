"""The LitServe of benchmarks/rivals.py: a module of its own, because its workers import the class by name.

Annotations are not postponed here, because LitServe inspects them to distinguish body and query.
"""

from typing import Any

import litserve
import torch
from fastapi import Request

from benchmarks.predict_speed import BATCH, MAX_LENGTH, pipeline


class Sentiment(litserve.LitAPI):  # type: ignore[misc]
    def __init__(self, run: str) -> None:
        super().__init__(max_batch_size=BATCH, batch_timeout=0.01, api_path="/v1/predict")
        self.run = run

    def setup(self, device: str) -> None:
        self.answer = pipeline(self.run, torch.float32)

    def decode_request(self, request: Request) -> Any:
        body: Any = request  # LitServe hands over the parsed body
        return body["inputs"]

    def predict(self, texts: Any) -> Any:
        return self.answer(list(texts), batch_size=BATCH, truncation=True, max_length=MAX_LENGTH)

    def encode_response(self, output: Any) -> Any:
        return output


def serve(run: str, host: str, port: int) -> None:
    server = litserve.LitServer(Sentiment(run), accelerator="cpu")
    server.run(host=host, port=port, log_level="warning", generate_client_file=False)
