"""What Prometheus reads. In several processes, those of all of them, added up by prometheus_client's files."""

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

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # set before prometheus_client is imported, in every process
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
disable_created_metrics()  # a timestamp beside every series, which nobody asks for

ABOUT = ("name", "version", "variant", "provider")


class Metrics:
    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._own = registry = CollectorRegistry()
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
        self._known: dict[tuple[object, ...], Any] = {}
        if SHARED not in os.environ:
            ProcessCollector(registry=registry)

    def _series(self, metric: Any, *labels: object) -> Any:
        """That of these labels; prometheus_client takes a lock and checks them every time."""
        key = (metric, *labels)
        if key not in self._known:
            self._known[key] = metric.labels(*labels)
        return self._known[key]

    def answered(self, endpoint: str, model: str, status: int, seconds: float, inputs: int) -> None:
        self._series(self._requests, endpoint, model, status).inc()
        self._series(self._seconds, endpoint, model).observe(seconds)
        if status >= 400:
            self._series(self._errors, status).inc()
        elif inputs:
            self._series(self._inputs, model).inc(inputs)

    def declare(self, surface: str, counters: Mapping[str, str]) -> None:
        """Makes the counters of a surface, name -> what it counts. Raises ValueError where one of that name is there."""
        for name, about in counters.items():
            counter = Counter(f"framework_{surface}_{name}", about, ("model",), registry=self._own)
            self._counters[surface, name] = counter

    def counted(self, surface: str, name: str, model: str, amount: float) -> None:
        """Raises KeyError for what was not declared."""
        self._series(self._counters[surface, name], model).inc(amount)

    def active(self, change: int) -> None:
        self._active.inc(change)

    def ran(self, model: str, rows: int, seconds: float) -> None:
        self._series(self._batch, model).observe(rows)
        self._series(self._run, model).observe(seconds)

    def queued(self, model: str, inputs: int) -> None:
        self._series(self._queue, model).set(inputs)

    def serving(self, about: Mapping[str, Any], now: bool) -> None:
        self._models.labels(*(about[key] for key in ABOUT)).set(int(now))

    def refused(self) -> None:
        self._refused.inc()

    def swapped(self, outcome: str) -> None:
        self._swaps.labels(outcome).inc()

    def text(self) -> bytes:
        if SHARED not in os.environ:
            return generate_latest(self._own)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
