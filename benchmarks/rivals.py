"""Servers around transformers' pipeline, to compare with: started by benchmarks/serving.py.

    python benchmarks/rivals.py fastapi runs/sentiment/latest 8001
    python benchmarks/rivals.py litserve runs/sentiment/latest 8002

Both take {"inputs": TEXT} and answer with the label and its probability. They need fastapi, uvicorn and litserve.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from benchmarks.predict_speed import MAX_LENGTH, pipeline

HOST = "127.0.0.1"


def fastapi(run: str, port: int) -> None:
    """A FastAPI function, run in a thread for each request, as in its documentation."""
    import uvicorn
    from fastapi import Body, FastAPI

    answer = pipeline(run, torch.float32)
    app = FastAPI()

    @app.post("/v1/predict")
    def predict(inputs: str = Body(embed=True)) -> Any:
        return answer(inputs, truncation=True, max_length=MAX_LENGTH)[0]

    uvicorn.run(app, host=HOST, port=port, log_level="warning")


def litserve(run: str, port: int) -> None:
    """LitServe with its batching: up to 32 requests, waiting up to 10 ms for them."""
    from benchmarks.rival_litserve import serve

    serve(run, HOST, port)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", choices=("fastapi", "litserve"))
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    {"fastapi": fastapi, "litserve": litserve}[options.server](options.run, options.port)


if __name__ == "__main__":
    main()
