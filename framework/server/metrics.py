"""Metrics for Prometheus. Several processes share their metrics through files of prometheus_client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

# environment variable with the folder of these files, set in every process before prometheus_client is imported
SHARED = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
disable_created_metrics()  # or prometheus_client adds a timestamp to every series

ABOUT = ("name", "version", "variant", "provider")


class Metrics:
    """The metrics that one process records."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "framework_requests", "HTTP requests answered", ("endpoint", "model", "status"), registry=registry
        )
        self._seconds = Histogram(
            "framework_request_seconds", "From a request's headers to the end of its answer",
            ("endpoint", "model"), buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._inputs = Counter("framework_inputs", "Inputs answered", ("model",), registry=registry)
        self._errors = Counter(
            "framework_errors", "Requests answered with a status of 400 or more", ("status",), registry=registry
        )
        self._batch = Histogram("framework_batch_inputs", "Inputs of one run", ("model",), buckets=ROWS, registry=registry)
        self._run = Histogram("framework_batch_seconds", "Of one run", ("model",), buckets=SECONDS, registry=registry)
        self._queue = Gauge(
            "framework_queue_inputs", "Inputs that wait", ("model",), registry=registry, multiprocess_mode="livesum"
        )
        self._active = Gauge("framework_requests_active", "Requests under way", registry=registry, multiprocess_mode="livesum")
        self._models = Gauge(
            "framework_model_info", "1 for the version that answers", ABOUT, registry=registry, multiprocess_mode="livemax"
        )
        self._refused = Counter("framework_connections_refused", "Closed at once, being too many", registry=registry)
        self._swaps = Counter("framework_swaps", "Swaps and roll-backs asked for", ("outcome",), registry=registry)
        self._counters: dict[tuple[str, str], Counter] = {}
        self._labelled: dict[tuple[object, ...], Any] = {}
        if SHARED not in os.environ:
            ProcessCollector(registry=registry)

    def _series(self, metric: Any, *labels: object) -> Any:
        """The series with these labels, cached: prometheus_client takes a lock and checks the labels every time."""
        key = (metric, *labels)
        if key not in self._labelled:
            self._labelled[key] = metric.labels(*labels)
        return self._labelled[key]

    def record_request(self, endpoint: str, model: str, status: int, seconds: float, inputs: int) -> None:
        self._series(self._requests, endpoint, model, status).inc()
        self._series(self._seconds, endpoint, model).observe(seconds)
        if status >= 400:
            self._series(self._errors, status).inc()
        elif inputs:
            self._series(self._inputs, model).inc(inputs)

    def declare(self, surface: str, counters: Mapping[str, str]) -> None:
        """Creates the counters of a surface. Raises ValueError where a counter of that name exists.

        counters: name of a counter -> description of what it counts.
        """
        for name, about in counters.items():
            counter = Counter(f"framework_{surface}_{name}", about, ("model",), registry=self._registry)
            self._counters[surface, name] = counter

    def count(self, surface: str, name: str, model: str, amount: float) -> None:
        """Adds `amount` to the counter `name` of a surface, with the model's name as label. Raises KeyError unless declared."""
        self._series(self._counters[surface, name], model).inc(amount)

    def change_active(self, change: int) -> None:
        """Adds to the number of requests under way."""
        self._active.inc(change)

    def record_run(self, model: str, inputs: int, seconds: float) -> None:
        self._series(self._batch, model).observe(inputs)
        self._series(self._run, model).observe(seconds)

    def set_queue(self, model: str, inputs: int) -> None:
        self._series(self._queue, model).set(inputs)

    def set_serving(self, about: Mapping[str, Any], serving: bool) -> None:
        """Records whether a version answers. about: from `LoadedModel.about`."""
        self._models.labels(*(about[key] for key in ABOUT)).set(int(serving))

    def record_refused_connection(self) -> None:
        self._refused.inc()

    def record_swap(self, outcome: str) -> None:
        self._swaps.labels(outcome).inc()

    def text(self) -> bytes:
        """The metrics of all processes in the text format of Prometheus."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
